"""Provider simulators over real sockets on loopback.

``with World() as world:`` starts every simulated provider; unmodified SDKs reach them by the
providers' own names. Break them with ``world.fal.fail(503)`` and the like, then look at what they
received and billed. Needs the ``sim`` extra.

A new provider is one file with a subclass of ``Provider``, listed in ``world.PROVIDERS``.
"""

from __future__ import annotations

from failover.sim.http1 import Reply, Request
from failover.sim.jobs import Pace
from failover.sim.world import World

__all__ = ["Pace", "Reply", "Request", "World"]

"""The demo: unmodified SDKs go through outages of simulated providers and get their pictures."""

from __future__ import annotations

from failover.demo.show import run

__all__ = ["run"]

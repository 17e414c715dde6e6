"""Hosts that are no provider: they record what they receive, and answer what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failover.sim.delivery import Delivery
from failover.sim.http1 import Reply, Request
from failover.sim.ledger import Ledger, Received

if TYPE_CHECKING:
    from collections.abc import Callable

NOBODY = "other"


def not_found(_request: Request) -> Reply:
    """Answer 404."""
    return Reply.of_json(404, {"detail": "Not Found"})


class RecordingHost:
    """A host outside every provider, such as a stranger's server.

    Args:
        name: Its host name.
        answer: What it says to a request.
    """

    def __init__(self, name: str, answer: Callable[[Request], Reply] = not_found) -> None:
        self.name = name
        self._answer = answer
        self.ledger = Ledger()

    @property
    def requests(self) -> list[Received]:
        """Every request received, in order."""
        return self.ledger.all()

    def answer(self, request: Request) -> Delivery:
        """Record and answer one request."""
        entry = Received(NOBODY, request)
        self.ledger.enter(entry)
        reply = self._answer(request)
        entry.status = reply.status
        return Delivery(reply)

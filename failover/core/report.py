"""What is said about a call that did not go the plain way: the trail, and the `x-failover` header.

The header is built from names the program itself knows, never from a provider's words (S15).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from failover.core.types import NoReply, Reply

HEADER = "x-failover"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One send that failed, or was spared because the caller's own provider was cooling.

    Args:
        provider: who was asked.
        endpoint: which of its endpoints.
        reason: `429`, `timeout`, `cooling`, `job-failed` …
        bill: `N` not sent, `R` refused, `U` unknown, `A` accepted.
        seconds: how long it took.
        status: the HTTP status, if there was one.
    """

    provider: str
    endpoint: str
    reason: str
    bill: str
    seconds: float
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a call came to its answer.

    Found in `response.extensions["failover"]` (httpx, httpx2), `response.failover` (requests) and
    `exception.failover`, only where others than the caller's own provider were tried.

    Args:
        model: canonical model name; empty when unknown.
        provider: who gave the answer.
        attempts: sends, the successful one included.
        dropped: parameters that could not be carried.
        changed: what was approximated, one line each.
        failures: what failed, in order.
        possible_duplicate: an earlier send may have been billed as well.
    """

    model: str
    provider: str
    attempts: int
    dropped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    failures: tuple[Attempt, ...] = ()
    possible_duplicate: bool = False

    @property
    def header(self) -> str:
        """The value of the `x-failover` header."""
        reasons = ",".join(f"{failure.provider}:{failure.reason}" for failure in self.failures)
        told = f"provider={self.provider}; attempts={self.attempts}"
        return f"{told}; reason={reasons}" if reasons else told


class Answer(NamedTuple):
    """The end of a flow: what the caller gets, and the report when there is something to tell."""

    reply: Reply | NoReply
    report: Report | None = None

"""Every way in which a provider can fail at submit, and what that means for the caller's money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from acceptance.stage import Call
    from failover.sim.provider import Provider

TOO_LATE = {"stream": {"cut-body", "schemaless", "null", "half-json"}}
"""What strikes when the caller already has a piece of the answer: then nothing can be done."""
CALLERS_PATIENCE = 0.6  # seconds of the timeout of a caller whose provider hangs
SPREAD = 10
GATEWAY = b"<html><body>The gateway has given up.</body></html>"


@dataclass(frozen=True)
class Failure:
    """One way to fail.

    Attributes:
        name: what it is called in the names of tests.
        strike: makes a provider fail so, at submits.
        reason: how a report names it.
        unknown: whether the generation may have been made and billed.
        arrives: whether the provider's API sees the request.
        timeout: the caller's own timeout in seconds, if it matters.
    """

    name: str
    strike: Callable[[Provider], object]
    reason: str
    unknown: bool = False
    arrives: bool = True
    timeout: float | None = None

    def __str__(self) -> str:
        return self.name


def _status(status: int) -> Failure:
    return Failure(f"{status}", lambda provider: provider.fail(status), str(status))


FAILURES = (
    Failure("429", lambda p: p.fail(kind="rate"), "429"),
    _status(500),
    Failure("502", lambda p: p.garbage(GATEWAY, status=502), "502", unknown=True),
    _status(503),
    Failure("504", lambda p: p.garbage(GATEWAY, status=504), "504", unknown=True),
    _status(529),
    _status(401),
    Failure("locked", lambda p: p.fail(kind="locked"), "40[23]"),
    _status(402),
    Failure("refused", lambda p: p.refuse(), "connect", arrives=False),
    Failure("dns", lambda p: p.dns_failure(), "dns", arrives=False),
    Failure("bad-tls", lambda p: p.bad_tls(), "tls", arrives=False),
    Failure("reset", lambda p: p.reset(), "reset", unknown=True),
    Failure("hang", lambda p: p.hang(), "timeout", unknown=True, timeout=CALLERS_PATIENCE),
    Failure("cut-body", lambda p: p.cut("body"), "reset|malformed", unknown=True),
    Failure("cut-headers", lambda p: p.cut("headers"), "reset|malformed", unknown=True),
    Failure("not-http", lambda p: p.garbage(b"", status=None), "reset", unknown=True),
    Failure("html-200", lambda p: p.garbage(), "malformed", unknown=True),
    Failure("schemaless", lambda p: p.lie("schemaless", on="submit"), "malformed", unknown=True),
    Failure("null", lambda p: p.lie("null", on="submit"), "malformed", unknown=True),
    Failure("half-json", lambda p: p.lie("truncated", on="submit"), "malformed", unknown=True),
)
BY_NAME = {failure.name: failure for failure in FAILURES}


def pairs(calls: tuple[Call, ...], *, every: tuple[str, ...]) -> list[tuple[Call, Failure]]:
    """Pair calls with failures: some calls with each, the others with a spread that covers all.

    Args:
        calls: the calls.
        every: names of the calls that meet every failure.
    """
    found = []
    for index, call in enumerate(calls):
        for number, failure in enumerate(FAILURES):
            chosen = call.name in every or (number + index) % SPREAD == 0
            if chosen and failure.name not in TOO_LATE.get(call.phase, set()) | call.immune:
                found.append((call, failure))
    return found


def named(pair: tuple[Call, Failure]) -> str:
    """Name a pair in the name of a test."""
    return f"{pair[0]}-{pair[1]}"

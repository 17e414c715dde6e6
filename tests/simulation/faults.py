"""What can go wrong with a submit, and what has to follow from it.

The right half of each row is the specification (reliability semantics D-1, D-2), written down a
second time on purpose: it is what the program's own table is judged by.
"""

from __future__ import annotations

from dataclasses import dataclass

from failover.core.types import Trouble

NEXT, STOP = "next", "stop"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a submit to end.

    Args:
        name: of the row.
        status: of the reply, or None when there is none.
        trouble: why there is none.
        bill: `N` not sent, `R` refused, `U` unknown, `A` accepted.
        own: at the caller's own provider: may the call go on to the NEXT, or must it STOP?
        elsewhere: the same at an alternative.
        scope: kind of the scope that it speaks against, or None.
        accepts: the provider makes a job of it all the same.
        kind: how the body reads: `plain`, `gateway`, `policy`, `locked`, `typed`, `junk`, `cut`.
        asks: how it says when to come back: `seconds`, `date`, `ms`, `hint`, or nothing.
        families: wire formats that have it.
        again: the request may be sent once more at once, over a fresh connection.
    """

    name: str
    status: int | None = None
    trouble: Trouble | None = None
    bill: str = "R"
    own: str = NEXT
    elsewhere: str = NEXT
    scope: str | None = None
    accepts: bool = False
    kind: str = "plain"
    asks: str = ""
    families: tuple[str, ...] = ("fal", "replicate")
    again: bool = False

    @property
    def paid(self) -> bool:
        """Whether a further submit could be a second bill."""
        return self.bill in "UA"


OK = Fault("ok", 200, bill="A", accepts=True)


def _status(status: int, scope: str | None = None, **more: object) -> Fault:
    return Fault(str(more.pop("name", status)), status, scope=scope, **more)  # type: ignore[arg-type]


def _trouble(trouble: Trouble, **more: object) -> Fault:
    name = str(more.pop("name", trouble.value))
    return Fault(name, None, trouble, **more)  # type: ignore[arg-type]


_FAL, _REPLICATE = ("fal",), ("replicate",)
_ROWS = (
    _status(500, "model"),
    _status(503, "model"),
    _status(503, "model", name="503-asks", asks="seconds"),
    _status(507, "model"),
    _status(529, "model"),
    _status(502, "model", bill="U", kind="gateway"),
    _status(504, "model", bill="U", kind="gateway"),
    _status(520, "model", bill="U", kind="gateway", accepts=True),
    _status(524, "model", bill="U", kind="gateway", accepts=True),
    _status(599, "model", bill="U", kind="gateway"),
    _status(502, "model", name="502-app", kind="typed", families=_FAL),
    _status(429, "key"),
    _status(429, "key", name="429-seconds", asks="seconds"),
    _status(429, "key", name="429-date", asks="date"),
    _status(429, "key", name="429-ms", asks="ms"),
    _status(429, "key", name="429-hint", asks="hint", families=_REPLICATE),
    _status(401, "key"),
    _status(402, "key"),
    _status(403, "key", name="403-locked", kind="locked", families=_FAL),
    _status(403, "key-model"),
    _status(400, own=STOP),
    _status(404, own=STOP),
    _status(405, own=STOP),
    _status(413, own=STOP),
    _status(418, own=STOP),
    _status(422, own=STOP),
    _status(422, name="policy", own=STOP, elsewhere=STOP, kind="policy", families=_FAL),
    _status(408, "model", bill="N"),
    _status(425, bill="N", again=True),
    _status(409, own=STOP, elsewhere=STOP),
    _trouble(Trouble.DNS, bill="N", scope="host", again=True),
    _trouble(Trouble.CONNECT, bill="N", scope="host", again=True),
    _trouble(Trouble.CONNECT_TIMEOUT, bill="N", scope="host", again=True),
    _trouble(Trouble.PROXY, bill="N", scope="host", again=True),
    _trouble(Trouble.TLS, bill="N", scope="host"),
    _trouble(Trouble.WRITE, bill="N", scope="host"),
    _trouble(Trouble.WRITE_TIMEOUT, bill="N", scope="host"),
    _trouble(Trouble.READ_TIMEOUT, name="timeout-lost", bill="U", scope="slow"),
    _trouble(Trouble.READ_TIMEOUT, name="timeout-done", bill="U", scope="slow", accepts=True),
    _trouble(Trouble.RESET, name="reset-before", bill="U", scope="slow"),
    _trouble(Trouble.RESET, name="reset-after", bill="U", scope="slow", accepts=True),
    _trouble(Trouble.DECODING, bill="U", scope="model", accepts=True),
    _trouble(Trouble.REDIRECTS, bill="U", own=STOP, elsewhere=STOP, scope="host-elsewhere"),
    _trouble(Trouble.POOL_TIMEOUT, bill="N", own=STOP),
    _trouble(Trouble.MISUSE, bill="N", own=STOP),
    _trouble(Trouble.OTHER, bill="U", own=STOP, elsewhere=STOP),
    _status(200, "model", name="malformed", bill="U", kind="junk"),
    _status(200, "model", name="cut", bill="U", kind="cut", accepts=True),
)
FAULTS: dict[str, Fault] = {row.name: row for row in _ROWS}
SCOPED_KEYS = tuple(name for name, row in FAULTS.items() if row.scope in ("key", "key-model"))
OUTAGE = ("dns", "connect", "connect-timeout")

FATES: dict[str, Fault] = {
    "fails": Fault("job-fails", 500, bill="A", scope="model", kind="typed"),
    "never-ran": Fault("job-never-ran", 503, bill="R", scope="model", kind="never-ran"),
    "bad-input": Fault("job-bad-input", 422, bill="A", own=STOP, elsewhere=STOP),
    "nsfw": Fault("job-policy", 422, bill="A", own=STOP, elsewhere=STOP, kind="policy"),
    "hangs": Fault("job-hangs", None, Trouble.READ_TIMEOUT, bill="U", scope="slow", accepts=True),
    "lost": Fault("job-lost", 404, bill="A"),
}
"""How a job that was accepted can end badly; `status` is what a blocking caller is told."""

LATE = Fault("job-late", 504, bill="R", scope="model")
OVERDUE = Fault("job-overdue", None, bill="A", scope="model")
UNREADABLE = Fault("job-unreadable", None, bill="A", scope="model")

POLL_FAULTS = ("500", "429", "reset", "timeout", "cut", "connect")
SLOW_OWN, SLOW_ELSEWHERE = 60.0, 30.0

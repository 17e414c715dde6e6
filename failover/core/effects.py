"""What a flow may ask of the world, and the type of each answer.

Rules:
- A flow is a generator. It yields effects and is sent their answers; it never does I/O itself.
- Library exceptions never enter a flow: a send answers `Reply` or `NoReply`.
- Store effects never raise: a broken store answers as an empty one.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from failover.core.health import Admission, Standing
from failover.core.types import Job, NoReply, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.core.health import Evidence
    from failover.core.types import Request
    from failover.events import Event

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Asks(Generic[T_co]):
    """Base of every effect; the parameter is the type of its answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Forward(Asks[Reply | NoReply]):
    """Send the caller's own request, unchanged, through his own client.

    Args:
        read: read the reply's body so that it can be judged; False leaves it streaming.
        key: id of another key of the same provider to put in place of the caller's.
        limit: seconds that no single wait may exceed, where the user set a deadline.
    """

    read: bool = True
    key: str | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Send(Asks[Reply | NoReply]):
    """Send a request of ours to a provider.

    Args:
        provider: whose key goes in, and whose origins it may go to.
        key: id of the key.
        request: the request, without a credential.
        timeout: seconds this send may take.
    """

    provider: str
    key: str
    request: Request
    timeout: float


@dataclass(frozen=True, slots=True)
class Sleep(Asks[None]):
    """Let time pass between two polls."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit(Asks[None]):
    """Tell the listeners."""

    event: Event


@dataclass(frozen=True, slots=True)
class ReadHealth(Asks[None]):
    """Refresh the local view of what is cooling, if it is old."""


@dataclass(frozen=True, slots=True)
class NoteFailure(Asks[Standing | None]):
    """Add evidence against a scope."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class NoteSuccess(Asks[tuple[str, ...]]):
    """Scopes have served a call, each under the generation in which the attempt started."""

    scopes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Admit(Asks[Admission]):
    """Ask whether this call may be the one that probes an expired scope.

    Args:
        scope: the scope.
        lease: seconds the probe may take.
    """

    scope: str
    lease: float


@dataclass(frozen=True, slots=True)
class Release(Asks[None]):
    """Give a probe back without an opinion."""

    scope: str
    generation: int


@dataclass(frozen=True, slots=True)
class FindJob(Asks[Job | None]):
    """Look up a job by the id the caller holds."""

    id: str


@dataclass(frozen=True, slots=True)
class SaveJob(Asks[None]):
    """Remember where a job runs.

    Args:
        job: the record.
        ttl: seconds to keep it.
    """

    job: Job
    ttl: float


Effect: TypeAlias = (
    Forward
    | Send
    | Sleep
    | Emit
    | ReadHealth
    | NoteFailure
    | NoteSuccess
    | Admit
    | Release
    | FindJob
    | SaveJob
)
Flow: TypeAlias = Generator[Effect, Any, T]


def ask(effect: Asks[T]) -> Flow[T]:
    """Yield one effect and return its answer, typed.

    Args:
        effect: what to ask.

    Returns:
        What the driver sent back.
    """
    answer: T = yield effect  # type: ignore[misc]  # Effect is the closed union of all Asks
    return answer

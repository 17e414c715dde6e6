"""What happened, told to listeners as frozen values in the past tense.

A listener is any callable that takes one event. Listeners are called synchronously, in the order
things happen; what they raise is logged and swallowed. No event holds a body, a prompt, a header
or a key; keys appear as ids only.

`at` is wall-clock seconds since the epoch, `seconds` a duration, `call_id` names one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMatched:
    """A generation call was recognised."""

    call_id: str
    provider: str
    endpoint: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """A send to one provider failed, whatever is done about it next.

    `bill` is what is known about the charge: `N` not sent, `R` refused, `U` unknown, `A` accepted.
    """

    call_id: str
    model: str
    provider: str
    endpoint: str
    attempt: int
    reason: str
    bill: str
    seconds: float
    at: float
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerouted:
    """A call was served by another provider than the one it was sent to."""

    call_id: str
    model: str
    source: str
    target: str
    reason: str
    attempt: int
    seconds: float
    at: float
    possible_duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRerouted:
    """A failing call could not be served elsewhere, and why.

    `reason`: `webhook`, `body`, `no-key`, `no-equivalent`, `headers`, `deadline`, `attempts`,
    `duplicate-budget`, `resubmit`, or a word of the catalog such as `essential`.
    """

    call_id: str
    provider: str
    endpoint: str
    reason: str
    at: float
    target: str | None = None
    parameter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamsDropped:
    """A translation could not carry everything the caller said."""

    call_id: str
    model: str
    source: str
    target: str
    dropped: tuple[str, ...]
    changed: tuple[str, ...]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownStarted:
    """A scope is out of rotation for some seconds."""

    scope: str
    provider: str
    reason: str
    seconds: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownEnded:
    """A scope that was cooling has served a call again."""

    scope: str
    provider: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """Every candidate failed; the caller got his own provider's answer."""

    call_id: str
    model: str
    provider: str
    attempts: tuple[str, ...]
    seconds: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWithheld:
    """A provider's key was taken off a request that was going to a foreign origin."""

    provider: str
    host: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFailed:
    """The store did not do what it was asked; memory took over."""

    operation: str
    error_type: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectFound:
    """An error of this library was caught; the call went on as if it were not installed."""

    where: str
    error_type: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished:
    """A recognised call came to its answer."""

    call_id: str
    model: str
    provider: str
    outcome: str
    attempts: int
    seconds: float
    at: float


Event: TypeAlias = (
    CallMatched
    | AttemptFailed
    | Rerouted
    | NotRerouted
    | ParamsDropped
    | CooldownStarted
    | CooldownEnded
    | Exhausted
    | KeyWithheld
    | StoreFailed
    | DefectFound
    | CallFinished
)


class Listener(Protocol):
    """Anything that is called with an event."""

    def __call__(self, event: Event, /) -> None:
        """Take note of one event."""

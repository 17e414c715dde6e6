"""What the user decides about reroutes, validated once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from failover.errors import ConfigurationError

Seconds: TypeAlias = float | timedelta
FIDELITIES = ("exact", "close", "any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How far a failing call may go.

    Args:
        attempts: sends of one call at the most, the first included.
        deadline: seconds for the whole call; None keeps the caller's own timeout, doubled when the
            first attempt used it up.
        job_deadline: seconds a job elsewhere may take while the caller sets no limit of his own.
        fidelity: what a translation may change: `exact` nothing the caller said, `close` nearest
            legal values within five per cent of shape, `any` whatever keeps the essentials.
        on_unknown: after a send whose outcome nobody knows (it may have been billed), `failover`
            tries elsewhere once, `surface` gives the caller the error.
        cooldown: seconds a failing provider is left alone the first time; doubles each time.
        max_cooldown: the longest that gets, unless the provider asks for more.

    Raises:
        ConfigurationError: a value that can't be.
    """

    attempts: int = 3
    deadline: Seconds | None = None
    job_deadline: Seconds = 180.0
    fidelity: Literal["exact", "close", "any"] = "close"
    on_unknown: Literal["failover", "surface"] = "failover"
    cooldown: Seconds = 10.0
    max_cooldown: Seconds = 300.0

    def __post_init__(self) -> None:
        if (
            not isinstance(self.attempts, int)
            or isinstance(self.attempts, bool)
            or self.attempts < 1
        ):
            raise ConfigurationError("Policy.attempts must be a whole number of at least 1")
        if self.fidelity not in FIDELITIES:
            raise ConfigurationError(f"Policy.fidelity must be one of {', '.join(FIDELITIES)}")
        if self.on_unknown not in ("failover", "surface"):
            raise ConfigurationError("Policy.on_unknown must be 'failover' or 'surface'")
        for name in ("deadline", "job_deadline", "cooldown", "max_cooldown"):
            value = getattr(self, name)
            if value is not None or name != "deadline":
                object.__setattr__(self, name, _seconds(name, value))
        if self.max_cooldown < self.cooldown:  # type: ignore[operator]  # both are floats by now
            raise ConfigurationError("Policy.max_cooldown must not be less than cooldown")


def _seconds(name: str, value: object) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1e7:
        raise ConfigurationError(f"Policy.{name} must be a positive number of seconds")
    return float(value)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the user's own, and where it is served.

    Args:
        name: its canonical name, of the user's choice.
        fal: its endpoint at fal, such as `acme/style`.
        replicate: its slug at Replicate, such as `acme/style`.
    """

    name: str
    fal: str | None = None
    replicate: str | None = None

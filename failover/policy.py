"""What the user decides about reroutes, validated once."""

from __future__ import annotations

from failover.errors import ConfigurationError

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any, Literal, NoReturn, TypeAlias

    Seconds: TypeAlias = float | timedelta

FIDELITIES = ("exact", "close", "any")


class _Fixed:
    """A value object; its import costs nothing, unlike a dataclass'."""

    __slots__ = ()

    def _set(self, **fields: object) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _fields(self) -> dict[str, Any]:
        names: tuple[str, ...] = type(self).__slots__
        return {name: getattr(self, name) for name in names}

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is fixed; make a new one")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._fields() == self._fields()

    def __hash__(self) -> int:
        return hash(tuple(self._fields().items()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._fields().items())
        return f"{type(self).__name__}({shown})"


class Policy(_Fixed):
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

    __slots__ = (
        "attempts",
        "cooldown",
        "deadline",
        "fidelity",
        "job_deadline",
        "max_cooldown",
        "on_unknown",
    )
    attempts: int
    deadline: float | None
    job_deadline: float
    fidelity: str
    on_unknown: str
    cooldown: float
    max_cooldown: float

    def __init__(
        self,
        *,
        attempts: int = 3,
        deadline: Seconds | None = None,
        job_deadline: Seconds = 180.0,
        fidelity: Literal["exact", "close", "any"] = "close",
        on_unknown: Literal["failover", "surface"] = "failover",
        cooldown: Seconds = 10.0,
        max_cooldown: Seconds = 300.0,
    ) -> None:
        if type(attempts) is not int or attempts < 1:
            raise ConfigurationError("Policy.attempts must be a whole number of at least 1")
        if fidelity not in FIDELITIES:
            raise ConfigurationError(f"Policy.fidelity must be one of {', '.join(FIDELITIES)}")
        if on_unknown not in ("failover", "surface"):
            raise ConfigurationError("Policy.on_unknown must be 'failover' or 'surface'")
        self._set(
            attempts=attempts,
            deadline=None if deadline is None else _seconds("deadline", deadline),
            job_deadline=_seconds("job_deadline", job_deadline),
            fidelity=fidelity,
            on_unknown=on_unknown,
            cooldown=_seconds("cooldown", cooldown),
            max_cooldown=_seconds("max_cooldown", max_cooldown),
        )
        if self.max_cooldown < self.cooldown:
            raise ConfigurationError("Policy.max_cooldown must not be less than cooldown")


def _seconds(name: str, value: Any) -> float:
    if hasattr(value, "total_seconds"):
        value = value.total_seconds()
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1e7:
        raise ConfigurationError(f"Policy.{name} must be a positive number of seconds")
    return float(value)


class Model(_Fixed):
    """A model of the user's own, and where it is served.

    Args:
        name: its canonical name, of the user's choice.
        fal: its endpoint at fal, such as `acme/style`.
        replicate: its slug at Replicate, such as `acme/style`, followed by a colon and the
            version's 64 digits if it is not one of Replicate's official models.
    """

    __slots__ = ("fal", "name", "replicate")
    name: str
    fal: str | None
    replicate: str | None

    def __init__(self, name: str, *, fal: str | None = None, replicate: str | None = None) -> None:
        if not name:
            raise ConfigurationError("Model: a model needs a name")
        for provider, slug in (("fal", fal), ("replicate", replicate)):
            if slug is not None and ("/" not in slug or slug.strip("/") != slug):
                raise ConfigurationError(
                    f"Model({name!r}): {provider}={slug!r} is not of the form 'owner/name'"
                )
        self._set(name=name, fal=fal, replicate=replicate)

"""The user's policy, in the form the flow reads: plain numbers, validated elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides a call.

    Args:
        attempts: sends of one call at the most, the first included.
        deadline: seconds for the whole call, or None for the caller's own timeout.
        job_deadline: seconds a job elsewhere may take when the caller set no limit.
        fidelity: `exact`, `close` or `any`.
        on_unknown: `failover` or `surface`, after an outcome nobody knows.
        cooldown: seconds of the first cooldown.
        max_cooldown: seconds of the longest one.
        providers: names in order of preference.
        substitutes: models that may stand in for another, by canonical name.
    """

    attempts: int = 3
    deadline: float | None = None
    job_deadline: float = 180.0
    fidelity: str = "close"
    on_unknown: str = "failover"
    cooldown: float = 10.0
    max_cooldown: float = 300.0
    providers: tuple[str, ...] = ()
    substitutes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

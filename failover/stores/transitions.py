"""The verbs on standings, over any table that is held still while they run.

A store locks its table, calls one of these, and unlocks. What a standing means is decided in
`failover.core.health`; here it is only looked up, and kept if it changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from failover.core import health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.core.health import Admission, Evidence, Standing


class Table(Protocol):
    """Standings by scope, held still."""

    def get(self, scope: str) -> Standing | None:
        """Look one up; None when there is none, or none that can be read."""

    def put(self, standing: Standing) -> None:
        """Keep one, for the retention time from now on."""

    def drop(self, scope: str) -> None:
        """Forget one."""


def note_failure(table: Table, evidence: Evidence, now: float) -> Standing:
    """Add a failure; see `Store.note_failure`."""
    known = table.get(evidence.scope)
    standing = health.after_failure(known, evidence, now)
    _keep(table, known, standing)
    return standing


def note_success(table: Table, scopes: Mapping[str, int], now: float) -> tuple[str, ...]:
    """Note that a call was served; see `Store.note_success`."""
    closed = []
    for scope, generation in scopes.items():
        known = table.get(scope)
        if known is None:
            continue
        standing = health.after_success(known, generation, now)
        _keep(table, known, standing)
        if known.opened and not standing.opened:
            closed.append(scope)
    return tuple(closed)


def admit(table: Table, scope: str, lease: float, now: float) -> Admission:
    """Decide whether a call may use a scope; see `Store.admit`."""
    known = table.get(scope)
    admission, standing = health.admit(known, lease, now)
    if standing is not None:
        _keep(table, known, standing)
    return admission


def release(table: Table, scope: str, generation: int) -> None:
    """Give a probe back; see `Store.release`."""
    known = table.get(scope)
    if known is not None:
        _keep(table, known, health.release(known, generation))


def unclean(standing: Standing) -> bool:
    """Whether a standing belongs in a snapshot; a closed scope does, for its generation."""
    return standing.count > 0 or standing.generation > 0


def _keep(table: Table, known: Standing | None, standing: Standing) -> None:
    """Write what changed; a standing that says nothing is not kept."""
    if standing == known:
        return
    if standing == health.Standing(standing.scope):
        table.drop(standing.scope)
    else:
        table.put(standing)

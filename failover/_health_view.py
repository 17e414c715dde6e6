"""The local view of what is cooling, so that a healthy call reads no store."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from failover.core.health import Entry, Standing, after_success

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.stores.contract import Store

REFRESH = 1.0  # seconds after which another process may know more


class HealthView:
    """A snapshot of the store's standings, kept current by our own reports.

    A closed scope stays in it, for its generation: a report without one would count as stale.

    Args:
        store: where the standings are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._standings: dict[str, Standing] = {}
        self._generations: Mapping[str, int] = {}  # replaced when it changes, so it can be kept
        self._against: set[str] = set()  # scopes that something is known against
        self._read_at = float("-inf") if store.shared else float("inf")

    @property
    def clear(self) -> bool:
        """Nothing is known against anybody."""
        return not self._against

    def stale(self) -> bool:
        """Whether other processes may know more."""
        return time.monotonic() - self._read_at > REFRESH

    def refresh(self) -> None:
        """Read the store again; what it has lost, or knows under an earlier generation, goes."""
        if self._store.shared:
            self._read_at = time.monotonic()
        before = dict(self._standings)
        told = {standing.scope: standing for standing in self._store.standings()}
        for scope, known in before.items():
            lost = scope not in told or told[scope].generation < known.generation
            if lost and self._standings.get(scope) is known:  # not reported while we read
                self._forget(scope)
        for standing in told.values():
            self.keep(standing)

    def _forget(self, scope: str) -> None:
        self._standings.pop(scope, None)
        self._against.discard(scope)
        self._generations = {name: at for name, at in self._generations.items() if name != scope}

    def keep(self, standing: Standing) -> None:
        """Take over what the store says about a scope, unless we know something newer.

        A lower generation that was set later is a store that forgot and began anew.
        """
        known = self._standings.get(standing.scope)
        older = known is not None and known.generation > standing.generation
        if known is not None and older and known.set_at >= standing.set_at:
            return
        self._standings[standing.scope] = standing
        if self._generations.get(standing.scope, 0) != standing.generation:
            self._generations = {**self._generations, standing.scope: standing.generation}
        if standing.opened or standing.count:
            self._against.add(standing.scope)
        else:
            self._against.discard(standing.scope)

    def succeeded(self, scopes: Mapping[str, int]) -> None:
        """Close scopes that have served, each under the generation in which the attempt started."""
        now = self._store.now()
        for scope, generation in scopes.items():
            known = self._standings.get(scope)
            if known is not None and generation >= known.generation:
                after = after_success(known, generation, now)
                self.keep(replace(after, generation=generation))  # a probe has a new one

    def entry(self, scope: str) -> Entry:
        """Whether a call may go to a scope, as far as is known here."""
        standing = self._standings.get(scope)
        if standing is None or not standing.opened:
            return Entry.GO
        return Entry.REFUSED if standing.remaining(self._store.now()) > 0 else Entry.PROBE

    def generation(self, scope: str) -> int:
        """The generation to report under."""
        standing = self._standings.get(scope)
        return standing.generation if standing else 0

    def generations(self) -> Mapping[str, int]:
        """The generation of every scope as it is now; what is returned never changes."""
        return self._generations

    def counted(self, scope: str) -> bool:
        """Whether a success would change anything."""
        return scope in self._against

    def cooling(self) -> dict[str, float]:
        """Every scope that is out of rotation, with the seconds left."""
        now = self._store.now()
        left = {scope: standing.remaining(now) for scope, standing in self._standings.items()}
        return {scope: seconds for scope, seconds in left.items() if seconds > 0}

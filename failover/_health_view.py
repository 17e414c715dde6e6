"""The local view of what is cooling, so that a healthy call reads no store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from failover.core.health import Entry, Standing

if TYPE_CHECKING:
    from failover.stores.contract import Store

REFRESH = 1.0  # seconds after which another process may know more


class HealthView:
    """A snapshot of the store's standings, kept current by our own reports.

    Args:
        store: where the standings are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._standings: dict[str, Standing] = {}
        self._read_at = float("-inf") if store.shared else float("inf")

    @property
    def clear(self) -> bool:
        """Nothing is known against anybody."""
        return not self._standings

    def stale(self) -> bool:
        """Whether other processes may know more."""
        return time.monotonic() - self._read_at > REFRESH

    def refresh(self) -> None:
        """Read the store again."""
        if self._store.shared:
            self._read_at = time.monotonic()
        self._standings = {standing.scope: standing for standing in self._store.standings()}

    def keep(self, standing: Standing) -> None:
        """Take over what the store answered to a report."""
        self._standings[standing.scope] = standing

    def forget(self, scopes: tuple[str, ...]) -> None:
        """Scopes that a success has cleared."""
        for scope in scopes:
            self._standings.pop(scope, None)

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

    def counted(self, scope: str) -> bool:
        """Whether a success would change anything."""
        standing = self._standings.get(scope)
        return standing is not None and (standing.opened or standing.count > 0)

    def remaining(self, scope: str) -> float:
        """Seconds until the scope may be tried."""
        standing = self._standings.get(scope)
        return standing.remaining(self._store.now()) if standing else 0.0

    def cooling(self) -> dict[str, float]:
        """Every scope that is out of rotation, with the seconds left."""
        now = self._store.now()
        left = {scope: standing.remaining(now) for scope, standing in self._standings.items()}
        return {scope: seconds for scope, seconds in left.items() if seconds > 0}

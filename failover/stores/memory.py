"""A store in this process alone: the default, and what takes over when another one fails.

Rules: one lock around every verb; bounded in number; what is kept is consistent at every moment,
so that a child process can go on with the parent's copy as soon as it has a lock of its own.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from failover.core import health
from failover.stores import transitions
from failover.stores.contract import MAX_JOBS, MAX_SCOPES, RETENTION
from failover.stores.forking import tell_of_forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from failover.core.health import Admission, Evidence, Standing
    from failover.core.types import Job


class MemoryStore:
    """Keep cooldowns and jobs in this process.

    Args:
        clock: seconds since the epoch.
        max_jobs: how many jobs are kept; beyond it the oldest are dropped.
    """

    shared = False

    def __init__(self, *, clock: Callable[[], float] = time.time, max_jobs: int = MAX_JOBS) -> None:
        self._clock = clock
        self._max_jobs = max_jobs
        self._table = _Table(clock)
        self._jobs: OrderedDict[str, tuple[float, Job]] = OrderedDict()
        self._lock = threading.RLock()  # re-entrant: a signal handler may make a call of its own
        tell_of_forks(self)

    def now(self) -> float:
        """The clock."""
        return self._clock()

    def standings(self) -> tuple[Standing, ...]:
        """Every scope that is not clean."""
        with self._lock:
            return tuple(filter(transitions.unclean, self._table.living()))

    def note_failure(self, evidence: Evidence) -> Standing:
        """Add a failure."""
        with self._lock:
            return transitions.note_failure(self._table, evidence, self._clock())

    def note_success(self, scopes: Mapping[str, int]) -> tuple[str, ...]:
        """Note that a call was served."""
        with self._lock:
            return transitions.note_success(self._table, scopes, self._clock())

    def admit(self, scope: str, lease: float) -> Admission:
        """Decide whether a call may use a scope."""
        with self._lock:
            return transitions.admit(self._table, scope, lease, self._clock())

    def release(self, scope: str, generation: int) -> None:
        """Give a probe back."""
        with self._lock:
            transitions.release(self._table, scope, generation)

    def adopt(self, standings: Iterable[Standing]) -> None:
        """Take over what another store knew; of two opinions on a scope the later end wins.

        Args:
            standings: in seconds of this store's clock.
        """
        with self._lock:
            for standing in standings:
                known = self._table.get(standing.scope)
                self._table.put(health.merge(known, standing) if known else standing)

    def find_job(self, id: str) -> Job | None:
        """Look up a job."""
        with self._lock:
            expires, job = self._jobs.get(id, (0.0, None))
            if job is not None and expires <= self._clock():
                del self._jobs[id]
                return None
            return job

    def save_job(self, job: Job, ttl: float) -> None:
        """Remember where a job runs."""
        with self._lock:
            self._jobs[job.id] = (self._clock() + ttl, job)
            self._jobs.move_to_end(job.id)
            while len(self._jobs) > self._max_jobs:
                self._jobs.popitem(last=False)

    def time_left(self, id: str) -> float:
        """Seconds until a job is forgotten; 0.0 when it is not known."""
        with self._lock:
            expires, _job = self._jobs.get(id, (0.0, None))
            return max(0.0, expires - self._clock())

    def close(self) -> None:
        """Nothing is open; what is remembered stays."""

    def before_fork(self) -> bool:
        """Nothing is to be done; what is kept is consistent at every moment."""
        return True

    def after_fork_in_parent(self, *, ready: bool) -> None:
        """Nothing has changed."""

    def after_fork_in_child(self, *, ready: bool) -> None:  # noqa: ARG002  # always ready
        """Start with a lock nobody holds."""
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._table)} scopes, {len(self._jobs)} jobs)"


class _Table:
    """Standings by scope, the one that changed longest ago first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rows: OrderedDict[str, tuple[float, Standing]] = OrderedDict()

    def get(self, scope: str) -> Standing | None:
        expires, standing = self._rows.get(scope, (0.0, None))
        return standing if expires > self._clock() else None

    def put(self, standing: Standing) -> None:
        self._rows[standing.scope] = (self._clock() + RETENTION, standing)
        self._rows.move_to_end(standing.scope)
        while len(self._rows) > MAX_SCOPES:
            self._rows.popitem(last=False)

    def drop(self, scope: str) -> None:
        self._rows.pop(scope, None)

    def living(self) -> list[Standing]:
        """Every standing that is not forgotten yet; those that are go for good."""
        now = self._clock()
        for scope in [scope for scope, (expires, _) in self._rows.items() if expires <= now]:
            del self._rows[scope]
        return [standing for _, standing in self._rows.values()]

    def __len__(self) -> int:
        return len(self._rows)

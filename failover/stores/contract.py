"""What every store promises: domain verbs, each one atomic, each one bounded.

A store keeps two things: the standing of each scope (`failover.core.health` says what one means)
and where each job runs. The rules of `health` are the semantics; a store adds only atomicity,
sharing and forgetting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.core.health import Admission, Evidence, Standing
    from failover.core.types import Job

RETENTION = 8 * 3600.0  # seconds after its last change until a standing is forgotten: longer than
# the longest cooldown (1 h) and than the fall of the highest level (six times its cap of 1 h)
MAX_SCOPES = 10_000
MAX_JOBS = 100_000
TIME_LIMIT = 0.25  # seconds one verb may wait for a disk, a network or a lock


class Store(Protocol):
    """Where cooldowns and jobs are kept.

    - Every verb is one atomic step, also against other threads and, if `shared`, other processes.
    - Every verb may be called from any thread, and in a child after a fork.
    - Every verb answers or raises `failover.errors.StoreError` within a bounded time; no other
      exception leaves a store, and no message of one holds a credential.
    - Nothing is touched when a store is made; files and connections are opened by the first verb.
    - Times are seconds on the store's own clock, `now`, which costs nothing once any verb has
      been answered.
    - A scope nobody spoke against, one that was forgotten, and one whose record can't be read are
      the same thing: absent, so traffic flows. Reading an unreadable record removes it; a record
      that a newer version of this package wrote stays until something is written over it.
    - A standing is forgotten `RETENTION` seconds after its last change. A verb that changes
      nothing does not prolong it. Beyond `MAX_SCOPES` scopes or the store's bound on jobs, those
      that would be forgotten first go first.
    - A store that outlives the process keeps no prompt: `Job.input` is dropped on the way in and
      is empty on the way out.
    - After `close` a verb may open the store again; closing twice is harmless.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes may write to it."""

    def now(self) -> float:
        """The store's clock in seconds since the epoch."""

    def standings(self) -> tuple[Standing, ...]:
        """Every scope that counts failures or has ever opened, for a snapshot.

        A closed scope is among them: a report must name the generation in which its attempt began.
        """

    def note_failure(self, evidence: Evidence) -> Standing:
        """Add a failure.

        Args:
            evidence: the failure.

        Returns:
            What is now known against its scope.
        """

    def note_success(self, scopes: Mapping[str, int]) -> tuple[str, ...]:
        """Note that a call was served.

        Args:
            scopes: scope to the generation in which the attempt started.

        Returns:
            The scopes that were open and are now closed.
        """

    def admit(self, scope: str, lease: float) -> Admission:
        """Decide whether a call may use a scope; of many that ask, one becomes the prober.

        Args:
            scope: the scope.
            lease: seconds the prober may take before another may try.

        Returns:
            The admission.
        """

    def release(self, scope: str, generation: int) -> None:
        """Give a probe back without an opinion.

        Args:
            scope: the scope.
            generation: that of the admission; if it is no longer current, nothing changes.
        """

    def find_job(self, id: str) -> Job | None:
        """Look up a job.

        Args:
            id: the id its caller holds.

        Returns:
            The job, or None when it is unknown or expired.
        """

    def save_job(self, job: Job, ttl: float) -> None:
        """Remember where a job runs; the last save of an id counts.

        Args:
            job: the record.
            ttl: seconds to keep it.
        """

    def close(self) -> None:
        """Give up files and connections."""

"""Jobs: the life of one generation at a provider, and what it costs.

A job moves on when it is looked at: past its queue and its run, each measured in polls and in
seconds (``Pace``). Nothing runs in the background, so a test decides what happens when.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from failover.sim.clock import Clock
    from failover.sim.faults import JobTrouble

LOOK_AGAIN_SECONDS: Final = 0.05


class State(StrEnum):
    """Where a job is in its life, in no provider's words."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def over(self) -> bool:
        """Whether nothing changes any more."""
        return self not in {State.QUEUED, State.RUNNING}


@dataclass(frozen=True)
class Pace:
    """How long jobs take.

    Attributes:
        queued_polls: Polls answered "queued".
        running_polls: Polls answered "running" after that.
        queued_seconds: Time in the queue, at least.
        running_seconds: Time running, at least.
    """

    queued_polls: int = 0
    running_polls: int = 1
    queued_seconds: float = 0.0
    running_seconds: float = 0.0


@dataclass(eq=False)
class Job:
    """One accepted generation.

    Attributes:
        id: The provider's id for it.
        endpoint: The model or app.
        input: The arguments as the caller gave them.
        make: Produces the output, once, when the job succeeds.
        pace: How long it takes.
        trouble: How it ends if not well.
        start_by: Moment by which it must have started.
        end_by: Moment at which it is stopped if it still runs.
        extra: What the provider wants to remember about it.
        free_failure: Whether a failure costs nothing, whoever's fault it is.
    """

    id: str
    endpoint: str
    input: Mapping[str, Any]
    make: Callable[[], Any]
    pace: Pace
    clock: Clock
    trouble: JobTrouble | None = None
    start_by: float | None = None
    end_by: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    free_failure: bool = False
    state: State = State.QUEUED
    output: Any = None
    polls: int = 0
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    cancel_asked: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self.created = self.clock.now()

    def poll(self) -> State:
        """Count a look at the job from outside, and move it on."""
        with self._lock:
            self.polls += 1
            return self.look()

    def look(self, *, patient: bool = False) -> State:
        """Move the job on as far as it is due.

        Args:
            patient: Whether polls are not waited for, only time: for a caller who is held.
        """
        with self._lock:
            if self.state is State.QUEUED:
                self._leave_queue(patient=patient)
            if self.state is State.RUNNING:
                self._leave_run(patient=patient)
            return self.state

    def due(self) -> float | None:
        """Return the moment at which a patient look may find the job over; ``None`` is never."""
        moments = [m for m in (self.start_by, self.end_by) if m is not None]
        if not (self.trouble and self.trouble.stuck):
            moments.append(self.created + self.pace.queued_seconds + self.pace.running_seconds)
        return min(moments, default=None)

    def hold(self, seconds: float | None = None) -> bool:
        """Wait until the job is over, as a provider does for a caller whom it holds.

        Args:
            seconds: For how long at most; ``None`` is as long as it takes.

        Returns:
            Whether the job is over; ``False`` after the time, or when the world ends.
        """
        limit = None if seconds is None else self.clock.now() + seconds
        while not self.look(patient=True).over:
            now, due = self.clock.now(), self.due()
            if self.clock.stopped or (limit is not None and now >= limit):
                return False
            until = now + LOOK_AGAIN_SECONDS if due is None or due <= now else due
            self.clock.sleep_until(until if limit is None else min(until, limit))
        return True

    def cancel(self) -> State:
        """Stop the job, if it is not over; return the state in which the request found it."""
        with self._lock:
            found = self.look()
            if not found.over:
                self.cancel_asked = True
                self._end(State.CANCELLED)
            return found

    @property
    def billed(self) -> bool:
        """Whether the provider charges for it: it ran, or will, and not in vain.

        A cancelled job is charged if it had started. A failure of the provider is not charged,
        a failure of the input is.
        """
        state = self.look()
        if state in {State.CANCELLED, State.EXPIRED}:
            return self.started is not None
        if self.trouble is None:
            return True
        if self.trouble.stuck:
            return self.started is not None
        return self.trouble.cause != "infrastructure" and not self.free_failure

    def _leave_queue(self, *, patient: bool) -> None:
        stuck = self.trouble is not None and self.trouble.stuck == "queued"
        ready = self.created + self.pace.queued_seconds
        late = self.start_by is not None and self.start_by < ready
        if (late or stuck) and self.start_by is not None and self.clock.now() >= self.start_by:
            self._end(State.EXPIRED)
            return
        polled = patient or self.polls > self.pace.queued_polls
        if polled and not stuck and self.clock.now() >= ready:
            self.state, self.started = State.RUNNING, ready

    def _leave_run(self, *, patient: bool) -> None:
        now, started = self.clock.now(), self.started or 0.0
        finish = started + self.pace.running_seconds
        stuck = self.trouble is not None and self.trouble.stuck is not None
        if self.end_by is not None and now >= self.end_by and (stuck or finish > self.end_by):
            self._end(State.CANCELLED)
        elif stuck or now < finish:
            return
        elif patient or self.polls > self.pace.queued_polls + self.pace.running_polls:
            self._finish()

    def _finish(self) -> None:
        if self.trouble is None:
            self.output = self.make()
            self._end(State.SUCCEEDED)
        else:
            self._end(State.FAILED)

    def _end(self, state: State) -> None:
        self.state, self.ended = state, self.clock.now()


class JobBook:
    """The jobs of one provider by id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def add(self, job: Job) -> Job:
        """Write down a new job."""
        with self._lock:
            self._jobs[job.id] = job
        return job

    def find(self, job_id: str) -> Job | None:
        """Return a job, or ``None``."""
        with self._lock:
            return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        """Return every job, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def clear(self) -> None:
        """Forget every job."""
        with self._lock:
            self._jobs.clear()

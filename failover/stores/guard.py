"""A store that never fails: when the one inside does, memory takes over until it is back.

Rules:
- Three errors in a row, or one verb that took too long, and the store is left alone for some
  seconds; then a single verb tries it again, while all others stay with memory.
- Only the outcome of a verb that began after the last change of mind changes it again.
- Memory begins with what was last seen in the store, so an outage forgets no cooldown.
- What was written meanwhile is handed in when the store is back; of two opinions about a scope the
  later end wins.
- No verb raises. What went wrong is told, at most once a second.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from failover.core.health import Entry, Evidence, Rule, after_success
from failover.errors import StoreError
from failover.stores.contract import TIME_LIMIT
from failover.stores.forking import tell_of_forks
from failover.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from failover.core.health import Admission, Standing
    from failover.core.types import Job
    from failover.stores.contract import Store

    T = TypeVar("T")

ERRORS = 3
PAUSE = 5.0  # seconds
JITTER = 0.25  # of the pause, so that processes do not come back together
TOLD_EVERY = 1.0  # seconds
CURRENT = 2**53  # a generation that no store has reached: what is handed in is never too old


class GuardedStore:
    """Stand in for a store while it fails.

    Args:
        inner: the store.
        on_failure: called with the verb and what went wrong.
        clock: monotonic seconds.
        limit: seconds that one verb may take.
    """

    def __init__(
        self,
        inner: Store,
        on_failure: Callable[[str, Exception], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        limit: float = TIME_LIMIT,
    ) -> None:
        self._inner = inner
        self._on_failure = on_failure
        self._clock = clock
        self._limit = limit
        self._breaker = _Breaker(clock)
        self._ahead = time.time() - clock()  # the inner clock minus ours, as last known
        self._seen: dict[str, Standing] = {}
        self._shadow: MemoryStore | None = None  # standings, while the store does not answer
        self._jobs = MemoryStore(clock=clock)  # all that were saved here
        self._opened: dict[str, Standing] = {}  # to hand in, the oldest first
        self._saved: dict[str, None] = {}  # jobs to hand in
        self._handing_in = threading.Lock()
        self._told_at = float("-inf")
        tell_of_forks(self)

    @property
    def shared(self) -> bool:
        """Whether other processes may write to it."""
        return self._inner.shared

    def now(self) -> float:
        """The store's clock, or what it would say."""
        if not self._breaker.open:
            try:
                now = self._inner.now()
            except Exception as error:  # noqa: BLE001  # a store of the user's may raise anything
                self._failed("now", error, self._breaker.ticket, 0.0)
            else:
                self._ahead = now - self._clock()
                return now
        return self._own_now()

    def standings(self) -> tuple[Standing, ...]:
        """Every scope that is not clean."""
        answered, standings = self._use("standings", lambda store: store.standings())
        if answered:
            self._seen = {standing.scope: standing for standing in standings}
        return standings

    def note_failure(self, evidence: Evidence) -> Standing:
        """Add a failure."""
        answered, standing = self._use("note_failure", lambda store: store.note_failure(evidence))
        if answered:
            self._seen[evidence.scope] = standing
        elif standing.opened:
            self._opened[evidence.scope] = standing
        return standing

    def note_success(self, scopes: Mapping[str, int]) -> tuple[str, ...]:
        """Note that a call was served."""
        _, closed = self._use("note_success", lambda store: store.note_success(scopes))
        for scope in closed:
            self._opened.pop(scope, None)
            if scope in self._seen:
                known = self._seen[scope]
                self._seen[scope] = after_success(known, scopes[scope], self._own_now())
        return closed

    def admit(self, scope: str, lease: float) -> Admission:
        """Decide whether a call may use a scope."""
        answered, admission = self._use("admit", lambda store: store.admit(scope, lease))
        if answered and admission.entry is Entry.PROBE and scope in self._seen:
            self._seen[scope] = replace(
                self._seen[scope], generation=admission.generation, lease=self._own_now() + lease
            )
        return admission

    def release(self, scope: str, generation: int) -> None:
        """Give a probe back."""
        self._use("release", lambda store: store.release(scope, generation))

    def find_job(self, id: str) -> Job | None:
        """Look up a job; one that was saved here is known with its input."""
        own = self._jobs.find_job(id)
        found = self._use("find_job", lambda store: store.find_job(id))[1]
        return own if found is None or (own and replace(own, input={}) == found) else found

    def save_job(self, job: Job, ttl: float) -> None:
        """Remember where a job runs."""
        self._jobs.save_job(job, ttl)
        answered, _ = self._use("save_job", lambda store: store.save_job(job, ttl))
        if not answered:
            self._saved[job.id] = None

    def close(self) -> None:
        """Hand in what is left, and close the store."""
        for verb in (self._hand_in, self._inner.close):
            try:
                verb()
            except Exception as error:  # noqa: BLE001  # a store of the user's may raise anything
                self._tell("close", error)

    def before_fork(self) -> bool:
        """Nothing is to be done; the parts see to themselves."""
        return True

    def after_fork_in_parent(self, *, ready: bool) -> None:
        """Nothing has changed."""

    def after_fork_in_child(self, *, ready: bool) -> None:  # noqa: ARG002  # always ready
        """Start with locks nobody holds; what the parent has to hand in, the parent hands in."""
        self._handing_in = threading.Lock()
        self._breaker.renew()
        self._opened, self._saved = {}, {}

    def __repr__(self) -> str:
        return f"GuardedStore({self._inner!r})"

    def _own_now(self) -> float:
        return self._clock() + self._ahead

    # --- which store answers -----------------------------------------------------------------

    def _use(self, verb: str, ask: Callable[[Store], T]) -> tuple[bool, T]:
        """Ask the store, or memory if it is left alone or fails; say which one answered."""
        ticket = self._breaker.enter()
        if ticket is not None:
            started = self._clock()
            try:
                self._hand_in()
                started = self._clock()
                answer = ask(self._inner)
                self._ahead = self._inner.now() - self._clock()
            except Exception as error:  # noqa: BLE001  # a store of the user's may raise anything
                self._failed(verb, error, ticket, self._clock() - started)
            else:
                self._worked(verb, ticket, self._clock() - started)
                return True, answer
        return False, ask(self._stand_in())

    def _stand_in(self) -> MemoryStore:
        shadow = self._shadow
        if shadow is None:
            shadow = MemoryStore(clock=self._own_now)
            shadow.adopt(list(self._seen.values()))
            self._shadow = shadow
        return shadow

    def _worked(self, verb: str, ticket: int, seconds: float) -> None:
        if seconds > self._limit:
            self._failed(verb, StoreError(f"took {seconds:.2f} s"), ticket, seconds)
        elif self._breaker.worked(ticket) and not self._opened:
            self._shadow = None

    def _failed(self, verb: str, error: Exception, ticket: int, seconds: float) -> None:
        self._breaker.failed(ticket, at_once=seconds >= self._limit)
        self._tell(verb, error)

    def _tell(self, verb: str, error: Exception) -> None:
        now = self._clock()
        if now - self._told_at < TOLD_EVERY:
            return
        self._told_at = now
        try:
            self._on_failure(verb, error)
        except Exception:
            logging.getLogger("failover").exception("on_failure of a guarded store raised")

    # --- what was written meanwhile ----------------------------------------------------------

    def _hand_in(self) -> None:
        """Give the store some of what it missed; stops at the first that it does not take."""
        if not (self._opened or self._saved) or not self._handing_in.acquire(blocking=False):
            return
        try:
            end = self._clock() + self._limit / 2
            while (self._opened or self._saved) and self._clock() <= end:
                if self._opened:
                    self._hand_in_standing(next(iter(self._opened.values())))
                else:
                    self._hand_in_job(next(iter(self._saved)))
        finally:
            self._handing_in.release()

    def _hand_in_standing(self, standing: Standing) -> None:
        left = standing.remaining(self._own_now())
        if left > 0:
            rule = Rule(threshold=1, base=0.0, cap=standing.cap)
            self._inner.note_failure(
                Evidence(standing.scope, standing.reason, rule, asked=left, generation=CURRENT)
            )
        if self._opened.get(standing.scope) == standing:  # not prolonged meanwhile
            self._opened.pop(standing.scope, None)

    def _hand_in_job(self, id: str) -> None:
        job = self._jobs.find_job(id)
        if job is not None:
            self._inner.save_job(job, self._jobs.time_left(id))
        self._saved.pop(id, None)


class _Breaker:
    """Whether the store is asked at all."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._errors = 0
        self._again_at = 0.0
        self.open = False
        self.ticket = 0

    def enter(self) -> int | None:
        """Ask for leave; the answer is handed back with the outcome."""
        if not self.open:
            return self.ticket
        with self._lock:
            if self._clock() < self._again_at:
                return None
            self._leave_alone()  # for all others, and for good if this one never reports
            return self.ticket

    def worked(self, ticket: int) -> bool:
        """Note a verb that was answered; say whether that counts."""
        if not self.open and not self._errors:
            return True
        with self._lock:
            if ticket != self.ticket:
                return False
            self._errors, self.open = 0, False
            return True

    def failed(self, ticket: int, *, at_once: bool) -> None:
        """Note a verb that was not answered, or too late."""
        with self._lock:
            if ticket != self.ticket:
                return
            self._errors += 1
            if at_once or self.open or self._errors >= ERRORS:
                self._leave_alone()

    def renew(self) -> None:
        """Take a lock nobody holds."""
        self._lock = threading.RLock()

    def _leave_alone(self) -> None:
        pause = PAUSE * (1.0 + JITTER * random.random())  # noqa: S311  # no secret
        self._again_at = self._clock() + pause
        self.open = True
        self.ticket += 1

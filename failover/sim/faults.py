"""What goes wrong: faults, scripted or drawn from a seed, and when they strike.

A fault is matched by phase (``submit``, ``poll``, ``result``, ``cancel`` …), key and endpoint, and
lasts for a number of requests or until ``heal``. ``processed`` says whether the provider did the
work before the fault struck: after a lost reply the job exists and is billed (the unknown
outcome); a refusal by status is made before any work.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from failover.sim.clock import Clock

ANY = "any"
CLIENT_CHECK_SECONDS = 0.05

Effect = Literal["status", "hang", "cut", "reset", "slow", "garbage", "lie"]
NetworkTrouble = Literal["refused", "dns", "bad_tls"]
Cause = Literal["infrastructure", "input", "policy"]


@dataclass(eq=False, kw_only=True)
class Fault:
    """One thing that goes wrong with matching requests.

    Attributes:
        effect: What happens.
        on: The phases that it strikes; ``any`` is all.
        times: How many requests it strikes; ``None`` is every one until ``heal``.
        key: Only requests with this key.
        endpoint: Only requests for this model.
        processed: Whether the provider does the work before the fault strikes.
        details: What the effect needs: status, body, kind, seconds, bytes …
        struck: How many requests it has struck.
    """

    effect: Effect
    on: frozenset[str] = frozenset({ANY})
    times: int | None = None
    key: str | None = None
    endpoint: str | None = None
    processed: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    struck: int = 0
    _released: threading.Event = field(default_factory=threading.Event, repr=False)

    def release(self) -> None:
        """Let every request go that hangs on this fault, and strike no more."""
        self._released.set()

    @property
    def released(self) -> bool:
        """Whether ``release`` or ``heal`` was called."""
        return self._released.is_set()

    def strikes(self, phases: Iterable[str], key: str, endpoint: str) -> bool:
        """Tell whether this fault strikes a request, and count it if so."""
        spent = self.times is not None and self.struck >= self.times
        hit = (
            not spent
            and not self.released
            and (ANY in self.on or not self.on.isdisjoint(phases))
            and self.key in {None, key}
            and self.endpoint in {None, endpoint}
        )
        self.struck += hit
        return hit

    def waiting(self, clock: Clock) -> Callable[[Callable[[], bool]], None]:
        """Return the wait of a hanging reply: until time, release, or the client leaves."""
        seconds = self.details.get("seconds")
        deadline = None if seconds is None else clock.now() + seconds

        def wait(client_is_there: Callable[[], bool]) -> None:
            while not (clock.stopped or self.released) and client_is_there():
                if deadline is not None and clock.now() >= deadline:
                    return
                step = clock.now() + CLIENT_CHECK_SECONDS
                clock.sleep_until(step if deadline is None else min(step, deadline))

        return wait


@dataclass(frozen=True)
class JobTrouble:
    """How a job ends that was accepted without complaint.

    Attributes:
        cause: Whose fault it is, or ``None`` for a job that never ends.
        message: The provider's words; ``None`` is its usual ones for the cause.
        kind: One of the provider's named errors, instead of a cause's usual one.
        hidden: Whether the status keeps quiet about the error (fal only).
        stuck: Where a job that never ends hangs.
    """

    cause: Cause | None = None
    message: str | None = None
    kind: str | None = None
    hidden: bool = False
    stuck: Literal["queued", "running"] | None = None


class FaultPlan:
    """The faults of one provider, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._jobs: list[tuple[JobTrouble, int | None, str | None]] = []
        self._chaos: Callable[[], Fault | None] = lambda: None
        self.network: dict[str, NetworkTrouble] = {}

    def add(self, fault: Fault) -> Fault:
        """Add a fault; of several that match, the first strikes."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def add_job(self, trouble: JobTrouble, times: int | None, endpoint: str | None) -> None:
        """Let the next jobs end badly."""
        with self._lock:
            self._jobs.append((trouble, times, endpoint))

    def add_chaos(self, seed: int, probability: float, palette: list[Callable[[], Fault]]) -> None:
        """Strike each request with a chance, by a generator seeded once."""
        dice = random.Random(seed)  # noqa: S311 - reproducible, not secret

        def draw() -> Fault | None:
            return dice.choice(palette)() if dice.random() < probability else None

        with self._lock:
            self._chaos = draw

    def heal(self) -> None:
        """Remove every fault and release what hangs."""
        with self._lock:
            for fault in self._faults:
                fault.release()
            self._faults.clear()
            self._jobs.clear()
            self._chaos = lambda: None
            self.network.clear()

    def strike(self, phases: Iterable[str], key: str, endpoint: str) -> Fault | None:
        """Return the fault that strikes a request, if any."""
        with self._lock:
            for fault in self._faults:
                if fault.strikes(phases, key, endpoint):
                    return fault
            drawn = self._chaos()
            return drawn if drawn and drawn.strikes(phases, key, endpoint) else None

    def strike_job(self, endpoint: str) -> JobTrouble | None:
        """Return the trouble of a new job, if any, and count it."""
        with self._lock:
            for index, (trouble, times, only) in enumerate(self._jobs):
                if only not in {None, endpoint} or times == 0:
                    continue
                if times is not None:
                    self._jobs[index] = (trouble, times - 1, only)
                return trouble
            return None

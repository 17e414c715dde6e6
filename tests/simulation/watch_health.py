"""Watches every change of a standing: who may probe, what opens, what closes, for how long."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from failover.core.health import MAX_LEVEL, Entry, Standing
from failover.stores.guard import CURRENT

if TYPE_CHECKING:
    from failover.core.health import Admission, Evidence

    from .process import OpenStore
    from .world import World

JITTER = 1.25
SERVER_CAP = 3600.0
LEASE = 330.0
EPSILON = 1e-6


@dataclass(slots=True)
class Lease:
    """A probe that was given out and has not been settled.

    Args:
        generation: of the scope.
        expires: on the store's clock.
        at: true time.
    """

    generation: int
    expires: float
    at: float


class HealthWatch:
    """What has happened to the standings, counted a second time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.emptied = False  # a store has lost what it knew
        self.leases: dict[tuple[int, str], Lease] = {}
        self.counts: Counter[tuple[int, str]] = Counter()  # consecutive failures that counted
        self.changed: dict[str, float] = {}  # true time at which a scope opened, or was probed
        self.touched: dict[str, float] = {}  # true time at which anything was noted against it

    def _must(self, rule: str, holds: bool, text: str) -> None:  # an assertion
        if not holds:
            self._world.violate(rule, text)

    def flushed(self, number: int = -1) -> None:
        """Every store is empty again, or that of one process."""
        self.emptied |= number == -1
        for known in (self.leases, self.counts):
            for where in [where for where in known if number in (-1, where[0])]:
                del known[where]  # type: ignore[arg-type]  # both are keyed alike

    def mood(self) -> str:
        """How healthy the world is, in a word."""
        if self.leases:
            return "probe"
        inners = [self._world.inner(number) for number in range(self._world.plan.processes)]
        standings = [standing for inner in inners for standing in inner.standings()]
        if any(standing.opened for standing in standings):
            return "open"
        return "counting" if standings else "clean"

    def failed(
        self, inner: OpenStore, evidence: Evidence, before: Standing | None, after: Standing
    ) -> None:
        """A failure was noted."""
        scope, now = evidence.scope, inner.now()
        self.touched[scope] = self._world.clock.now
        known = before or Standing(scope)
        where = (inner.number, scope)
        asked = min(evidence.asked or 0.0, SERVER_CAP)
        if evidence.generation >= CURRENT:  # what a process knew while its store did not answer
            self.leases.pop(where, None)
            self.counts[where] = after.count
            self.changed[scope] = self._world.clock.now
            return
        late = evidence.generation < known.generation
        if late or _active(known, now):
            same = (known.level, known.generation, known.count, known.lease, known.opened)
            kept = (after.level, after.generation, after.count, after.lease, after.opened)
            self._must("I12", same == kept, f"a late failure changed {known} to {after}")
            end, told = after.set_at + after.length, now + asked
            whole = end >= known.set_at + known.length - EPSILON
            self._must("I13", whole, f"{scope} was cut short: {known} to {after}")
            self._must("I15", bool(asked) or after == known, f"{known} became {after}")
            longest = max(known.set_at + known.length, told) + EPSILON
            self._must("I13", end <= longest, f"{scope} is out for too long: {after}")
            if asked and known.opened:
                self._must("I14", end >= told - EPSILON, f"{after} ends before {asked} s are over")
            return
        self.leases.pop(where, None)
        self.counts[where] += 1
        rule = evidence.rule
        due = known.opened or bool(asked) or self.counts[where] >= rule.threshold
        self._must("D5", due == after.opened, f"{self.counts[where]} of {evidence} made {after}")
        if not after.opened:
            return
        self.changed[scope] = self._world.clock.now
        longest = max(rule.cap, asked) * JITTER + EPSILON
        self._must("I13", after.length <= longest, f"{scope} is out for {after.length}")
        self._must("I13", after.length >= max(rule.base, asked) - EPSILON, f"{after} is too short")
        self._must("I12", after.generation > known.generation, f"{scope} opened unfenced")
        self._must("D5", after.remaining(now) > 0, f"{scope} opened without effect: {after}")
        if known.opened:
            risen = after.level > known.level or after.level == known.level == MAX_LEVEL
            self._must("D5", risen, f"{scope} reopened at level {after.level}")
            least = min(rule.base * 2**known.level, rule.cap)
            self._must("I13", after.length >= least - EPSILON, f"{after} does not double")

    def succeeded(
        self, inner: OpenStore, generation: int, before: Standing | None, after: Standing | None
    ) -> None:
        """A success was noted."""
        if before is None:
            return
        if generation < before.generation:
            self._must("I12", before == after, f"a late success changed {before} to {after}")
            return
        where = (inner.number, before.scope)
        self.leases.pop(where, None)
        self.counts.pop(where, None)
        if before.opened:
            self._world.network.served(before.scope)
        clean = after is None or (not after.opened and after.count == 0)
        self._must("D5", clean, f"a success left {after}")

    def admitted(
        self,
        inner: OpenStore,
        process: int,
        before: Standing | None,
        after: Standing | None,
        admission: Admission,
    ) -> None:
        """Somebody asked to be let in."""
        now, true = inner.now(), self._world.clock.now
        if before is None or not before.opened:
            self._must("I11", admission.entry is Entry.GO, f"refused though {before}")
            return
        where = (inner.number, before.scope)
        if _active(before, now):
            self._must("I14", admission.entry is Entry.REFUSED, f"admitted into {before}")
            return
        lease = self.leases.get(where)
        live = lease is not None and lease.expires > now
        if live and lease is not None:
            text = f"process {process} probes {before.scope} beside generation {lease.generation}"
            self._must("I10", admission.entry is Entry.REFUSED, text)
            if self._world.jumped_at < lease.at:
                self._must("I11", true - lease.at <= LEASE + 1.0, f"{before.scope} is wedged")
            return
        self._must("I11", admission.entry is Entry.PROBE, f"nobody may probe {before}")
        if admission.entry is Entry.PROBE and after is not None:
            self.leases[where] = Lease(admission.generation, now + LEASE, true)
            self.changed[before.scope] = true
            self._must("I12", admission.generation > before.generation, "a probe is not fenced")
            self._must("I11", after.lease - now <= LEASE + 1.0, f"{after} may be probed for long")
            self._must("I10", after.lease - now > 1.0, f"{after} has no lease")

    def released(
        self, inner: OpenStore, generation: int, before: Standing | None, after: Standing | None
    ) -> None:
        """A probe was given back."""
        if before is None or after is None:
            return
        same = (before.count, before.level, before.set_at, before.length, before.generation)
        kept = (after.count, after.level, after.set_at, after.length, after.generation)
        self._must("I15", same == kept, f"a release changed {before} to {after}")
        if generation < before.generation:
            self._must("I12", before.lease == after.lease, "a late release ended another's lease")
            return
        self._must("I24", after.lease == 0.0, f"a release left {after}")
        self.leases.pop((inner.number, before.scope), None)


def _active(standing: Standing, now: float) -> bool:
    """Whether a standing is cooling, by the rule of D-5."""
    return standing.length > 0 and -2.0 <= now - standing.set_at < standing.length

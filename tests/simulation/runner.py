"""Many schedules, on several processors, and the JSON about them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .faults import FATES, FAULTS
from .invariants import INVARIANTS, Violation
from .world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 250
STATES = ("clean", "counting", "cooling", "probe")
KEPT = 50  # violations that are kept in full


@dataclass(slots=True)
class Tally:
    """What came of some schedules."""

    schedules: int = 0
    calls: int = 0
    submits: int = 0
    events: int = 0
    seconds: float = 0.0  # of virtual time
    ends: Counter[str] = field(default_factory=Counter)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    off: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def add(self, world: World) -> None:
        """Add a schedule."""
        self.schedules += 1
        self.calls += len(world.calls)
        self.events += world.events
        self.seconds += world.clock.now
        self.submits += sum(sum(one.submits.values()) for one in world.providers.values())
        for call in world.calls:
            served = "served" if call.output is not None else "not served"
            self.ends[served if call.ended == "done" else call.ended or "stopped"] += 1
        self.hits.update(world.hits)
        self.off.update(world.off)
        self.found.update(one.rule for one in world.violations)
        self.violations = (self.violations + world.violations)[:KEPT]

    def join(self, other: Tally) -> None:
        """Add what another one has counted."""
        self.schedules += other.schedules
        self.calls += other.calls
        self.submits += other.submits
        self.events += other.events
        self.seconds += other.seconds
        for name in ("ends", "hits", "off", "found"):
            getattr(self, name).update(getattr(other, name))
        self.violations = (self.violations + other.violations)[:KEPT]


def run_range(first: int, count: int) -> Tally:
    """Run the schedules of some seeds, one after the other."""
    tally = Tally()
    for seed in range(first, first + count):
        tally.add(World(seed).run())
    return tally


def run_many(
    count: int, first: int = 0, *, workers: int = 2, progress: Callable[[Tally], None] | None = None
) -> Tally:
    """Run many schedules on several processors.

    Args:
        count: how many.
        first: the first seed; the others follow.
        workers: processes to use; 1 for this one.
        progress: called with the tally so far.
    """
    whole = Tally()
    for part in _parts(count, first, workers):
        whole.join(part)
        if progress is not None:
            progress(whole)
    return whole


def _parts(count: int, first: int, workers: int) -> Iterator[Tally]:
    starts = range(first, first + count, CHUNK)
    sizes = [min(CHUNK, first + count - start) for start in starts]
    if workers == 1:
        yield from map(run_range, starts, sizes)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_range, starts, sizes)


def report(tally: Tally, first: int, seconds: float) -> dict[str, Any]:
    """What a run has shown, for a machine to read.

    Args:
        tally: what was counted.
        first: the first seed.
        seconds: wall time.
    """
    hits: dict[str, dict[str, int]] = {}
    for (fault, state), number in sorted(tally.hits.items()):
        hits.setdefault(fault, {})[state] = number
    return {
        "git": _commit(),
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "processors": os.cpu_count(),
        },
        "seeds": {"first": first, "count": tally.schedules},
        "wall_seconds": round(seconds, 2),
        "schedules_per_second": round(tally.schedules / seconds, 1),
        "virtual_days": round(tally.seconds / 86400, 2),
        "calls": tally.calls,
        "submits": tally.submits,
        "events": tally.events,
        "ends": dict(sorted(tally.ends.items())),
        "violations": sum(tally.found.values()),
        "violations_by_rule": dict(tally.found),
        "examples": [violation._asdict() for violation in tally.violations],
        "upper_bound_95": None if tally.found else 3 / max(1, tally.schedules),
        "invariants": {
            rule: {"checked": not one.off, "meaning": one.meaning}
            | ({"off": one.off, "seen": tally.off[rule]} if one.off else {})
            for rule, one in INVARIANTS.items()
        },
        "hits": hits,
        "not_hit": missing(tally),
    }


def missing(tally: Tally) -> list[str]:
    """The pairs of a fault and a state that no schedule came to."""
    names = [*FAULTS, *(fate.name for fate in FATES.values() if fate.name != "job-lost")]
    hit = tally.hits
    return [f"{name} while {state}" for name in names for state in STATES if not hit[name, state]]


def _commit() -> str | None:
    """The commit that is checked out, if this is a repository."""
    root = Path(__file__).resolve().parents[2]
    asked = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def shown(tally: Tally, total: int, begun: float) -> None:
    """Write a line of progress over the last one."""
    rate = tally.schedules / max(1e-9, time.perf_counter() - begun)
    line = f"\r{tally.schedules}/{total} schedules, {rate:.0f}/s, {sum(tally.found.values())} found"
    sys.stderr.write(line)
    sys.stderr.flush()

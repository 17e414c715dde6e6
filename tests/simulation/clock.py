"""Virtual time: a queue of moments, and a stand-in for the `time` module that reads it."""

from __future__ import annotations

import heapq
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

EPOCH = 1_700_000_000.0
TIMED = {
    "_runtime": ("time",),
    "_memory": ("time",),
    "_health_view": ("time",),
    "_telling": ("time",),
    "stores.guard": ("time", "random"),
}
"""Modules that read the time, or draw by chance, themselves."""


class Clock:
    """True time, which jumps from one event to the next and never waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Have something done at a moment; of two at the same moment the first one named."""
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, action))

    def step(self) -> bool:
        """Go to the next event and do it; False when there is none."""
        if not self._events:
            return False
        self.now, _, action = heapq.heappop(self._events)
        action()
        return True


class VirtualTime:
    """What the package sees in place of the `time` and `random` modules.

    Args:
        monotonic: true time.
        wall: the wall clock of the process that is running.
        random: the one source of chance.
    """

    def __init__(
        self, monotonic: Callable[[], float], wall: Callable[[], float], random: Random
    ) -> None:
        self.monotonic = monotonic
        self.time = wall
        self.modules = {"time": self, "random": random}


@contextmanager
def virtual_time(time: VirtualTime) -> Iterator[None]:
    """Put virtual time in place of the real one for a block."""
    before = [
        (space, name, space[name])
        for space, names in ((vars(import_module(f"failover.{at}")), TIMED[at]) for at in TIMED)
        for name in names
    ]
    for space, name, _ in before:
        space[name] = time.modules[name]
    try:
        yield
    finally:
        for space, name, old in before:
            space[name] = old

"""The clock of a world: real time that a test can move forward.

Everything in a world that waits, waits here, so that ``advance`` shortens every wait alike and
``stop`` ends all of them at once.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Tell the time and wait, both subject to ``advance``."""

    def __init__(self) -> None:
        self._origin = time.monotonic()
        self._wall = datetime.now(UTC)
        self._shift = 0.0
        self._moved = threading.Condition()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the world is over, so that nothing waits any more."""
        return self._stopped

    def now(self) -> float:
        """Return the seconds since this clock was made, jumps included."""
        return time.monotonic() - self._origin + self._shift

    def utc(self, at: float | None = None) -> datetime:
        """Return the wall-clock time of a moment of this clock.

        Args:
            at: Seconds as ``now`` gives them; ``None`` is the present.
        """
        return self._wall + timedelta(seconds=self.now() if at is None else at)

    def advance(self, seconds: float) -> None:
        """Move time forward; every wait that is over by then ends.

        Args:
            seconds: How far, not negative.

        Raises:
            ValueError: If ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError("time only moves forward")
        with self._moved:
            self._shift += seconds
            self._moved.notify_all()

    def stop(self) -> None:
        """End every wait, now and later."""
        with self._moved:
            self._stopped = True
            self._moved.notify_all()

    def wake(self) -> None:
        """Let every wait look at its condition again."""
        with self._moved:
            self._moved.notify_all()

    def sleep_until(self, moment: float) -> None:
        """Wait until ``now()`` reaches a moment, or until the clock is stopped."""
        with self._moved:
            while not self._stopped and (left := moment - self.now()) > 0:
                self._moved.wait(left)

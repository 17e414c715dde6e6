"""Help for tests of programs that use `failover`.

with failover.testing.strict(), failover.testing.captured_events() as events: ...
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from failover._exchange import raise_defects
from failover._patch import slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover.events import Event


@contextmanager
def strict() -> Iterator[None]:
    """Let errors of this library itself reach the caller instead of being worked around."""
    token = raise_defects.set(True)  # a context variable's value
    try:
        yield
    finally:
        raise_defects.reset(token)


@contextmanager
def captured_events() -> Iterator[list[Event]]:
    """Collect the events of the installed `Failover` during a block.

    Raises:
        RuntimeError: nothing is installed.
    """
    if slot.failover is None:
        raise RuntimeError("nothing is installed: call failover.install() first")
    events: list[Event] = []
    with slot.failover.telling.also(events.append):
        yield events

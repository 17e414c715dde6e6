"""What a store does around a fork.

Two things do not survive a fork. A lock that another thread holds stays locked in the child for
ever. And an open SQLite file is known to the library itself, not only to the connection: in the
child the library takes the parent's locks for its own, so that a *new* connection to the same file
holds no lock of the system at all, and finds the write lock taken for ever if the parent was
writing. So a store is told before the fork, while it can still put things in order, and after it in
both processes.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """Something that must be in order when the process forks; its methods must not raise."""

    def before_fork(self) -> bool:
        """Put things in order, in bounded time; the answer is handed to the other two."""

    def after_fork_in_parent(self, *, ready: bool) -> None:
        """Go on."""

    def after_fork_in_child(self, *, ready: bool) -> None:
        """Start afresh, with locks that nobody holds."""


class _Forking(threading.local):
    """The fork that this thread is in the middle of."""

    told: tuple[tuple[ForkAware, bool], ...] = ()


_known: WeakSet[ForkAware] = WeakSet()
_forking = _Forking()


def tell_of_forks(thing: ForkAware) -> None:
    """Have a store told of each fork, for as long as it lives.

    Args:
        thing: the store; only a weak reference to it is kept.
    """
    _known.add(thing)


def _before() -> None:
    _forking.told = tuple((thing, thing.before_fork()) for thing in list(_known))


def _after_in_parent() -> None:
    told, _forking.told = _forking.told, ()
    for thing, ready in told:
        thing.after_fork_in_parent(ready=ready)


def _after_in_child() -> None:
    told, _forking.told = _forking.told, ()
    for thing, ready in told:
        thing.after_fork_in_child(ready=ready)


if hasattr(os, "register_at_fork"):  # not on Windows, which can't fork
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )

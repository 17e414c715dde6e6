"""Planting a bug for a while, and looking for it with the simulation.

Each is one change of the program's text, or of one row of its table of outcomes, made in memory for
the length of a block. Where the text that is to be changed isn't there any more, planting fails
loudly: the bug has to be written anew.
"""

from __future__ import annotations
import __future__

import inspect
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from failover.core import verdict as verdicts

from .world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .invariants import Violation


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug.

    Args:
        name: what it does.
        where: `module:function` or `module:Class.method` below `failover`, or `row:id`.
        old: the text that is replaced; for a row, its field.
        new: what it is replaced with; for a row, the field's value.
        rare: needs thousands of schedules.
    """

    name: str
    where: str
    old: str
    new: Any
    rare: bool = False


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Plant a bug for a block."""
    place, _, name = bug.where.partition(":")
    if place == "row":
        yield from _in_row(name, bug)
    else:
        yield from _in_text(import_module(f"failover.{place}"), name, bug)


def _in_row(name: str, bug: Bug) -> Iterator[None]:
    known = verdicts.table()
    assert name in known.by_id, f"{bug.name}: there is no row {name}"
    row = replace(known.by_id[name], **{bug.old: bug.new})
    rows = tuple(row if one.id == name else one for one in known.rows)
    changed = replace(known, rows=rows, by_id={one.id: one for one in rows})
    before, verdicts.table = verdicts.table, lambda: changed  # type: ignore[assignment]
    verdicts._candidates.cache_clear()
    try:
        yield
    finally:
        verdicts.table = before
        verdicts._candidates.cache_clear()


def _in_text(module: Any, name: str, bug: Bug) -> Iterator[None]:
    owner, _, method = name.rpartition(".")
    home = getattr(module, owner) if owner else module
    original = vars(home)[method]
    function = original.fget if isinstance(original, property) else original
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(bug.old) == 1, f"{bug.name}: {bug.old!r} is {text.count(bug.old)} times there"
    flags = __future__.annotations.compiler_flag
    made: dict[str, Any] = {}
    code = compile(text.replace(bug.old, bug.new), str(module.__file__), "exec", flags)
    exec(code, vars(module), made)
    if owner:
        setattr(home, method, made[method])
        try:
            yield
        finally:
            setattr(home, method, original)
        return
    users = [
        known
        for path, known in list(sys.modules.items())
        if path.startswith("failover") and vars(known).get(method) is original
    ]
    for user in users:
        setattr(user, method, made[method])
    try:
        yield
    finally:
        for user in users:
            setattr(user, method, original)


def hunt(bug: Bug, most: int, first: int = 0) -> Violation | None:
    """Look for a planted bug.

    Args:
        bug: the bug.
        most: schedules to run at the most.
        first: the first seed.

    Returns:
        The first violation, or None.
    """
    with planted(bug):
        for seed in range(first, first + most):
            world = World(seed).run()
            if world.violations:
                return world.violations[0]
    return None

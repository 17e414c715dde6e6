"""Carrying a size from one endpoint's spelling to another's, and reporting what it loses.

With fidelity ``close`` a ratio may be five per cent off and an area four times too small or large;
no fidelity turns a picture on its side.
"""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import TYPE_CHECKING, Any, Final

from failover.catalog.size_choice import NO_DIFFERENCE, Choice
from failover.catalog.size_group import Reading
from failover.catalog.sizes import Size
from failover.catalog.work import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.catalog.size_group import SizeGroup
    from failover.catalog.work import Work

MOST_RATIO_ERROR: Final = 0.05 + 1e-9
"""With fidelity ``close`` a ratio may be five per cent off, and is reported."""
SAME_AREA: Final = log(1.2)
"""Areas this close are not reported."""
LIKE_AREA: Final = log(2.0)
"""Areas this close are reported, but no change: hosts differ in what a named size has in pixels."""
MOST_AREA_ERROR: Final = log(4.0)
"""With fidelity ``close`` an area may be four times too small or too large, and is reported."""


def carry_size(work: Work, input: Mapping[str, Any], consumed: Mapping[str, Any]) -> None:
    """Write the size that the call means, said or assumed, as near as the target can.

    Args:
        work: The translation in progress; its concepts have been read.
        input: The call.
        consumed: Parameters that selected the model, and so are carried already.

    Raises:
        Refused: What was said is lost, or too far off.
    """
    group = work.source.size
    if group is None:
        return
    said = {
        name: input[name]
        for name in group.names
        if input.get(name) is not None and name not in consumed
    }
    work.size = said
    reading = group.read(said)
    if reading.invalid is not None:
        raise Refused("invalid", reading.invalid)
    if "image" in work.said and work.source.follows:
        _drop(work, group, reading.ratio_by)
        reading = _following(reading)
    elif "image" in work.said and work.target.follows:
        _lose_ratio(work, group, reading)
        reading = _following(reading)
    choice = work.target.size.choose(reading.size) if work.target.size is not None else None
    if choice is None:
        _lose_ratio(work, group, reading)
        if reading.area_by != reading.ratio_by:
            _drop(work, group, reading.area_by)
        return
    _judge_ratio(work, group, reading, choice)
    _judge_area(work, group, reading, choice)
    for name, value in choice.assignments:
        work.sent[name] = value.copy() if isinstance(value, dict) else value


def misfits(group: SizeGroup, other: SizeGroup, input: Mapping[str, Any]) -> bool:
    """Tell whether another endpoint's nearest size is not the one that a call means."""
    said = {name: input[name] for name in group.names if input.get(name) is not None}
    choice = other.choose(group.read(said).size)
    return choice is not None and choice.area_error > SAME_AREA


def _following(reading: Reading) -> Reading:
    """Return what is left of a size when the ratio is the input picture's: the tier."""
    size = reading.size
    whole = reading.area_by is not None and reading.area_by == reading.ratio_by
    if size.pixels is not None or whole:
        return Reading(Size(follows=True), None, None)
    left = replace(size, ratio=None, follows=True, label=size.label.rpartition(" ")[2])
    return Reading(left, None, reading.area_by)


def _lose_ratio(work: Work, group: SizeGroup, reading: Reading) -> None:
    """Handle a ratio that the target doesn't take: refused, unless it is the usual one."""
    usual = group.read({}).size
    kept = reading.size.follows or reading.size.ratio == usual.ratio
    if reading.ratio_by is not None and not kept and work.fidelity != "any":
        raise Refused("shape", reading.ratio_by)
    if not reading.size.follows:
        _drop(work, group, reading.ratio_by)


def _drop(work: Work, group: SizeGroup, name: str | None) -> None:
    """Report a parameter, and the other side of the pixels with it."""
    if name is None:
        return
    work.drop(name)
    pixels = group.pixels
    sides = (pixels.width, pixels.height) if pixels and pixels.whole is None else ()
    if name in sides:
        work.dropped += [side for side in sides if side != name and side in work.size]


def _judge_ratio(work: Work, group: SizeGroup, reading: Reading, choice: Choice) -> None:
    size, name = reading.size, reading.ratio_by
    far = choice.ratio_error > MOST_RATIO_ERROR and name is not None
    if choice.turned or (far and work.fidelity != "any"):
        raise Refused("shape", name)
    if choice.ratio_lost and name is not None:
        if not size.follows and work.fidelity != "any":
            raise Refused("shape", name)
        _drop(work, group, name)
    elif choice.ratio_error > NO_DIFFERENCE or (name is not None and _off_pixels(size, choice)):
        report = work.note if name is None else work.change
        report(name or "size", size.label, _spell(choice))


def _off_pixels(size: Any, choice: Choice) -> bool:
    if size.pixels is None or choice.size.pixels == size.pixels:
        return False
    same_ratio = choice.ratio_error <= NO_DIFFERENCE and not choice.ratio_lost
    return not (same_ratio and choice.area_error < NO_DIFFERENCE and not choice.area_lost)


def _judge_area(work: Work, group: SizeGroup, reading: Reading, choice: Choice) -> None:
    name = reading.area_by
    if name is None:
        return
    if choice.area_lost:
        if name != reading.ratio_by:
            _drop(work, group, name)
        return
    if choice.area_error > MOST_AREA_ERROR and work.fidelity != "any":
        raise Refused("shape", name)
    reported = name == reading.ratio_by and _off_pixels(reading.size, choice)
    if choice.area_error > SAME_AREA and not reported:
        report = work.change if choice.area_error > LIKE_AREA else work.note
        report(name, reading.size.label, _spell(choice))


def _spell(choice: Choice) -> str:
    pixels = choice.size.pixels
    return choice.size.label or (f"{pixels[0]}x{pixels[1]}" if pixels else "?")

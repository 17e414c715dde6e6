"""Translation: a call read through the source's bindings, written through the target's.

Rules (the classes of loss are in `concepts`):

* What the caller says is carried, approximated and reported, or the target is refused.
* A value equal to the source's own default is as good as unsaid: when the target has no such
  parameter, it is dropped and reported, never refused.
* Defaults travel: an unsaid value whose source default is known is written to the target, where
  it is legal there as it is. For shapes the nearest legal value is taken.
* Safety is never weaker than asked, nor than the source's default.
* Fidelity ``exact`` refuses any change of what was said. ``close`` wants sizes within 5 % of the
  ratio, durations and frames within 25 %, areas within a factor of four, and never fewer pieces.
  ``any`` takes the nearest shape, but never turns a picture and never loses an essential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any, Final

from failover.catalog.bindings import Binding, InputPlan, Said
from failover.catalog.conversions import INVALID
from failover.catalog.private import private_reason
from failover.catalog.size_group import NO_DIFFERENCE, Reading
from failover.catalog.values import Refusal, Translation

MOST_RATIO_ERROR: Final = 0.05 + 1e-9
"""With fidelity ``close`` a ratio may be five per cent off, and is reported."""
SAME_AREA: Final = log(1.2)
"""Areas this close are not reported."""
LIKE_AREA: Final = log(2.0)
"""Areas this close are reported, but no change: hosts differ in what a named size has in pixels."""
MOST_AREA_ERROR: Final = log(4.0)
"""With fidelity ``close`` an area may be four times too small or too large, and is reported."""
_SILENT: Final = frozenset({False, None, ""})


class _Refused(Exception):
    """Carries a refusal out of the depth of a translation."""

    def __init__(self, reason: Any, parameter: str | None) -> None:
        super().__init__(reason)
        self.refusal = Refusal(reason, parameter)


@dataclass(slots=True)
class _Work:
    """One translation in progress."""

    source: InputPlan
    target: InputPlan
    fidelity: str
    said: dict[str, Said] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def drop(self, name: str) -> None:
        """Report a parameter that is not carried."""
        if self.fidelity == "exact":
            raise _Refused("exact", name)
        self.dropped.append(name)

    def change(self, name: str, said: object, sent: object) -> None:
        """Report a value that is approximated."""
        if self.fidelity == "exact":
            raise _Refused("exact", name)
        self.note(name, said, sent)

    def note(self, name: str, said: object, sent: object) -> None:
        """Report what the caller didn't ask for in words, so that no fidelity forbids it."""
        text = f"{name}: {said} -> {sent}"
        self.changed.append("".join(c if " " <= c <= "~" else "?" for c in text)[:80])


@dataclass(frozen=True, slots=True)
class PairPlan:
    """What is the same for every call from one endpoint to another.

    `fixed` are the target's parameters that select the model's variant. `consumed` are the source's
    parameters that selected the model, and so are carried by the choice of target. `strays` are
    the source's defaults of essential choices that the target can't take.
    """

    source: InputPlan
    target: InputPlan
    fixed: Mapping[str, Any]
    consumed: Mapping[str, Any]
    defaults: tuple[tuple[str, Binding, Any], ...]
    strays: tuple[tuple[str, Any, Any], ...] = ()

    def translate(self, input: Mapping[str, Any], fidelity: str) -> Translation | Refusal:
        """Translate one call. Never raises, whatever JSON the input holds."""
        work = _Work(self.source, self.target, fidelity)
        try:
            _read(work, input, self.consumed)
            for name, value in self.fixed.items():
                work.sent[name] = value
            for concept, binding, value in self.defaults:
                if concept not in work.said:
                    binding.assign(work.sent, value)
            for name, value, sent in self.strays:
                if name not in work.said:
                    work.note(name, f"default {value}", sent)
            for concept, said in work.said.items():
                _carry(work, concept, said)
            _carry_size(work, input, self.consumed)
            _carry_loras(work, input)
            _require(work)
        except _Refused as refused:
            return refused.refusal
        return Translation((work.sent,), tuple(work.dropped), tuple(work.changed))

    def misfits(self, input: Mapping[str, Any]) -> bool:
        """Tell whether the target's nearest size is not the one that a call means."""
        group, other = self.source.size, self.target.size
        if group is None or other is None:
            return False
        said = {name: input[name] for name in group.names if input.get(name) is not None}
        choice = other.choose(group.read(said).size)
        return choice is not None and choice.area_error > SAME_AREA


def pair_plan(
    source: InputPlan,
    target: InputPlan,
    *,
    fixed: Mapping[str, Any],
    consumed: Mapping[str, Any],
) -> PairPlan:
    """Work out which of the source's defaults travel to a target, and how.

    Args:
        source: The plan of the endpoint that the call is for.
        target: The plan of the endpoint that it goes to.
        fixed: Parameters of the target that select the model's variant.
        consumed: Parameters of the source that select the model's variant.
    """
    defaults = []
    strays = []
    for concept, binding in target.by_concept.items():
        own = source.by_concept.get(concept)
        if own is None or own.name in consumed or own.concept.type != binding.concept.type:
            value = 1 if concept == "count" and concept in target.defaults else None
        else:
            value = source.defaults.get(concept)
        if concept == "count" and value is None:
            value = 1
        written = _default(binding, value, target.defaults.get(concept))
        if written is not None:
            defaults.append((concept, binding, written))
        elif value is not None and binding.concept.loss == "essential":
            usual = target.defaults.get(concept)
            if usual != value and binding.name not in fixed:
                strays.append((concept, value, "the target's" if usual is None else usual))
    return PairPlan(source, target, fixed, consumed, tuple(defaults), tuple(strays))


def _default(binding: Binding, value: Any, own: Any) -> Any:
    """Return what to send for an unsaid value, or None to leave the target's own default."""
    loss = binding.concept.loss
    if value is None or loss == "transport" or not binding.concept.travels:
        return None
    if value == own and loss != "shape":
        return None
    if loss == "guard" and own is not None and not _weaker(own, value):
        return None
    if loss == "guard" and binding.concept.type == "flag" and value is False:
        return None
    written = binding.write(value)
    if written is None or (written.error > 0 and loss not in ("shape", "guard")):
        return None
    return written.value


def _weaker(one: Any, other: Any) -> bool:
    """Tell whether one safety setting is weaker than another: a switch off, or a higher level."""
    return not one and bool(other) if isinstance(one, bool) else bool(one > other)


def _read(work: _Work, input: Mapping[str, Any], consumed: Mapping[str, Any]) -> None:
    """Read the call into concepts; what the source's schema doesn't have is passed over."""
    for head, value in input.items():
        name = str(head)
        if value is None or name in work.source.grouped:
            continue
        if name not in work.source.heads:
            if work.fidelity == "exact":
                raise _Refused("unknown_parameter", _printable(name))
            work.dropped.append(_printable(name))
            continue
        if name in consumed:
            continue
        reason = private_reason(value)
        if reason is not None:
            raise _Refused(reason, name)
        if name in work.source.slots:
            _say_slots(work, work.source.slots[name], input)
        elif name in work.source.by_parameter:
            _say(work, work.source.by_parameter[name], value)
        elif isinstance(value, Mapping):
            for part, inner in value.items():
                binding = work.source.by_parameter.get(f"{name}.{part}")
                if binding is None:
                    work.drop(_printable(f"{name}.{part}"))
                elif inner is not None:
                    _say(work, binding, inner)
        else:
            raise _Refused("invalid", name)


def _say(work: _Work, binding: Binding, value: Any) -> None:
    """Note one concept; two names of the same thing that differ are no call we understand."""
    concept = binding.concept
    meant = binding.read(value)
    if meant is INVALID:
        raise _Refused("invalid", binding.name)
    if meant is None:
        return
    before = work.said.get(concept.name)
    if before is not None and before.value != meant:
        raise _Refused("invalid", binding.name)
    work.said[concept.name] = Said(binding.name, meant)


def _say_slots(work: _Work, first: Binding, input: Mapping[str, Any]) -> None:
    """Note the files of several parameters as one list, in the parameters' own order."""
    files: tuple[str, ...] = ()
    for name in first.slots:
        meant = first.read(input.get(name, []))
        if meant is INVALID:
            raise _Refused("invalid", name)
        files += meant or ()
    if files:
        work.said[first.concept.name] = Said(first.name, files)


def _printable(name: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in name)[:60]


def _carry(work: _Work, concept: str, said: Said) -> None:
    """Write one said concept to the target, or drop or refuse it by its class of loss."""
    own = work.source.by_parameter[said.name]
    binding = work.target.by_concept.get(concept)
    row = own.concept
    if row.loss == "transport":
        if said.value not in _SILENT:
            work.drop(said.name)
        return
    usual = said.value == work.source.defaults.get(concept)
    written = binding.write(said.value) if binding is not None else None
    if binding is None or written is None:
        _lose(work, said, own, usual=usual, absent=binding is None)
        return
    if written.error > 0:
        _approximate(work, said, own, written.value, written.error, usual=usual)
    binding.assign(work.sent, written.value)


def _lose(work: _Work, said: Said, own: Binding, *, usual: bool, absent: bool) -> None:
    """Handle a said value of which the target can take nothing."""
    row = own.concept
    if row.name == "count" and said.value != 1:
        raise _Refused("count", said.name)
    if row.loss == "guard" and not absent:
        raise _Refused("safety", said.name)
    empty = said.value in ("", False) if isinstance(said.value, str | bool) else False
    if not usual and not empty:
        if row.loss == "essential":
            raise _Refused("essential", said.name)
        if row.loss == "shape" and row.tolerance is not None and work.fidelity != "any":
            one = row.name == "count" or (row.name == "max_images" and said.value == 1)
            if not one:
                raise _Refused("count" if row.name == "max_images" else "shape", said.name)
    work.drop(said.name)


def _approximate(
    work: _Work, said: Said, own: Binding, sent: Any, error: float, *, usual: bool
) -> None:
    """Report a value that had to be moved, or refuse it when it moved too far."""
    row = own.concept
    if row.loss == "essential":
        raise _Refused("essential", said.name)
    if row.tolerance == 0.0:
        raise _Refused("count", said.name)
    too_far = row.loss == "shape" and row.tolerance is not None and error > row.tolerance
    if too_far and not usual and work.fidelity != "any":
        raise _Refused("shape", said.name)
    work.change(said.name, _short(said.value), sent)


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _carry_size(work: _Work, input: Mapping[str, Any], consumed: Mapping[str, Any]) -> None:
    """Write the size that the call means, said or assumed, as near as the target can."""
    group = work.source.size
    if group is None:
        return
    said = {
        name: input[name]
        for name in group.names
        if input.get(name) is not None and name not in consumed
    }
    reading = group.read(said)
    if reading.invalid is not None:
        raise _Refused("invalid", reading.invalid)
    pictured = "image" in work.said
    if pictured and work.source.follows:
        for name in said:
            work.drop(name)
        return
    size = reading.size
    used = {reading.ratio_by, reading.area_by}
    taken = work.target.size is not None and not (pictured and work.target.follows)
    choice = work.target.size.choose(size) if work.target.size is not None and taken else None
    if choice is None:
        for name in said:
            if name in used and not (size.follows and name == reading.ratio_by):
                _lose_size(work, name, reading)
            else:
                work.drop(name)
        return
    other_side = group.pixels.height if group.pixels else None
    for name in said:
        if name not in used and name != other_side:
            work.drop(name)
    _check_ratio(work, reading, choice.size.label or _spell(choice.size.pixels), choice)
    for name, value in choice.assignments:
        work.sent[name] = value


def _lose_size(work: _Work, name: str, reading: Reading) -> None:
    """Handle a said size at a target that takes none: refused, unless it is the usual one."""
    group = work.source.size
    usual = group is not None and group.read({}).size.ratio == reading.size.ratio
    if name == reading.ratio_by and not usual and work.fidelity != "any":
        raise _Refused("shape", name)
    work.drop(name)


def _check_ratio(work: _Work, reading: Reading, sent: str, choice: Any) -> None:
    size, name = reading.size, reading.ratio_by
    wanted = size.label
    if choice.turned or (choice.ratio_error > MOST_RATIO_ERROR and name and work.fidelity != "any"):
        raise _Refused("shape", name)
    if choice.ratio_lost and name is not None:
        if not size.follows and work.fidelity != "any":
            raise _Refused("shape", name)
        work.drop(name)
    off_pixels = size.pixels is not None and choice.size.pixels != size.pixels
    if choice.ratio_error > NO_DIFFERENCE or (off_pixels and name is not None):
        (work.change if name else work.note)(name or "size", wanted, sent)
    elif reading.area_by is not None and choice.area_lost:
        if reading.area_by != name:
            work.drop(reading.area_by)
    elif reading.area_by is not None and choice.area_error > SAME_AREA:
        report = work.change if choice.area_error > LIKE_AREA else work.note
        report(reading.area_by, wanted, sent)
    if (
        reading.area_by is not None
        and not choice.area_lost
        and choice.area_error > MOST_AREA_ERROR
        and work.fidelity != "any"
    ):
        raise _Refused("shape", reading.area_by)


def _spell(pixels: tuple[int, int] | None) -> str:
    return f"{pixels[0]}x{pixels[1]}" if pixels else "?"


def _carry_loras(work: _Work, input: Mapping[str, Any]) -> None:
    group = work.source.loras
    if group is None:
        return
    loras = group.read(input)
    if loras is INVALID:
        raise _Refused("invalid", group.names[0])
    if loras is None:
        return
    name = next(name for name in group.names if input.get(name))
    if not all(path.startswith("https://") and "/" in path[8:] for path, _ in loras):
        raise _Refused("private_model", name)
    if any(private_reason(path) for path, _ in loras):
        raise _Refused("private_input", name)
    written = work.target.loras.write(loras) if work.target.loras is not None else None
    if written is None:
        raise _Refused("essential", name)
    work.sent.update(written)


def _require(work: _Work) -> None:
    """Fill what the target requires and nobody said, from its schema's defaults, or refuse."""
    for name in work.target.required:
        if name not in work.sent:
            default = work.target.schema["properties"].get(name, {}).get("default")
            if default is None:
                raise _Refused("required", name)
            work.sent[name] = default

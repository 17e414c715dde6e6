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
from dataclasses import dataclass
from typing import Any, Final

from failover.catalog.bindings import Binding, InputPlan, Said
from failover.catalog.conversions import AUTO, INVALID
from failover.catalog.private import private_reason
from failover.catalog.size_carry import carry_size, misfits
from failover.catalog.spelling import word
from failover.catalog.values import Reason, Refusal, Translation
from failover.catalog.work import Refused, Work

_SILENT: Final = frozenset({False, None, ""})


@dataclass(frozen=True, slots=True)
class PairPlan:
    """What is the same for every call from one endpoint to another.

    `fixed` are the target's parameters that select the model's variant. `consumed` are the source's
    parameters that selected the model, and so are carried by the choice of target. `strays` are
    the source's defaults of essential choices that the target can't take. `needed` are concepts
    that the caller must say, since the target would assume what the source doesn't, with the
    reason for which it is refused otherwise.
    """

    source: InputPlan
    target: InputPlan
    fixed: Mapping[str, Any]
    consumed: Mapping[str, Any]
    defaults: tuple[tuple[str, Binding, Any], ...]
    strays: tuple[tuple[str, Any, Any], ...] = ()
    needed: tuple[tuple[str, Reason], ...] = ()

    def translate(self, input: Mapping[str, Any], fidelity: str) -> Translation | Refusal:
        """Translate one call. Never raises, whatever JSON the input holds."""
        work = Work(self.source, self.target, fidelity)
        try:
            _read(work, input, self.consumed)
            self._settle_defaults(work)
            for concept, said in work.said.items():
                _carry(work, concept, said)
            carry_size(work, input, self.consumed)
            _carry_loras(work, input)
            _require(work)
        except Refused as refused:
            return refused.refusal
        return Translation((work.sent,), tuple(work.dropped), tuple(work.changed))

    def _settle_defaults(self, work: Work) -> None:
        """Write what the model's variant and the source's defaults ask for."""
        for name, reason in self.needed:
            if name not in work.said and work.fidelity != "any":
                raise Refused(reason, name)
        work.sent.update(self.fixed)
        for concept, binding, value in self.defaults:
            if concept not in work.said:
                binding.assign(work.sent, value)
        for name, value, sent in self.strays:
            if name not in work.said:
                work.note(name, f"default {value}", sent)

    def misfits(self, input: Mapping[str, Any]) -> bool:
        """Tell whether the target's nearest size is not the one that a call means."""
        group, other = self.source.size, self.target.size
        return group is not None and other is not None and misfits(group, other, input)


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
    defaults, strays = [], []
    needed: list[tuple[str, Reason]] = []
    for concept, binding in target.by_concept.items():
        value, usual = _usual(source, binding, consumed), target.defaults.get(concept)
        written = _default(binding, value, usual, target.required)
        if written is not None and concept == "count" and written != value:
            needed.append((concept, "count"))
        elif written is not None:
            defaults.append((concept, binding, written))
        elif binding.concept.type == "language" and value in (None, AUTO):
            needed += [(concept, "essential")] if usual not in (None, AUTO) else []
        elif value not in (None, usual) and binding.concept.loss == "essential":
            strays.append((concept, value, "the target's" if usual is None else usual))
    if "count" not in target.by_concept and source.defaults.get("count", 1) > 1:
        needed.append(("count", "count"))
    strays = [stray for stray in strays if target.by_concept[stray[0]].name not in fixed]
    return PairPlan(source, target, fixed, consumed, tuple(defaults), tuple(strays), tuple(needed))


def _usual(source: InputPlan, binding: Binding, consumed: Mapping[str, Any]) -> Any:
    """Return what a source means when it is silent about a concept; one piece if it can't say."""
    concept = binding.concept.name
    own = source.by_concept.get(concept)
    known = own is not None and own.name not in consumed
    same = own is not None and own.concept.type == binding.concept.type
    value = source.defaults.get(concept) if known and same else None
    return 1 if value is None and concept == "count" else value


def _default(binding: Binding, value: Any, own: Any, required: tuple[str, ...]) -> Any:
    """Return what to send for an unsaid value, or None to leave the target's own default."""
    loss = binding.concept.loss
    if value is None or loss == "transport":
        return None
    same = value == own or (value == "" and own is None and binding.name not in required)
    if binding.concept.type == "choice" and own is not None:
        same = word(value) == word(own)
    if same and loss != "shape":
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


def _read(work: Work, input: Mapping[str, Any], consumed: Mapping[str, Any]) -> None:
    """Read the call into concepts; what the source's schema doesn't have is passed over."""
    for head, value in input.items():
        name = str(head)
        if value is None or name in work.source.grouped or name in consumed:
            continue
        if name not in work.source.heads:
            if work.fidelity == "exact":
                raise Refused("unknown_parameter", _printable(name))
            work.dropped.append(_printable(name))
            continue
        reason = private_reason(value)
        if reason is not None:
            raise Refused(reason, name)
        _read_one(work, name, value, input)


def _read_one(work: Work, name: str, value: Any, input: Mapping[str, Any]) -> None:
    """Read one parameter: a file among several, a plain one, or an object of settings."""
    bindings = work.source.by_parameter
    if name in work.source.slots:
        _say_slots(work, work.source.slots[name], input)
    elif name in bindings:
        _say(work, bindings[name], value)
    elif not isinstance(value, Mapping):
        raise Refused("invalid", name)
    else:
        for part, inner in value.items():
            path = f"{name}.{part}"
            if path not in bindings:
                work.drop(_printable(path))
            elif inner is not None:
                _say(work, bindings[path], inner)


def _say(work: Work, binding: Binding, value: Any) -> None:
    """Note one concept; two names of the same thing that differ are no call we understand."""
    concept = binding.concept
    meant = binding.read(value)
    if meant is INVALID:
        raise Refused("invalid", binding.name)
    if meant is None:
        return
    before = work.said.get(concept.name)
    if before is not None and before.value != meant:
        raise Refused("invalid", binding.name)
    work.said[concept.name] = Said(binding.name, meant)


def _say_slots(work: Work, first: Binding, input: Mapping[str, Any]) -> None:
    """Note the files of several parameters as one list, in the parameters' own order."""
    files: tuple[str, ...] = ()
    for name in first.slots:
        meant = first.read(input.get(name, []))
        if meant is INVALID:
            raise Refused("invalid", name)
        files += meant or ()
    if files:
        work.said[first.concept.name] = Said(first.name, files)


def _printable(name: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in name)[:60]


def _carry(work: Work, concept: str, said: Said) -> None:
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


def _lose(work: Work, said: Said, own: Binding, *, usual: bool, absent: bool) -> None:
    """Handle a said value of which the target can take nothing."""
    row = own.concept
    if row.name == "count":
        if said.value != 1:
            raise Refused("count", said.name)
        return
    if row.loss == "guard" and not absent:
        raise Refused("safety", said.name)
    if said.value == AUTO and row.type == "language":
        if not absent and work.target.defaults.get(row.name) is not None:
            raise Refused("essential", said.name)
        return
    empty = isinstance(said.value, str | bool) and not said.value
    if not usual and not empty:
        if row.loss == "essential":
            raise Refused("essential", said.name)
        if row.loss == "shape" and row.tolerance is not None and work.fidelity != "any":
            raise Refused("count" if row.name == "max_images" else "shape", said.name)
    work.drop(said.name)


def _approximate(
    work: Work, said: Said, own: Binding, sent: Any, error: float, *, usual: bool
) -> None:
    """Report a value that had to be moved, or refuse it when it moved too far."""
    row = own.concept
    if row.loss == "essential":
        raise Refused("essential", said.name)
    if row.tolerance == 0.0:
        raise Refused("count", said.name)
    too_far = row.loss == "shape" and row.tolerance is not None and error > row.tolerance
    if too_far and not usual and work.fidelity != "any":
        raise Refused("shape", said.name)
    work.change(said.name, _short(said.value), sent)


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _carry_loras(work: Work, input: Mapping[str, Any]) -> None:
    group = work.source.loras
    if group is None:
        return
    loras = group.read(input)
    if loras is INVALID:
        raise Refused("invalid", group.names[0])
    if loras is None:
        return
    name = next(name for name in group.names if input.get(name))
    if not all(path.startswith("https://") and "/" in path[8:] for path, _ in loras):
        raise Refused("private_model", name)
    if any(private_reason(path) for path, _ in loras):
        raise Refused("private_input", name)
    written = work.target.loras.write(loras) if work.target.loras is not None else None
    if written is None:
        raise Refused("essential", name)
    work.sent.update(written)


def _require(work: Work) -> None:
    """Fill what the target requires and nobody said, from its schema's defaults, or refuse."""
    for name in work.target.required:
        if name not in work.sent:
            default = work.target.schema["properties"].get(name, {}).get("default")
            if default is None:
                raise Refused("required", name)
            work.sent[name] = default

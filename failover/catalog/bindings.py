"""Bindings, ready for use: an endpoint's notations joined with its schema.

`InputPlan.read` turns a call's input into concepts; `InputPlan.binding` says how a concept is
written. Plans are built when an endpoint is first used and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from failover.catalog.binder import (
    enum_of,
    object_of,
    own_type,
    parameters,
    types_of,
    wrapper_of,
)
from failover.catalog.concepts import BY_NAME, Concept, own_concept
from failover.catalog.conversions import INVALID, READERS, WRITERS, Spec, Written
from failover.catalog.loras import LoraGroup
from failover.catalog.size_group import PixelParameters, SizeGroup, WordParameter
from failover.catalog.sizes import PRESETS, Word, parse_word, pixels_word

_ANY_TYPE: Final = frozenset({"string", "number", "integer", "boolean", "array", "object"})


@dataclass(frozen=True, slots=True)
class Binding:
    """How one endpoint spells one concept. `slots` are the parameters of a file each."""

    name: str
    concept: Concept
    spec: Spec
    slots: tuple[str, ...] = ()

    def read(self, value: Any) -> Any:
        """Return the concept's value, None for nothing said, or INVALID."""
        return READERS[self.concept.type](value, self.spec)

    def write(self, value: Any) -> Written | None:
        """Return what to send for a concept's value, or None when nothing near it is legal."""
        if self.slots:
            return Written(value) if len(value) <= len(self.slots) else None
        return WRITERS[self.concept.type](value, self.spec)

    def assign(self, sent: dict[str, Any], value: Any) -> None:
        """Put a written value where the endpoint wants it; lists and objects are copied."""
        if isinstance(value, list | dict):
            value = value.copy()
        if self.slots:
            sent.update(zip(self.slots, value, strict=False))
            return
        head, _, tail = self.name.partition(".")
        if tail:
            sent.setdefault(head, {})[tail] = value
        else:
            sent[head] = value


class Said(NamedTuple):
    """One concept's value as a call says it, and the parameter that says it."""

    name: str
    value: Any


@dataclass(slots=True)
class InputPlan:
    """Everything about an endpoint's input, by parameter and by concept.

    `follows`: with an input picture, the result has the picture's size, whatever is said.
    """

    schema: Mapping[str, Any]
    by_parameter: dict[str, Binding] = field(default_factory=dict)
    by_concept: dict[str, Binding] = field(default_factory=dict)
    slots: dict[str, Binding] = field(default_factory=dict)
    size: SizeGroup | None = None
    loras: LoraGroup | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    grouped: frozenset[str] = frozenset()
    heads: frozenset[str] = frozenset()
    follows: bool = False


def plan_input(
    schema: Mapping[str, Any],
    notations: Mapping[str, str],
    kind: str,
    *,
    implied: str | None = None,
    follows: bool = False,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
) -> InputPlan:
    """Join an endpoint's notations with its schema.

    Args:
        schema: The input's JSON Schema.
        notations: What the binder said of every parameter.
        kind: The endpoint's kind.
        implied: A size that the endpoint always has, though no parameter says so ("720p").
        follows: With an input picture, the result has the picture's size.
        facts: What is known of parameters beyond the schema: defaults and limits.
    """
    plan = InputPlan(schema, follows=follows)
    properties = {
        name: {**inner, **(facts or {}).get(name, {})} for name, inner in parameters(schema)
    }
    slots: dict[str, list[tuple[int, str]]] = {}
    aliases: list[tuple[str, str]] = []
    for name, notation in notations.items():
        if name not in properties or notation.partition(":")[0] in ("size", "loras"):
            continue
        note, *written_too = notation.split("+")
        concept_name, mark = _split(note)
        if mark == "~":
            aliases.append((name, concept_name))
            continue
        concept = _concept(concept_name, name, properties[name])
        spec = spec_of(properties[name], inverted=mark == "inverted")
        binding = Binding(name, concept, spec)
        if mark.isdigit():
            slots.setdefault(concept.name, []).append((int(mark), name))
        plan.by_parameter[name] = binding
        plan.by_concept.setdefault(concept.name, binding)
        for other in written_too:
            plan.by_concept.setdefault(other, Binding(name, BY_NAME[other], spec))
    for concept_name, numbered in slots.items():
        names = tuple(name for _, name in sorted(numbered))
        first = plan.by_parameter[names[0]]
        binding = Binding(names[0], first.concept, first.spec, names)
        plan.by_concept[concept_name] = binding
        plan.slots.update(dict.fromkeys(names, binding))
    for name, concept_name in aliases:
        concept = BY_NAME[concept_name]
        plan.by_parameter[name] = Binding(name, concept, spec_of(properties[name]))
    _add_groups(plan, properties, notations, kind, implied)
    for binding in plan.by_parameter.values():
        if binding.spec.default is not None and binding is plan.by_concept.get(
            binding.concept.name
        ):
            value = binding.read(binding.spec.default)
            if value is not None and value is not INVALID:
                plan.defaults[binding.concept.name] = value
    plan.required = tuple(schema.get("required") or ())
    plan.heads = frozenset(schema.get("properties") or ())
    return plan


def spec_of(schema: Mapping[str, Any], *, inverted: bool = False) -> Spec:
    """Return what a parameter's schema allows, in the form that the conversions use."""
    parts = [schema, *(schema.get("anyOf") or ())]

    def limit(name: str) -> Any:
        return next((part[name] for part in parts if part.get(name) is not None), None)

    return Spec(
        enum=enum_of(schema),
        types=types_of(schema) or _types_of_enum(enum_of(schema)),
        least=limit("minimum"),
        most=limit("maximum"),
        above=limit("exclusiveMinimum"),
        below=limit("exclusiveMaximum"),
        shortest=limit("minLength"),
        longest=limit("maxLength"),
        fewest=limit("minItems"),
        items=limit("maxItems"),
        default=schema.get("default"),
        inverted=inverted,
        wrapped=wrapper_of(schema),
        step=limit("multipleOf"),
        schema=schema,
    )


def _types_of_enum(enum: tuple[Any, ...] | None) -> frozenset[str]:
    if enum is None:
        return _ANY_TYPE
    return frozenset({"string"} if all(isinstance(item, str) for item in enum) else {"number"})


def _split(note: str) -> tuple[str, str]:
    if note.endswith("~"):
        return note[:-1], "~"
    for sign in ("|", "#"):
        name, found, mark = note.partition(sign)
        if found:
            return name, mark
    return note, ""


def _concept(name: str, parameter: str, schema: Mapping[str, Any]) -> Concept:
    if name.startswith("="):
        return own_concept(name if len(name) > 1 else f"={parameter}", own_type(schema))
    return BY_NAME[name]


def _add_groups(
    plan: InputPlan,
    properties: Mapping[str, Mapping[str, Any]],
    notations: Mapping[str, str],
    kind: str,
    implied: str | None,
) -> None:
    roles = {name: note for name, note in notations.items() if name in properties}
    words = tuple(
        _word_parameter(name, properties[name], video="video" in kind, free=note == "size:ratio")
        for name, note in roles.items()
        if note in ("size:words", "size:ratio", "size:pixels")
    )
    always = parse_word(implied, video="video" in kind) if implied else None
    if always is not None:
        words += (WordParameter("", {implied: always}, implied),)
    pixels = _pixel_parameters(roles, properties)
    if words or pixels:
        plan.size = SizeGroup(words, pixels)
    plan.loras = _lora_group(roles, properties)
    names = (*(plan.size.names if plan.size else ()), *(plan.loras.names if plan.loras else ()))
    plan.grouped = frozenset(names)


def _word_parameter(
    name: str, schema: Mapping[str, Any], *, video: bool, free: bool
) -> WordParameter:
    megapixels = name == "megapixels"
    words: dict[Any, Word] = {}
    meant = schema.get("meant", {})
    for value in enum_of(schema) or _listed(schema):
        preset = PRESETS.get(value) if object_of(schema) is not None else None
        word = (
            pixels_word(*preset)
            if preset
            else parse_word(meant.get(value, value), video=video, megapixels=megapixels)
        )
        if word is not None:
            words[value] = word
    return WordParameter(name, words, schema.get("default"), free, video, megapixels)


def _listed(schema: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(item for part in schema.get("anyOf") or () for item in part.get("enum") or ())


def _pixel_parameters(
    roles: Mapping[str, str], properties: Mapping[str, Mapping[str, Any]]
) -> PixelParameters | None:
    for name, note in roles.items():
        if note == "size:pixels" and (box := object_of(properties[name])) is not None:
            inner = box["properties"]
            default = properties[name].get("default")
            assumed = (
                (int(default["width"]), int(default["height"]))
                if isinstance(default, Mapping) and {"width", "height"} <= set(default)
                else None
            )
            least, most = _side_limits(inner["width"], inner["height"], properties[name])
            return PixelParameters("width", "height", name, least, most, assumed)
    by_side = {note: name for name, note in roles.items() if note in ("size:width", "size:height")}
    if len(by_side) == 2:
        width, height = by_side["size:width"], by_side["size:height"]
        wide, tall = properties[width], properties[height]
        least, most = _side_limits(wide, tall)
        across, down = wide.get("default"), tall.get("default")
        default = (int(across), int(down)) if across and down else None
        return PixelParameters(width, height, None, least, most, default)
    return None


def _side_limits(*sides: Mapping[str, Any]) -> tuple[int, int]:
    least = max(int(side.get("minimum") or 64) for side in sides)
    most = min(int(side.get("maximum") or 14142) for side in sides)
    return least, most


def _lora_group(
    roles: Mapping[str, str], properties: Mapping[str, Mapping[str, Any]]
) -> LoraGroup | None:
    pairs: dict[str, list[str | None]] = {}
    for name, note in roles.items():
        if note == "loras:list":
            entry = (properties[name].get("items") or {}).get("properties") or {}
            scales = _scale_limits(entry.get("scale") or {})
            return LoraGroup(whole=name, most=properties[name].get("maxItems"), scales=scales)
        role, _, number = note.partition("#")
        if role == "loras:weights":
            pairs.setdefault(number, [None, None])[0] = name
        elif role == "loras:scale":
            pairs.setdefault(number, [None, None])[1] = name
    found = tuple((w, s) for _, (w, s) in sorted(pairs.items()) if w is not None)
    limits = [_scale_limits(properties[s]) for _, s in found if s is not None]
    scales = (max(low for low, _ in limits), min(high for _, high in limits)) if limits else (0, 0)
    return LoraGroup(pairs=found, scales=scales) if found else None


def _scale_limits(schema: Mapping[str, Any]) -> tuple[float, float]:
    return schema.get("minimum", -1e9), schema.get("maximum", 1e9)

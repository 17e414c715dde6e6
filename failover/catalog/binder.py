"""The binder: from a model's input schema to bindings, by name, type, enum and range.

Its output is text, one short notation a parameter, so that the shipped catalog can be read and
compared: ``concept``, ``concept|inverted`` for a switch the other way round, ``concept#2`` for the
second of several file parameters, ``concept~`` for another name of the same thing (only read),
``concept+other`` where other concepts may be written to it too, ``size:words``
and the like for the parts of a group, ``=`` for a parameter that stands for itself. The few
exceptions come in as overrides in the same notation. The same binder serves the shipped catalog
and a model that a user registers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from failover.catalog import conversions
from failover.catalog.concepts import CONCEPTS, Concept, ValueType, applies
from failover.catalog.loras import PAIRS
from failover.catalog.sizes import parse_word
from failover.catalog.spelling import number_of, token

Schema = Mapping[str, Any]

_SIZE_NAMES: Final = frozenset({
    "image_size", "video_size", "size", "aspect_ratio", "resolution", "megapixels",
    "target_resolution", "quality", "max_area", "orientation",
})  # fmt: skip
_FREE_RATIO: Final = "aspect_ratio"
_NUMBERED: Final = re.compile(r"^(.*?)_?(\d)$")
_NUMERIC: Final = frozenset({"integer", "number"})
_ON_WORDS: Final = frozenset(conversions.ON_WORDS)


def bind(schema: Schema, kind: str, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """Propose the bindings of an endpoint.

    Args:
        schema: The input's JSON Schema: an object with properties.
        kind: The endpoint's kind ("image", "image-to-video" …): some names depend on it.
        overrides: Notations that are known better, by parameter name.

    Returns:
        A notation for every parameter, sorted by parameter name.
    """
    properties = dict(parameters(schema))
    bound = {name: note for name, note in (overrides or {}).items() if name in properties}
    taken = {note.split("|")[0] for note in bound.values()}
    _bind_size(properties, kind, bound)
    _bind_loras(properties, bound)
    for concept in CONCEPTS:
        if concept.name not in taken:
            _bind_concept(concept, properties, kind, bound)
    for name in properties:
        bound.setdefault(name, "=")
    return dict(sorted(bound.items()))


def parameters(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield every parameter's name and schema; settings objects are taken apart, dotted."""
    for name, schema_of in (schema.get("properties") or {}).items():
        inner = schema_of.get("properties")
        if name.endswith("_setting") and inner:
            for part, part_schema in inner.items():
                yield f"{name}.{part}", part_schema
        else:
            yield name, schema_of


def types_of(schema: Schema) -> frozenset[str]:
    """Return the JSON types that a schema allows; nullable is not a type."""
    found: set[str] = set()
    own = schema.get("type")
    found.update([own] if isinstance(own, str) else own or ())
    for part in schema.get("anyOf") or schema.get("oneOf") or ():
        found |= types_of(part)
    return frozenset(found - {"null"})


def enum_of(schema: Schema) -> tuple[Any, ...] | None:
    """Return the closed list of allowed values, or None when other values are allowed too."""
    if "enum" in schema:
        return tuple(item for item in schema["enum"] if item is not None)
    parts = [p for p in schema.get("anyOf") or () if p.get("type") not in ("null", "object")]
    if parts and all("enum" in part for part in parts):
        return tuple(item for part in parts for item in part["enum"])
    return None


def object_of(schema: Schema) -> Schema | None:
    """Return the part of a schema that is an object with width and height, if there is one."""
    for part in (schema, *(schema.get("anyOf") or ())):
        inner = part.get("properties") or {}
        if "width" in inner and "height" in inner:
            return dict(part)
    return None


def own_type(schema: Schema) -> ValueType:
    """Return the value type of a parameter that stands for itself."""
    types = types_of(schema)
    if types == {"boolean"}:
        return "flag"
    enum = enum_of(schema)
    if enum is not None and not all(isinstance(item, int | float) for item in enum):
        return "choice"
    if types and types <= _NUMERIC:
        return "number"
    if _is_media(schema, types) and "uri" in str(schema):
        return "media"
    return "text" if types == {"string"} else "json"


def _bind_size(properties: Mapping[str, Schema], kind: str, bound: dict[str, str]) -> None:
    sides = [properties.get(side) for side in ("width", "height")]
    if all(side is not None and types_of(side) & _NUMERIC for side in sides):
        for side in ("width", "height"):
            bound.setdefault(side, f"size:{side}")
    for name, schema in properties.items():
        if name not in _SIZE_NAMES or name in bound:
            continue
        if object_of(schema) is not None:
            bound[name] = "size:pixels"
        elif _speaks_size(name, schema, video="video" in kind):
            bound[name] = "size:words"
        elif name == _FREE_RATIO and types_of(schema) == {"string"}:
            bound[name] = "size:ratio"


def _speaks_size(name: str, schema: Schema, *, video: bool) -> bool:
    values = enum_of(schema) or ()
    understood = [
        parse_word(value, video=video, megapixels=name == "megapixels") for value in values
    ]
    shapes = [word for word in understood if word is not None and word.role != "unset"]
    return len(shapes) > len(values) / 2


def _bind_loras(properties: Mapping[str, Schema], bound: dict[str, str]) -> None:
    whole = properties.get("loras")
    if whole is not None and "array" in types_of(whole):
        bound.setdefault("loras", "loras:list")
        return
    for number, (weights, scale) in enumerate(PAIRS, 1):
        if weights in properties and types_of(properties[weights]) == {"string"}:
            bound.setdefault(weights, f"loras:weights#{number}")
            if scale in properties and types_of(properties[scale]) & _NUMERIC:
                bound.setdefault(scale, f"loras:scale#{number}")


def _bind_concept(
    concept: Concept, properties: Mapping[str, Schema], kind: str, bound: dict[str, str]
) -> None:
    for spelling in concept.spellings:
        plain, _, condition = spelling.partition("@")
        name = plain.lstrip("!")
        if not applies(condition, kind):
            continue
        if concept.type == "media" and _bind_numbered(concept, name, properties, bound):
            return
        if name in bound or name not in properties or not fits(concept.type, properties[name]):
            continue
        bound[name] = f"{concept.name}|inverted" if plain != name else concept.name
        twin = name.removesuffix("_url") if name.endswith("_url") else f"{name}_url"
        if twin in properties and twin not in bound and fits(concept.type, properties[twin]):
            bound[twin] = f"{concept.name}~"
        return


def _bind_numbered(
    concept: Concept, name: str, properties: Mapping[str, Schema], bound: dict[str, str]
) -> bool:
    """Bind parameters such as ``input_image_1``, ``input_image_2`` as slots of one concept."""
    slots = []
    for other, schema in properties.items():
        match = _NUMBERED.match(other)
        if other not in bound and match and match[1] == name and fits("media", schema):
            slots.append((int(match[2]), other))
    base = properties.get(name)
    if not slots or (len(slots) < 2 and base is None):
        return False
    if base is not None and name not in bound and fits("media", base):
        slots.append((0, name))
    for number, (_, other) in enumerate(sorted(slots), 1):
        bound[other] = f"{concept.name}#{number}"
    return True


def fits(value: ValueType, schema: Schema) -> bool:
    """Tell whether a parameter's schema can hold a concept's type of value."""
    types, enum = types_of(schema), enum_of(schema)
    if value == "text":
        return types == {"string"} and enum is None
    if value in ("number", "integer", "fraction", "seed"):
        return _is_numeric(types, enum)
    if value == "seconds":
        return _is_numeric(types, enum) or (types == {"string"} and enum is None)
    if value == "flag":
        return types == {"boolean"} or _is_switch(enum)
    if value in ("choice", "language"):
        return bool(types & {"string"}) or (enum is not None and types != {"boolean"})
    if value == "media":
        return enum is None and _is_media(schema, types)
    if value == "level":
        return bool(types & {"string", "integer", "number"})
    return True


def _is_numeric(types: frozenset[str], enum: tuple[Any, ...] | None) -> bool:
    if enum is None:
        return bool(types) and types <= _NUMERIC
    return any(number_of(item) is not None for item in enum)


def _is_switch(enum: tuple[Any, ...] | None) -> bool:
    words = {token(item) for item in enum or ()}
    off = words & conversions.OFF_WORDS
    return bool(words) and bool(words <= _ON_WORDS | off) and len(words) > 1


def _is_media(schema: Schema, types: frozenset[str]) -> bool:
    if types == {"string"}:
        return True
    if types != {"array"}:
        return False
    items = schema.get("items") or {}
    return types_of(items) in ({"string"}, frozenset()) or wrapper_of(schema) is not None


def wrapper_of(schema: Schema) -> str | None:
    """Return the only field of a list's objects, when it holds a file's address."""
    fields = (schema.get("items") or {}).get("properties") or {}
    if len(fields) != 1:
        return None
    ((name, inner),) = fields.items()
    return name if inner.get("format") == "uri" or name.endswith("url") else None

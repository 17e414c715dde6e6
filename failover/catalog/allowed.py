"""A small check whether a structure fits its schema, so that nothing illegal is sent on.

Covers what the schema files use inside structures: type, enum, ranges, lengths, items, properties
and anyOf. Parameters of the simple types are checked by the conversions already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int, float),
}
_DEPTH: Final = 8


def allowed(value: Any, schema: Mapping[str, Any], depth: int = 0) -> bool:
    """Tell whether a JSON value fits a schema.

    Args:
        value: The value.
        schema: Its JSON Schema.
        depth: How deep the value is already; very deep values do not fit.
    """
    if depth > _DEPTH:
        return False
    parts = schema.get("anyOf") or schema.get("oneOf")
    if parts and not any(allowed(value, part, depth + 1) for part in parts):
        return False
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else kind or []
    if kinds and not any(_is_a(value, name) for name in kinds):
        return bool(value is None and schema.get("nullable"))
    if "enum" in schema and value not in schema["enum"]:
        return False
    return _limits(value, schema) and _inside(value, schema, depth)


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool) and name in ("number", "integer"):
        return False
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, (object,)))


def _limits(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, str | list):
        least, most = ("minLength", "maxLength") if isinstance(value, str) else _ITEMS
        return bool(schema.get(least, 0) <= len(value) <= schema.get(most, len(value)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and value > schema.get("exclusiveMinimum", value - 1)
            and value < schema.get("exclusiveMaximum", value + 1)
        )
    return True


_ITEMS: Final = ("minItems", "maxItems")


def _inside(value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return all(allowed(item, schema["items"], depth + 1) for item in value)
    if isinstance(value, dict):
        inner = schema.get("properties") or {}
        if any(name not in value for name in schema.get("required") or ()):
            return False
        return all(
            allowed(item, inner[name], depth + 1) for name, item in value.items() if name in inner
        )
    return True

"""Answering in the source endpoint's form what another endpoint produced.

The answer has the fields of the source's output schema. What is not known is null where the schema
requires it and absent where it doesn't; nothing is made up. A seed is known when the output states
it or the caller chose it. Safety flags are null per picture unless the output states them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from failover.catalog.binder import types_of
from failover.catalog.languages import code_of, names_of
from failover.catalog.outputs import Asset, Result, file_name_of
from failover.catalog.transcripts import stamped, started, turns
from failover.catalog.values import UnreadableOutput

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT_KINDS: Final = frozenset({"transcription", "vision"})
"""Kinds whose result is text; all others make files."""

_MAIN: Final = frozenset({
    "", "images", "image", "video", "videos", "audio", "audio_file", "audio_url", "url", "data",
    "output", "img", "media", "model_mesh", "model_file", "model_glb", "combined_mask", "file",
    "preview",
})  # fmt: skip
"""Fields that hold the result itself, not something beside it."""
_SAME_ROLE: Final = {
    "model_mesh": ("model_file", "model_glb", "mesh"),
    "model_file": ("model_mesh", "model_glb", "mesh"),
    "img": ("image",),
    "preview": ("audio",),
    "audio": ("preview",),
}
_FLAGS: Final = frozenset({"has_nsfw_concepts", "nsfw_content_detected"})
_TEXTS: Final = frozenset({"text", "transcription", "output", "results", "generated_text"})
_CALLER_SAID: Final = frozenset({"seed", "prompt", "lyrics", "tags"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answer must fit: the source's kind and schema, and what its caller said.

    `many` tells, where the schema doesn't, whether the source answers with a list.
    """

    kind: str
    schema: Mapping[str, Any] | None
    input: Mapping[str, Any]
    many: bool = False


def render_answer(asked: Asked, result: Result) -> Any:
    """Write a result in the source's form.

    Raises:
        UnreadableOutput: The result holds no media, or no text where text was asked for.
    """
    textual = asked.kind in TEXT_KINDS
    if textual and result.text is None and not result.segments:
        raise UnreadableOutput("no text in the output")
    if not textual and not result.assets:
        raise UnreadableOutput("no media in the output")
    schema = asked.schema
    main = _main(result.assets)
    if not schema or not types_of(schema):
        return _unknown_form(asked, result, main)
    types = types_of(schema)
    if "array" in types:
        return [result.text or ""] if textual else [asset.url for asset in main]
    if "string" in types:
        return (result.text or "") if textual else main[0].url
    return _object(asked, schema, result, main)


def _unknown_form(asked: Asked, result: Result, main: list[Asset]) -> Any:
    if asked.kind in TEXT_KINDS:
        body: dict[str, Any] = {"text": result.text}
        return body | {"chunks": stamped(result.segments)} if result.segments else body
    return [asset.url for asset in main] if asked.many else main[0].url


def _main(assets: list[Asset]) -> list[Asset]:
    """Return the assets that are the result itself: aside from previews, masks and archives."""
    return [asset for asset in assets if asset.role in _MAIN] or assets


def _object(asked: Asked, schema: Mapping[str, Any], result: Result, main: list[Asset]) -> Any:
    if not schema.get("properties"):
        return {asset.role: asset.url for asset in result.assets}
    required = set(schema.get("required") or ())
    answer: dict[str, Any] = {}
    for name, inner in (schema.get("properties") or {}).items():
        known, value = _property(asked, name, inner, result, main)
        if known:
            answer[name] = value
        elif name in required:
            answer[name] = _nothing(inner)
    return answer


def _property(
    asked: Asked, name: str, schema: Mapping[str, Any], result: Result, main: list[Asset]
) -> tuple[bool, Any]:
    """Return whether an output field is known, and its value."""
    if _is_file(schema) or _is_file(schema.get("items") or {}) or _is_link(name, schema):
        return _files(name, schema, result.assets, main)
    if name in _FLAGS:
        flags = result.flags or [None] * len(main)
        return True, flags
    timed = _timed(name, result)
    if timed is not None:
        return timed
    if name in _TEXTS and asked.kind in TEXT_KINDS:
        return result.text is not None, result.text
    if name == "num_images":
        return True, len(main)
    if name == "duration" and "duration" in main[0].facts:
        return True, main[0].facts["duration"]
    for known in (result.fields, asked.input if name in _CALLER_SAID else {}):
        value = known.get(name)
        if value is not None and _suits(value, schema):
            return True, value
    return False, None


def _timed(name: str, result: Result) -> tuple[bool, Any] | None:
    """Return the fields of transcripts, or None for another field."""
    if name == "chunks":
        return bool(result.segments), stamped(result.segments)
    if name == "segments":
        return bool(result.segments), started(result.segments)
    if name == "diarization_segments":
        return True, turns(result.segments)
    if name in ("inferred_languages", "languages"):
        code = code_of(result.language) if result.language else None
        return True, [code] if code else []
    if name == "detected_language" and result.language:
        names = names_of(code_of(result.language))
        return True, names[0] if names else result.language
    return None


def _files(
    name: str, schema: Mapping[str, Any], assets: list[Asset], main: list[Asset]
) -> tuple[bool, Any]:
    roles = (name, *_SAME_ROLE.get(name, ()))
    found = [asset for asset in assets if asset.role in roles]
    if not found and (name in _MAIN or name.rstrip("s") in _MAIN):
        found = main
    if "array" in types_of(schema):
        inner = schema.get("items") or {}
        return bool(found), [_file(asset, inner) for asset in found]
    return (True, _file(found[0], schema)) if found else (False, None)


def _is_file(schema: Mapping[str, Any]) -> bool:
    return any("url" in (part.get("properties") or {}) for part in _parts(schema))


def _is_link(name: str, schema: Mapping[str, Any]) -> bool:
    inner = schema.get("items") or schema
    named = name in _MAIN - _TEXTS and types_of(inner) == {"string"}
    return named or inner.get("format") == "uri"


def _parts(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return (schema, *(schema.get("anyOf") or ()))


def _file(asset: Asset, schema: Mapping[str, Any]) -> Any:
    """Write one file as the source describes files: an address, or an object about it."""
    part = next((part for part in _parts(schema) if "url" in (part.get("properties") or {})), None)
    if part is None:
        return asset.url
    required = part.get("required") or ()
    facts = {
        **asset.facts,
        "url": asset.url,
        "content_type": asset.content_type,
        "file_name": asset.facts.get("file_name") or file_name_of(asset.url) or None,
    }
    written = {}
    for name, inner in part["properties"].items():
        value = facts.get(name) if name not in ("file_data", "b64_json") else None
        if value is not None and _suits(value, inner):
            written[name] = value
        elif name in required:
            written[name] = None
    return written


def _suits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Tell whether a value is of a type that the schema allows."""
    types = types_of(schema)
    if not types:
        return True
    if isinstance(value, bool):
        return "boolean" in types
    if isinstance(value, int):
        return bool(types & {"integer", "number"})
    if isinstance(value, float):
        return "number" in types or ("integer" in types and value.is_integer())
    kind = "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
    return kind in types


def _nothing(schema: Mapping[str, Any]) -> Any:
    """Return what stands for an unknown field that must be there."""
    types = types_of(schema)
    if not types or (types == {"object"} and not schema.get("properties")):
        return {}
    return [] if types == {"array"} else None

"""Outputs: build what an endpoint's output schema promises, with real files behind the URLs.

The builder walks the schema. A field's meaning is taken from its name, and what has no meaning
here gets the least value that the schema allows.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from failover.sim.media import Media, make

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from failover.sim.wishes import Asked

KIND_MARKS: Final = (
    ("glb", r"glb|mesh|obj\b|model_url|ply|gaussian|3d"),
    ("zip", r"zip|archive"),
    ("safetensors", r"lora|safetensors|weights|checkpoint"),
    ("json", r"config|json|spritesheet_meta|dataset|caption_file"),
    ("video", r"video|movie|clip|animation"),
    ("audio", r"audio|music|song|speech|voice|stem|vocals|drums|bass|sound"),
    ("image", r"image|picture|photo|thumbnail|mask|frame|texture|spritesheet|img|depth|map"),
)
SKIPPED: Final = frozenset({"file_data", "error", "nsfw_content_detected_reason"})
TRANSCRIPT: Final = "A simulated transcript."


def kind_of(name: str, default: str) -> str:
    """Return what kind of file a field of this name holds."""
    return next((kind for kind, mark in KIND_MARKS if re.search(mark, name.lower())), default)


class OutputBuilder:
    """Build one output.

    Args:
        asked: What the input asks for.
        kind: The kind of file that the endpoint makes where a name does not tell.
        publish: Stores a file and returns its URL.
    """

    def __init__(self, asked: Asked, kind: str, publish: Callable[[Media], str]) -> None:
        self._asked = asked
        self._kind = kind
        self._publish = publish
        self._made = 0

    def build(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """Return a value that satisfies a schema.

        Args:
            schema: The schema.
            name: The names that led here, for the meaning.
        """
        if options := schema.get("anyOf") or schema.get("oneOf"):
            chosen = next((o for o in options if o.get("type") != "null"), options[0])
            return self.build(chosen, name)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                return self._object(schema, name)
            case "array":
                return self._array(schema, name)
            case "string":
                return self._string(schema, name)
            case "integer" | "number":
                return self._number(schema, name)
            case "boolean":
                return False
            case "null":
                return None
        return self._anything(name)

    def file(self, kind: str) -> tuple[str, Media]:
        """Make a file of a kind; return its URL, or data URI, and the file."""
        media = make(self._asked.wish(kind, self._made))
        self._made += 1
        if self._asked.inline:
            text = base64.b64encode(media.data).decode()
            return f"data:{media.content_type};base64,{text}", media
        return self._publish(media), media

    def _object(self, schema: Mapping[str, Any], name: str) -> dict[str, Any]:
        fields = schema.get("properties", {})
        if "url" in fields:
            return self._file_object(fields, name)
        if not fields and self._kind != "text":
            return {"output": self.file(self._kind)[0]}
        wanted = {n: s for n, s in fields.items() if n not in SKIPPED}
        return {n: self.build(s, f"{name}.{n}") for n, s in wanted.items()}

    def _file_object(self, fields: Mapping[str, Any], name: str) -> dict[str, Any]:
        default = str(fields.get("content_type", {}).get("default", ""))
        kind = kind_of(name, kind_of(default, self._kind))
        url, media = self.file(kind)
        wish = self._asked.wish(kind, 0)
        known = {
            "url": url,
            "content_type": media.content_type,
            "file_name": media.file_name,
            "file_size": len(media.data),
            "width": wish.width,
            "height": wish.height,
            "duration": wish.seconds,
            "fps": 8,
            "num_frames": round(wish.seconds * 8),
            "sample_rate": 44100 if media.content_type == "audio/mpeg" else 16000,
            "channels": 1,
        }
        return {field: known[field] for field in fields if field in known}

    def _array(self, schema: Mapping[str, Any], name: str) -> list[Any]:
        items = schema.get("items") or {}
        if prefix := schema.get("prefixItems"):
            return [self.build(item, name) for item in prefix]
        if name.endswith("timestamp"):
            return [0.0, 1.0]
        if not name and self._kind == "text" and items.get("type") == "string":
            return re.findall(r"\s*\S+", TRANSCRIPT)
        one_each = not name or re.search(r"image|nsfw|audio|output|video", name)
        count = self._asked.count if one_each else 1
        count = min(max(count, schema.get("minItems", 0)), schema.get("maxItems", count))
        return [self.build(items, name) for _ in range(count)]

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        last = name.rpartition(".")[2]
        if schema.get("format") in {"uri", "binary"} or re.search(r"(^|_)ur[il]s?$", last):
            return self.file(kind_of(name, self._kind))[0]
        if not name and self._kind != "text":
            return self.file(self._kind)[0]
        if "prompt" in last:
            return self._asked.prompt
        if isinstance(schema.get("default"), str):
            return str(schema["default"])
        if re.search(r"text|transcript|output|caption|description|answer", last) or not name:
            return TRANSCRIPT
        return "simulated"

    def _number(self, schema: Mapping[str, Any], name: str) -> float:
        last = name.rpartition(".")[2]
        if "seed" in last:
            return self._asked.seed
        if last == "duration_ms":
            return round(self._asked.seconds * 1000)
        if isinstance(default := schema.get("default"), int | float):
            return default
        least: float = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        return least

    def _anything(self, name: str) -> Any:
        last = name.rpartition(".")[2]
        if last == "timings":
            return {"inference": 0.42}
        if not name and self._kind != "text":
            return self.file(self._kind)[0]
        return TRANSCRIPT if not name or "text" in last else {}

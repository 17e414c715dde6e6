"""Random valid inputs from a JSON Schema of the kind that the catalog's schema files use."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

FILE = "https://files.test/in/{number}.{ending}"
ENDINGS = {"video": "mp4", "audio": "mp3", "voice": "mp3"}
WORDS = ("a red fox", "two boats at dawn", "an old clock", "snow on a hill")


class Generator:
    """Makes inputs that a schema allows, reproducibly from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def input(
        self, schema: dict[str, Any], *, share: float = 0.4, media: AbstractSet[str] = frozenset()
    ) -> dict[str, Any]:
        """Make an input with every required parameter and a share of the others."""
        required = set(schema.get("required") or ())
        return {
            name: self.value(name, inner, media=media)
            for name, inner in (schema.get("properties") or {}).items()
            if name in required or self.random.random() < share
        }

    def value(
        self, name: str, schema: dict[str, Any], *, media: AbstractSet[str] = frozenset()
    ) -> Any:
        if schema.get("anyOf"):
            return self.value(name, self.random.choice(schema["anyOf"]), media=media)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next(item for item in kind if item != "null")
        match kind:
            case "boolean":
                return self.random.random() < 0.5
            case "integer" | "number":
                return self.a_number(name, schema, whole=kind == "integer")
            case "array":
                least = schema.get("minItems", 1)
                most = min(schema.get("maxItems", 3), max(least, 3))
                items = schema.get("items") or {"type": "string", "format": "uri"}
                count = self.random.randint(least, max(least, most))
                return [self.value(name, items, media=media) for _ in range(count)]
            case "object":
                return self.input(schema, share=0.7)
            case _:
                return self.a_text(name, schema, a_file=name in media or name == "path")

    def a_number(self, name: str, schema: dict[str, Any], *, whole: bool) -> Any:
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        usual = 1024 if name in ("width", "height") else 10
        most = schema.get("maximum", max(least, usual))
        if "exclusiveMinimum" in schema:
            least += 1 if whole else 0.001
        if name in ("width", "height"):
            least, most = max(least, 256), min(most, 2048)
        if name == "seed":
            most = min(most, 10**9)
        if whole:
            return self.random.randint(int(least), int(max(least, most)))
        return round(self.random.uniform(least, max(least, most)), 2)

    def a_text(self, name: str, schema: dict[str, Any], *, a_file: bool) -> str:
        if a_file or schema.get("format") == "uri" or "url" in name:
            self.number += 1
            ending = next((e for k, e in ENDINGS.items() if k in name), "png")
            return FILE.format(number=self.number, ending=ending)
        if "ratio" in name:
            return self.random.choice(("1:1", "16:9", "3:4"))
        if name in ("duration", "seconds"):
            return "5"
        text = self.random.choice(WORDS)
        return text[: schema.get("maxLength", 1000)]

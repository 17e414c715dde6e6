"""Every ordered pair of endpoints that share a model, and calls for them."""

from __future__ import annotations

import os
import zlib
from typing import Any, NamedTuple

from catalog.generator import Generator
from failover.catalog import Catalog, Endpoint, Target
from failover.catalog.lines import Lines

EXAMPLES = int(os.environ.get("FAILOVER_CATALOG_EXAMPLES", "15"))
"""Random calls for each pair: 15 at every push; more on demand."""

CATALOG = Catalog.load()
SCHEMAS = {name: Lines.shipped("schemas", name) for name in ("fal", "replicate")}
MODELS = Lines.shipped("data", "models")


class Pair(NamedTuple):
    """One direction between two providers of a model."""

    model: str
    source: Endpoint
    target: Endpoint

    @property
    def name(self) -> str:
        return f"{self.model}:{self.source.slug}>{self.target.slug}"


def input_schema(endpoint: Endpoint) -> dict[str, Any]:
    schema: dict[str, Any] = SCHEMAS[endpoint.provider][endpoint.slug]["input"]
    return schema


def all_pairs() -> list[Pair]:
    """List every ordered pair across providers whose schemas are known, retired ones too."""
    found = []
    for model in MODELS:
        endpoints = [
            endpoint
            for endpoint in CATALOG.endpoints_of(model)
            if endpoint.slug in SCHEMAS.get(endpoint.provider, ())
        ]
        found += [
            Pair(model, source, target)
            for source in endpoints
            for target in endpoints
            if source.provider != target.provider
        ]
    return found


def calls(pair: Pair, count: int, *, share: float = 0.3) -> list[dict[str, Any]]:
    """Make valid calls for the pair's source that mean the pair's model."""
    generator = Generator(zlib.crc32(pair.name.encode()))
    return [a_call(pair, generator, share if number else 0.0) for number in range(count)]


def a_call(pair: Pair, generator: Generator, share: float) -> dict[str, Any]:
    schema = input_schema(pair.source)
    plan = CATALOG.plan(pair.source)
    media = {name for name, b in plan.by_parameter.items() if b.concept.type == "media"}
    media |= set(plan.loras.names[:1]) if plan.loras else set()
    call = generator.input(schema, share=share, media=media)
    entry = MODELS[pair.model]
    for name, values in entry.get("fixed", {}).get(pair.source.provider, {}).items():
        call[name] = values[0]
    wanted = [*entry["media"]["needs"], "prompt", "speech_text"]
    for concept in wanted:
        binding = plan.by_concept.get(concept)
        if binding is not None and binding.name in schema.get("properties", {}):
            inner = schema["properties"][binding.name]
            call.setdefault(binding.name, generator.value(binding.name, inner, media=media))
    return call


def target_of(pair: Pair) -> Target:
    return Target(pair.model, pair.target)

"""Integrity of the shipped catalog: what must hold for any two of its entries to be paired.

Rules: whatever has a schema has bindings, for every parameter, and the other way round. Models and
endpoints name each other. Nothing leads from one kind of work to another. What is retired is never
a target. A version is 64 hexadecimal digits. The data is what the build makes of the schemas.

An endpoint that a model names without a schema is no fault: it is known by name, never a target.
"""

from __future__ import annotations

import re
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from failover.catalog.binder import parameters
from failover.catalog.build import PROVIDERS, build
from failover.catalog.catalog import Catalog
from failover.catalog.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALIKE: Final = (
    frozenset({"image", "image-edit", "image-inpaint"}),
    frozenset({"video", "image-to-video", "video-edit"}),
    frozenset({"sound", "video-to-audio"}),
    frozenset({"upscale", "video-upscale"}),
)
"""Kinds that one endpoint may serve together, since its inputs tell them apart."""
_VERSION: Final = re.compile(r"[0-9a-f]{64}")


class Shipped(NamedTuple):
    """The data files: models, and for each provider bindings and schemas."""

    models: Lines
    bound: Mapping[str, Lines]
    schemas: Mapping[str, Lines]

    @classmethod
    def load(cls) -> Shipped:
        """Read the files of this package."""
        return cls(
            Lines.shipped("data", "models"),
            {name: Lines.shipped("data", name) for name in PROVIDERS},
            {name: Lines.shipped("schemas", name) for name in PROVIDERS},
        )


def faults(data: Shipped) -> list[str]:
    """Check the data against itself.

    Args:
        data: the files' content.

    Returns:
        One line for each fault, the place first; none when all is well.
    """
    found = [*_unbound(data), *_one_sided(data), *_cross_kind(data), *_misdated(data)]
    return found or [*_retired_targets(data)]  # pairing needs data that is whole


def named_only(data: Shipped) -> int:
    """Count the endpoints that models name at these providers and that have no schema."""
    return sum(
        slug not in entries
        for model in data.models.values()
        for provider, entries in data.bound.items()
        for slug in model["endpoints"].get(provider, ())
    )


def stale() -> list[str]:
    """Build the data anew and name the files that differ from the shipped ones."""
    folder = files("failover.catalog").joinpath("data")
    return [
        f"data/{name}: stale; run python -m failover.catalog build"
        for name, text in build().items()
        if folder.joinpath(name).read_text("utf-8") != text
    ]


def _entries(data: Shipped) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for provider, entries in data.bound.items():
        for slug in entries:
            yield provider, slug, entries[slug]


def _unbound(data: Shipped) -> Iterator[str]:
    """Schemas without bindings, bindings without a schema, and parameters without either."""
    for provider, schemas in data.schemas.items():
        for slug in sorted(schemas.keys() ^ data.bound[provider].keys()):
            yield f"{provider} {slug}: has no {'bindings' if slug in schemas else 'schema'}"
    for provider, slug, entry in _entries(data):
        if slug in data.schemas[provider]:
            known = dict(parameters(data.schemas[provider][slug]["input"]))
            for name in sorted(known.keys() ^ entry["bind"].keys()):
                lacks = "binding" if name in known else "schema"
                yield f"{provider} {slug}: parameter {name} has no {lacks}"


def _one_sided(data: Shipped) -> Iterator[str]:
    """Models and endpoints of which only one names the other."""
    for name, model in data.models.items():
        for provider, slugs in model["endpoints"].items():
            for slug in slugs:
                entries = data.bound.get(provider)
                if entries and slug in entries and name not in entries[slug]["models"]:
                    yield f"{name}: {provider} {slug} doesn't name it"
    for provider, slug, entry in _entries(data):
        if not entry["models"]:
            yield f"{provider} {slug}: serves no model"
        for name in entry["models"]:
            if slug not in data.models.get(name, {"endpoints": {}})["endpoints"].get(provider, ()):
                yield f"{provider} {slug}: model {name} doesn't name it"


def _cross_kind(data: Shipped) -> Iterator[str]:
    """Endpoints that serve a model of another kind of work (a picture is never made by a voice)."""
    for provider, slug, entry in _entries(data):
        for name in entry["models"]:
            kinds = {entry["kind"], data.models.get(name, entry)["kind"]}
            if len(kinds) > 1 and not any(kinds <= alike for alike in ALIKE):
                other = data.models[name]["kind"]
                yield f"{provider} {slug}: {entry['kind']}, but its model {name} is {other}"


def _misdated(data: Shipped) -> Iterator[str]:
    """Versions and dates that can't be."""
    for provider, slug, entry in _entries(data):
        version, retired = entry.get("version"), entry.get("retired")
        if version is not None and not _VERSION.fullmatch(version):
            yield f"{provider} {slug}: version {version!r} is not 64 hexadecimal digits"
        if retired is not None and not _is_date(retired):
            yield f"{provider} {slug}: retired {retired!r} is not a date"


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _retired_targets(data: Shipped) -> Iterator[str]:
    """Targets, as real calls get them, that should be none."""
    catalog = Catalog(data.models, data.bound, data.schemas)
    for provider, slug, _ in _entries(data):
        source = catalog.endpoint(provider, slug)
        assert source is not None  # noqa: S101  # it is an entry
        for target in catalog.targets(source, {}):
            end = target.endpoint
            if "retired" in data.bound[end.provider][end.slug]:
                yield f"{provider} {slug}: leads to {end.provider} {end.slug}, which is retired"

"""Builds the shipped catalog from the schema files and the overrides.

Everything in ``data/`` but the overrides is this module's output: bindings for every endpoint,
and for every model its endpoints, the parameters that select its variant, and the media concepts
by which a call on a shared slug is told apart. The result is checked in; a test fails when it is
stale.

Rules:
* ``retired``: a fal endpoint that fal's newest published type file no longer lists is retired on
  the date of the last file that did; other retirements are overrides with their source.
* ``official`` (Replicate): a model is official when its owner is one of the vendors whose models
  Replicate runs itself (``vendors`` in the overrides) and no override says otherwise. Others are
  called by version; without a known version they can't be called, and are no targets.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from failover.catalog.binder import bind
from failover.catalog.concepts import BY_NAME
from failover.catalog.lines import Lines, render_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

NEWEST_SNAPSHOT: Final = "2026-08-02"
"""Date of the newest type file of fal that the schema files draw on."""
PROVIDERS: Final = ("fal", "replicate")
"""Providers whose schemas are known. Other providers' ids are kept by name."""


def overrides() -> dict[str, Any]:
    """Read the hand-written exceptions: bindings, variants, retirements, ownership."""
    text = files("failover.catalog").joinpath("data", "overrides.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def build() -> dict[str, str]:
    """Build the data files.

    Returns:
        File name under ``data/`` to its whole text.
    """
    rules = overrides()
    models = {name: Lines.shipped("schemas", "models")[name] for name in _names("models")}
    schemas = {provider: Lines.shipped("schemas", provider) for provider in PROVIDERS}
    endpoints = {
        provider: {
            slug: _endpoint(provider, slug, schemas[provider][slug], models, rules)
            for slug in schemas[provider]
        }
        for provider in PROVIDERS
    }
    built = {f"{provider}.json": render_lines(endpoints[provider]) for provider in PROVIDERS}
    built["models.json"] = render_lines(
        {name: _model(name, model, endpoints, schemas, rules) for name, model in models.items()}
    )
    return built


def _names(name: str) -> list[str]:
    return list(Lines.shipped("schemas", name))


def _endpoint(
    provider: str,
    slug: str,
    schema: Mapping[str, Any],
    models: Mapping[str, Any],
    rules: Mapping[str, Any],
) -> dict[str, Any]:
    served = [
        name for name, model in models.items() if slug in model["endpoints"].get(provider, ())
    ]
    served.sort(key=lambda name: (_text_first(models[name]["kind"]), name))
    kind = models[served[0]]["kind"]
    notes = {name: note for name, (note, _) in rules["bind"].get(slug, {}).items()}
    entry: dict[str, Any] = {
        "bind": bind(schema["input"], kind, notes),
        "kind": kind,
        "models": served,
    }
    if slug in rules["implied"]:
        entry["implied"] = rules["implied"][slug][0]
    if slug in rules["facts"]:
        entry["facts"] = {name: known for name, (known, _) in rules["facts"][slug].items()}
    if slug in rules["follows"]:
        entry["follows"] = True
    retired = rules["retired"].get(slug, [_retired(provider, schema)])[0]
    if retired:
        entry["retired"] = retired
    if provider == "replicate":
        entry["official"] = _official(slug, rules)
        if "version" in schema:
            entry["version"] = schema["version"]
    return entry


def _text_first(kind: str) -> int:
    """Sort the kinds of a shared slug so that the one made from text alone names it."""
    return 0 if kind in ("image", "video", "music", "tts", "transcription") else 1


def _retired(provider: str, schema: Mapping[str, Any]) -> str | None:
    seen = schema.get("last_seen")
    return seen if provider == "fal" and seen and seen < NEWEST_SNAPSHOT else None


def _official(slug: str, rules: Mapping[str, Any]) -> bool:
    if slug in rules["official"]:
        return bool(rules["official"][slug][0])
    return slug.partition("/")[0] in rules["vendors"]


def _model(
    name: str,
    model: Mapping[str, Any],
    endpoints: Mapping[str, Mapping[str, Any]],
    schemas: Mapping[str, Lines],
    rules: Mapping[str, Any],
) -> dict[str, Any]:
    entry: dict[str, Any] = {"endpoints": model["endpoints"], "kind": model["kind"]}
    fixed = {**model.get("fixed", {}), **rules["fixed"].get(name, [{}])[0]}
    if fixed:
        entry["fixed"] = {
            provider: {
                parameter: value if isinstance(value, list) else [value]
                for parameter, value in chosen.items()
            }
            for provider, chosen in fixed.items()
        }
    entry["media"] = _media(name, model, endpoints, schemas)
    return entry


def _media(
    name: str,
    model: Mapping[str, Any],
    endpoints: Mapping[str, Mapping[str, Any]],
    schemas: Mapping[str, Lines],
) -> dict[str, list[str]]:
    """Work out which media concepts a call of this model must and may carry.

    Taken from the endpoints that serve this model alone: what they all require, and what any takes.
    """
    needs: set[str] | None = None
    takes: set[str] = set()
    for provider in PROVIDERS:
        for slug in model["endpoints"].get(provider, ()):
            entry = endpoints[provider].get(slug)
            if entry is None or entry["models"] != [name]:
                continue
            required = set(schemas[provider][slug]["input"].get("required") or ())
            media = {
                parameter: _concept_of(note)
                for parameter, note in entry["bind"].items()
                if _is_media(note)
            }
            takes |= set(media.values())
            must = {concept for parameter, concept in media.items() if parameter in required}
            needs = must if needs is None else needs & must
    return {"needs": sorted(needs or ()), "takes": sorted(takes)}


def _is_media(note: str) -> bool:
    row = BY_NAME.get(_concept_of(note))
    return row is not None and row.type == "media"


def _concept_of(note: str) -> str:
    return note.partition("#")[0].partition("+")[0].rstrip("~")

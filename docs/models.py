"""Write `docs/models.md` from the catalog: `python docs/models.py`, `--check` to compare only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from failover.catalog import Catalog

if TYPE_CHECKING:
    from failover.core.types import Endpoint

PAGE = Path(__file__).with_name("models.md")
HEAD = """# Models

Made by `python docs/models.py` from the catalog; don't edit it by hand.

Every model that can be served by more than one provider. What stands under "only at" has no
counterpart on the other side: a call that uses it goes there without it if it is a matter of
tuning, and is reported; if the call is about it (a picture, a mask, a LoRA), that provider isn't
used. *(source only)* marks an endpoint that is never a target, because it is retired or can't be
called by name.

| model | kind | fal | Replicate | only at fal | only at Replicate |
| --- | --- | --- | --- | --- | --- |
"""


def page(catalog: Catalog) -> str:
    """Word the whole page.

    Args:
        catalog: the shipped catalog.
    """
    return HEAD + "".join(_row(catalog, model) for model in catalog.models())


def _row(catalog: Catalog, model: str) -> str:
    endpoints = [e for e in catalog.endpoints_of(model) if catalog.endpoint(e.provider, e.slug)]
    sides = {name: [e for e in endpoints if e.provider == name] for name in ("fal", "replicate")}
    if not all(sides.values()) or not any(catalog.is_open(e) for e in endpoints):
        return ""
    fal, replicate = sides["fal"][0], sides["replicate"][0]
    return (
        f"| {model} | {fal.kind} | {_named(catalog, fal)} | {_named(catalog, replicate)} "
        f"| {_only(catalog, fal, replicate)} | {_only(catalog, replicate, fal)} |\n"
    )


def _named(catalog: Catalog, endpoint: Endpoint) -> str:
    return f"`{endpoint.slug}`" + ("" if catalog.is_open(endpoint) else " *(source only)*")


def _only(catalog: Catalog, endpoint: Endpoint, other: Endpoint) -> str:
    """Parameters whose meaning the other side has no parameter for."""
    mine, theirs = catalog.plan(endpoint), catalog.plan(other)
    grouped = bool(mine.size and theirs.size)
    names = [
        name
        for name, binding in mine.by_parameter.items()
        if binding.concept.name not in theirs.by_concept and not (grouped and name in mine.grouped)
    ]
    return ", ".join(sorted(names)) or "-"


def main() -> None:
    """Write the page, or fail if it is stale."""
    made = page(Catalog.load())
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, "utf-8")
    elif PAGE.read_text("utf-8") != made:
        sys.exit("docs/models.md is stale: run python docs/models.py")


if __name__ == "__main__":
    main()

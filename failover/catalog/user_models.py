"""Models that the user registers: two endpoints he vouches for being the same model.

Where the shipped schemas know both endpoints, they are translated like any other pair. Where they
don't, only what every provider spells alike is carried: other parameters are dropped and reported,
and a call with a file in it is refused, since nobody can tell what the other side calls it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from failover.catalog.translate import pair_plan
from failover.core.types import Endpoint, Refusal, Target, Translation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from failover.catalog.catalog import Catalog
    from failover.policy import Model

ALIKE: Final = frozenset({
    "prompt", "negative_prompt", "seed", "num_inference_steps", "guidance_scale",
    "aspect_ratio", "width", "height", "text", "strength", "duration", "resolution",
    "output_format",
})  # fmt: skip
"""Names that mean the same wherever they occur."""
_FILE: Final = re.compile(r"https?://|data:")
_PINNED: Final = re.compile(r"(.+/.+):([0-9a-f]{64})")


class UserCatalog:
    """A catalog with the user's models in front of the shipped ones.

    Args:
        shipped: the shipped catalog.
        models: the user's models.
    """

    def __init__(self, shipped: Catalog, models: Iterable[Model]) -> None:
        self._shipped = shipped
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._models: dict[str, tuple[Endpoint, ...]] = {}
        self._model_of: dict[tuple[str, str], str] = {}
        for model in models:
            slugs = {"fal": model.fal, "replicate": model.replicate}
            found = [self._made(provider, slug) for provider, slug in slugs.items() if slug]
            self._models[model.name] = tuple(found)
            for endpoint in found:
                self._endpoints[endpoint.provider, endpoint.slug] = endpoint
                self._model_of[endpoint.provider, endpoint.slug] = model.name

    def _made(self, provider: str, slug: str) -> Endpoint:
        pinned = _PINNED.fullmatch(slug)
        if pinned:
            return Endpoint(provider, pinned[1], "image", pinned[2], official=False)
        known = self._shipped.endpoint(provider, slug)
        return known or Endpoint(provider, slug, "image", official=provider == "replicate" or None)

    def endpoint(self, provider: str, slug: str) -> Endpoint | None:
        """Return the endpoint of exactly this slug, or None when it is unknown."""
        return self._endpoints.get((provider, slug)) or self._shipped.endpoint(provider, slug)

    def slug_of_version(self, version: str) -> str | None:
        """Return the Replicate slug of a version's 64 hex digits, or None when it is unknown."""
        for endpoint in self._endpoints.values():
            if endpoint.version == version:
                return endpoint.slug
        return self._shipped.slug_of_version(version)

    def model(self, source: Endpoint, input: Mapping[str, Any]) -> str | None:
        """Return the canonical model that a call means, the user's first."""
        mine = self._model_of.get((source.provider, source.slug))
        return mine or self._shipped.model(source, input)

    def targets(self, source: Endpoint, input: Mapping[str, Any]) -> tuple[Target, ...]:
        """Return the other providers' endpoints of the call's model."""
        mine = self._model_of.get((source.provider, source.slug))
        if mine is None:
            return self._shipped.targets(source, input)
        others = (e for e in self._models[mine] if e.provider != source.provider)
        return tuple(Target(mine, endpoint) for endpoint in others)

    def endpoints_of(self, model: str) -> tuple[Endpoint, ...]:
        """Return every known endpoint of a model."""
        return self._models.get(model) or self._shipped.endpoints_of(model)

    def translate(
        self, source: Endpoint, target: Target, input: Mapping[str, Any], *, fidelity: str = "close"
    ) -> Translation | Refusal:
        """Say a call in the target's words."""
        if target.model not in self._models:
            return self._shipped.translate(source, target, input, fidelity=fidelity)
        if self._has_schema(source) and self._has_schema(target.endpoint):
            plans = self._shipped.plan(source), self._shipped.plan(target.endpoint)
            return pair_plan(*plans, fixed={}, consumed={}).translate(input, fidelity)
        return _alike(input, fidelity)

    def _has_schema(self, endpoint: Endpoint) -> bool:
        return self._shipped.endpoint(endpoint.provider, endpoint.slug) is not None

    def answer(
        self, source: Endpoint, target: Endpoint, input: Mapping[str, Any], output: Any
    ) -> Any:
        """Say a target's finished output in the source endpoint's form."""
        return self._shipped.answer(source, target, input, output)

    def output_schema(self, endpoint: Endpoint) -> dict[str, Any] | None:
        """Return the JSON Schema of an endpoint's output, or None when it is unknown."""
        return self._shipped.output_schema(endpoint)


def _alike(input: Mapping[str, Any], fidelity: str) -> Translation | Refusal:
    """Carry what every provider spells alike."""
    sent: dict[str, Any] = {}
    dropped: list[str] = []
    for name, value in input.items():
        if _holds_file(value):
            return Refusal("essential", name)
        if name in ALIKE:
            sent[name] = value
        elif fidelity == "exact":
            return Refusal("exact", name)
        else:
            dropped.append(name)
    return Translation((sent,), tuple(dropped))


def _holds_file(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(item, str) and _FILE.match(item) is not None for item in values)

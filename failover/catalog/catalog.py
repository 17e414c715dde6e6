"""The catalog: which model an endpoint serves, who else serves it, and a call in his words.

Nothing is parsed before it is asked for. Endpoints are found by exact slug only; a slug that is
not there is unknown, never the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from failover.catalog.answer import Asked, render_answer
from failover.catalog.bindings import InputPlan, plan_input
from failover.catalog.conversions import INVALID
from failover.catalog.lines import Lines
from failover.catalog.outputs import read_output
from failover.catalog.translate import PairPlan, pair_plan
from failover.catalog.values import Endpoint, Refusal, Target, Translation

_VERSION: Final = re.compile(r'"version": "([0-9a-f]{64})"')
_SCHEMA_PROVIDERS: Final = ("fal", "replicate")


class Catalog:
    """Models, their endpoints, and the translation between them. Use `load`."""

    def __init__(
        self, models: Lines, bound: Mapping[str, Lines], schemas: Mapping[str, Lines]
    ) -> None:
        self._models = models
        self._bound = bound
        self._schemas = schemas
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._plans: dict[tuple[str, str], InputPlan] = {}
        self._pairs: dict[tuple[str, str, str, str, str], PairPlan] = {}

    @classmethod
    def load(cls) -> Catalog:
        """Load the shipped catalog: an index only, a few milliseconds."""
        return cls(
            Lines.shipped("data", "models"),
            {name: Lines.shipped("data", name) for name in _SCHEMA_PROVIDERS},
            {name: Lines.shipped("schemas", name) for name in _SCHEMA_PROVIDERS},
        )

    def endpoint(self, provider: str, slug: str) -> Endpoint | None:
        """Return the endpoint of exactly this slug, or None when it is unknown."""
        found = self._endpoints.get((provider, slug))
        if found is None:
            entries = self._bound.get(provider)
            if entries is None or slug not in entries:
                return None
            entry = entries[slug]
            found = Endpoint(
                provider,
                slug,
                entry["kind"],
                None if entry.get("official") else entry.get("version"),
                entry.get("official"),
                entry.get("retired"),
            )
            self._endpoints[provider, slug] = found
        return found

    @cached_property
    def _versions(self) -> dict[str, str]:
        entries = self._bound["replicate"]
        found = {slug: _VERSION.search(entries.raw(slug)) for slug in entries}
        return {match[1]: slug for slug, match in found.items() if match}

    def slug_of_version(self, version: str) -> str | None:
        """Return the Replicate slug of a version's 64 hex digits, or None when it is unknown."""
        return self._versions.get(version)

    def model(self, source: Endpoint, input: Mapping[str, Any]) -> str | None:
        """Return the canonical model that a call means, or None.

        Where a slug serves several models, the call's inputs choose: the parameters that select a
        variant, then the media that the call carries.
        """
        served = self._served(source)
        candidates = [name for name in served if self._is_variant(name, source, input)]
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        carried = self._media_of(source, input)

        def fitness(name: str) -> tuple[int, int]:
            media = self._models[name]["media"]
            missing = len(set(media["needs"]) - carried)
            foreign = len(carried - set(media["takes"]))
            return (missing + foreign, -len(set(media["needs"])))

        return min(candidates, key=fitness)

    def _served(self, endpoint: Endpoint) -> list[str]:
        entries = self._bound.get(endpoint.provider)
        if entries is None or endpoint.slug not in entries:
            return []
        names: list[str] = entries[endpoint.slug]["models"]
        return names

    def _is_variant(self, name: str, source: Endpoint, input: Mapping[str, Any]) -> bool:
        fixed = self._models[name].get("fixed", {}).get(source.provider)
        if not fixed:
            return True
        properties = self._schemas[source.provider][source.slug]["input"]["properties"]
        for parameter, allowed in fixed.items():
            said = input.get(parameter)
            value = properties.get(parameter, {}).get("default") if said is None else said
            if value is not None and value not in allowed:
                return False
        return True

    def _media_of(self, source: Endpoint, input: Mapping[str, Any]) -> set[str]:
        plan = self.plan(source)
        carried = set()
        for name, value in input.items():
            binding = plan.by_parameter.get(name)
            if binding is None or binding.concept.type != "media" or value is None:
                continue
            meant = binding.read(value)
            if meant is not None and meant is not INVALID:
                carried.add(binding.concept.name)
        return carried

    def targets(self, source: Endpoint, input: Mapping[str, Any]) -> tuple[Target, ...]:
        """Return the other providers' endpoints of the call's model, primary ids first.

        Endpoints that are retired, have no known schema or can't be called are left out.
        """
        model = self.model(source, input)
        if model is None:
            return ()
        found = [
            Target(model, endpoint)
            for endpoint in self.endpoints_of(model)
            if endpoint.provider != source.provider and self.is_open(endpoint)
        ]
        if len(found) > 1:
            found.sort(key=lambda target: self._pair(source, target).misfits(input))
        return tuple(found)

    def is_open(self, endpoint: Endpoint) -> bool:
        """Tell whether an endpoint can be a target: not retired, known, and callable."""
        if endpoint.retired is not None or not self._is_bound(endpoint):
            return False
        return endpoint.official is not False or endpoint.version is not None

    def models(self) -> tuple[str, ...]:
        """Return every canonical model, sorted."""
        return tuple(sorted(self._models))

    def _is_bound(self, endpoint: Endpoint) -> bool:
        return endpoint.slug in self._bound.get(endpoint.provider, ())

    def endpoints_of(self, model: str) -> tuple[Endpoint, ...]:
        """Return every known endpoint of a model, each provider's primary id first."""
        if model not in self._models:
            return ()
        entry = self._models[model]
        return tuple(
            self.endpoint(provider, slug) or Endpoint(provider, slug, entry["kind"])
            for provider, slugs in entry["endpoints"].items()
            for slug in slugs
        )

    def translate(
        self,
        source: Endpoint,
        target: Target,
        input: Mapping[str, Any],
        *,
        fidelity: str = "close",
    ) -> Translation | Refusal:
        """Say a call in the target's words.

        Args:
            source: The endpoint that the call is for.
            target: The candidate, as `targets` gives it.
            input: The call's input, any JSON.
            fidelity: What may change: see `failover.catalog.translate`.

        Returns:
            The translation, or why there is none. Never raises on any input.
        """
        said: Any = input
        if not isinstance(said, Mapping):
            return Refusal("invalid")
        if not self._is_bound(source) or not self._is_bound(target.endpoint):
            return Refusal("no_schema")
        return self._pair(source, target).translate(said, fidelity)

    def plan(self, endpoint: Endpoint) -> InputPlan:
        """Return everything about a known endpoint's input; made when it is first asked for."""
        key = (endpoint.provider, endpoint.slug)
        plan = self._plans.get(key)
        if plan is None:
            entry = self._bound[endpoint.provider][endpoint.slug]
            schema = self._schemas[endpoint.provider][endpoint.slug]["input"]
            plan = self._plans[key] = plan_input(
                schema,
                entry["bind"],
                entry["kind"],
                implied=entry.get("implied"),
                follows=entry.get("follows", False),
                facts=entry.get("facts"),
            )
        return plan

    def _pair(self, source: Endpoint, target: Target) -> PairPlan:
        other = target.endpoint
        key = (source.provider, source.slug, other.provider, other.slug, target.model)
        pair = self._pairs.get(key)
        if pair is None:
            fixed = self._models.get(target.model, {}).get("fixed", {})
            own = fixed if target.model in self._served(source) else {}
            pair = self._pairs[key] = pair_plan(
                self.plan(source),
                self.plan(other),
                fixed={name: value[0] for name, value in fixed.get(other.provider, {}).items()},
                consumed=own.get(source.provider, {}),
            )
        return pair

    def answer(
        self,
        source: Endpoint,
        target: Endpoint,  # noqa: ARG002 - outputs are read by their shape, whoever made them
        input: Mapping[str, Any],
        output: Any,
    ) -> Any:
        """Say a target's finished output in the source endpoint's form.

        Args:
            source: The endpoint that the caller asked.
            target: The endpoint that made the output.
            input: The caller's own input.
            output: The target's result, as JSON.

        Returns:
            The output as the source would have given it.

        Raises:
            UnreadableOutput: There is no media and no text in the output.
        """
        entries = self._schemas.get(source.provider)
        known = entries[source.slug] if entries is not None and source.slug in entries else {}
        parameters = (known.get("input") or {}).get("properties") or {}
        asked = Asked(
            source.kind,
            known.get("output"),
            input,
            many="num_outputs" in parameters,
        )
        return render_answer(asked, read_output(output))

    def output_schema(self, endpoint: Endpoint) -> dict[str, Any] | None:
        """Return the JSON Schema of an endpoint's output, or None when it is unknown."""
        entries = self._schemas.get(endpoint.provider)
        if entries is None or endpoint.slug not in entries:
            return None
        schema: dict[str, Any] | None = entries[endpoint.slug]["output"]
        return schema or None

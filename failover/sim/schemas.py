"""The endpoints' published schemas: which exist, what each takes, what each gives.

Inputs are judged as the providers do it, from the package's schema files (JSON Schema with
OpenAPI's ``nullable``). A problem is named neutrally here; each provider words it in its own way.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.protocols import Validator

FETCHABLE: Final = ("https://", "http://", "data:")
PRODUCTS: Final = {
    "3d": "glb",
    "audio-separation": "audio",
    "avatar": "video",
    "image-to-video": "video",
    "image-vector": "svg",
    "interpolation": "video",
    "lipsync": "video",
    "music": "audio",
    "sound": "audio",
    "transcription": "text",
    "tts": "audio",
    "video": "video",
    "video-edit": "video",
    "video-to-audio": "video",
    "video-upscale": "video",
    "vision": "text",
}
"""What models make, by their kind; every other kind makes pictures."""
_REQUIRED = re.compile(r"'(.+?)' is a required property")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input.

    Attributes:
        path: Where, from the input's top.
        rule: The schema keyword that is broken, or ``unknown`` for a field nobody knows.
        text: What is wrong, in plain words.
        limit: The value of the broken rule.
        given: The offending value.
    """

    path: tuple[str | int, ...]
    rule: str
    text: str
    limit: Any = None
    given: Any = None


class Schemas:
    """The schemas of one provider's endpoints.

    Args:
        provider: Name of the provider; its file is ``<provider>.json``.
        null_unset: Whether null passes for an optional field without a default, as with pydantic.
    """

    def __init__(self, provider: str, *, null_unset: bool) -> None:
        self._entries = _load(provider)
        self._null_unset = null_unset
        self._validators: dict[str, Validator] = {}

    def __contains__(self, endpoint: str) -> bool:
        return endpoint in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def entry(self, endpoint: str) -> Mapping[str, Any]:
        """Return all that is known about an endpoint.

        Raises:
            KeyError: If it is unknown.
        """
        return self._entries[endpoint]

    def input(self, endpoint: str) -> Mapping[str, Any]:
        """Return an endpoint's input schema."""
        schema: Mapping[str, Any] = self._entries[endpoint].get("input") or {}
        return schema

    def output(self, endpoint: str) -> Mapping[str, Any]:
        """Return an endpoint's output schema."""
        schema: Mapping[str, Any] = self._entries[endpoint].get("output") or {}
        return schema

    def filled(self, endpoint: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return an input with the defaults that the endpoint would use.

        A default size gives way to a ratio that is given.
        """
        fields = self.input(endpoint).get("properties", {})
        defaults = {name: spec["default"] for name, spec in fields.items() if "default" in spec}
        if values.get("aspect_ratio"):
            defaults.pop("size", None)
        return {**defaults, **{name: v for name, v in values.items() if v is not None}}

    def problems(self, endpoint: str, values: Mapping[str, Any], *, strict: bool) -> list[Problem]:
        """Judge an input.

        Args:
            endpoint: Whose input it is.
            values: The input.
            strict: Whether an unknown field is a problem.

        Returns:
            Every problem, in no particular order.
        """
        schema = self.input(endpoint)
        fields = schema.get("properties", {})
        found = []
        if strict and fields and not schema.get("additionalProperties"):
            found += [
                Problem((name,), "unknown", f"Additional property {name} is not allowed", None, v)
                for name, v in values.items()
                if name not in fields
            ]
        checked = {n: v for n, v in values.items() if not self._unset(schema, n, v)}
        found += [_problem(error) for error in self._validator(endpoint).iter_errors(checked)]
        return found + list(_unfetchable(fields, checked))

    def _unset(self, schema: Mapping[str, Any], name: str, value: Any) -> bool:
        if value is not None:
            return False
        field = schema.get("properties", {}).get(name, {})
        if field.get("nullable"):
            return True
        optional = name not in schema.get("required", ()) and "default" not in field
        return self._null_unset and optional

    def _validator(self, endpoint: str) -> Validator:
        if endpoint not in self._validators:
            from jsonschema import Draft202012Validator  # noqa: PLC0415 - an extra, used late

            self._validators[endpoint] = Draft202012Validator(_plain(self.input(endpoint)))
        return self._validators[endpoint]


def product_of(provider: str, endpoint: str) -> str:
    """Return what an endpoint makes: ``image``, ``video``, ``audio``, ``text``, ``svg``, ``glb``.

    Known for every endpoint in the table of models; a picture for any other.
    """
    return PRODUCTS.get(_kinds(provider).get(endpoint, ""), "image")


@cache
def _kinds(provider: str) -> dict[str, str]:
    return {
        endpoint: model["kind"]
        for model in _load("models").values()
        for endpoint in model["endpoints"].get(provider, ())
    }


@cache
def _load(name: str) -> dict[str, dict[str, Any]]:
    """Read a schema file of the package."""
    text = files("failover").joinpath("catalog", "schemas", f"{name}.json").read_text("utf-8")
    entries: dict[str, dict[str, Any]] = json.loads(text)
    return entries


def _plain(schema: Any) -> Any:
    """Turn OpenAPI's ``nullable`` into JSON Schema."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def _problem(error: Any) -> Problem:
    path = tuple(error.absolute_path)
    if error.validator == "required" and (missing := _REQUIRED.match(error.message)):
        name = missing.group(1)
        return Problem((*path, name), "required", f"{name} is required", None, error.instance)
    text = error.message if len(error.message) < 300 else f"{error.message[:300]}…"
    return Problem(path, str(error.validator), text, error.validator_value, error.instance)


def file_urls(fields: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and URL of each file in an input."""
    for name, value in values.items():
        spec = fields.get(name, {})
        one = spec.get("format") == "uri" or name.endswith("_url")
        many = spec.get("items", {}).get("format") == "uri" or name.endswith("_urls")
        if one and isinstance(value, str):
            yield name, value
        elif many and isinstance(value, list):
            yield from ((name, item) for item in value if isinstance(item, str))


def _unfetchable(fields: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Problem]:
    for name, url in file_urls(fields, values):
        if not url.startswith(FETCHABLE) and name in fields:
            yield Problem((name,), "format", f"{name} must be a URL or a data URI", "uri", url[:80])

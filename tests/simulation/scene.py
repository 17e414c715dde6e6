"""The stage: up to five providers, their keys, two models.

There are two wire formats, so further providers are renamed copies of a dialect: their wire is
that of the original, their name, keys, health and bill are their own. The core can't tell the
difference, as it knows a provider by name only; requests reach them by that name, not by host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failover.core.types import Endpoint, Refusal, Target, Translation, UnreadableOutput
from failover.dialects.fal import Fal
from failover.dialects.replicate import Replicate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.core.ports import Inbound

MODELS = ("fox", "owl")
SECRET = "s3cr3t-"


class FalTwo(Fal):
    """A second provider that speaks fal's wire format."""

    __slots__ = ()
    provider = "fal-two"


class FalThree(Fal):
    """A third one."""

    __slots__ = ()
    provider = "fal-three"


class ReplicateTwo(Replicate):
    """A second provider that speaks Replicate's wire format."""

    __slots__ = ()
    provider = "replicate-two"


DIALECTS: dict[str, Inbound] = {
    made.provider: made for made in (Fal(), Replicate(), FalTwo(), ReplicateTwo(), FalThree())
}
PROVIDERS = tuple(DIALECTS)


def family(provider: str) -> str:
    """The wire format a provider speaks: `fal` or `replicate`."""
    return provider.partition("-")[0]


def credential(provider: str, key: str) -> str:
    """The authorization header of a key; the key's id is what follows the secret."""
    return f"{'Key' if family(provider) == 'fal' else 'Bearer'} {SECRET}{key}"


def key_of(authorization: str) -> str:
    """The id of the key in an authorization header."""
    return authorization.partition(SECRET)[2]


class Shelf:
    """The catalog: both models at every provider; a `mask` can't be carried to Replicate's like.

    A call with `rare` asks for a variant that nobody else has.
    """

    def __init__(self) -> None:
        self._endpoints = {
            (name, f"acme/{model}"): Endpoint(name, f"acme/{model}", "image", official=True)
            for name in PROVIDERS
            for model in MODELS
        }

    def endpoint(self, provider: str, slug: str) -> Endpoint | None:
        return self._endpoints.get((provider, slug))

    def slug_of_version(self, version: str) -> str | None:
        return None

    def model(self, source: Endpoint, input: Mapping[str, Any]) -> str | None:
        return source.slug.removeprefix("acme/")

    def targets(self, source: Endpoint, input: Mapping[str, Any]) -> tuple[Target, ...]:
        if "rare" in input:
            return ()
        model = source.slug.removeprefix("acme/")
        return tuple(
            Target(model, endpoint)
            for endpoint in self.endpoints_of(model)
            if endpoint.provider != source.provider
        )

    def endpoints_of(self, model: str) -> tuple[Endpoint, ...]:
        return tuple(self._endpoints[name, f"acme/{model}"] for name in PROVIDERS)

    def translate(
        self, source: Endpoint, target: Target, input: Mapping[str, Any], *, fidelity: str = "close"
    ) -> Translation | Refusal:
        if "mask" in input and family(target.endpoint.provider) == "replicate":
            return Refusal("essential", "mask")
        return Translation((dict(input),))

    def answer(
        self, source: Endpoint, target: Endpoint, input: Mapping[str, Any], output: Any
    ) -> Any:
        images = output.get("images", ()) if isinstance(output, dict) else output or ()
        urls = [entry["url"] if isinstance(entry, dict) else entry for entry in images]
        if not urls:
            raise UnreadableOutput("nothing in it")
        return [*urls] if family(source.provider) == "replicate" else fal_output(urls)

    def output_schema(self, endpoint: Endpoint) -> dict[str, Any] | None:
        return None


def fal_output(urls: list[str]) -> dict[str, Any]:
    """What a fal endpoint returns."""
    return {"images": [{"url": url} for url in urls]}


SHELF = Shelf()

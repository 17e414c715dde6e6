"""The judge: what is wrong with a request, whoever sent it.

Two questions that hold for every provider. Does it carry a secret that is not this host's? Does
it carry a header that only another provider's protocol has? A host that is nobody's must see no
secret at all.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from failover.sim.http1 import Request
    from failover.sim.ledger import Received

HEADER_OWNERS: Final[Mapping[str, frozenset[str]]] = {
    "x-fal-": frozenset({"fal"}),
    "x-app-fal-": frozenset({"fal"}),
    "cancel-after": frozenset({"replicate"}),
    "prefer": frozenset({"replicate"}),
    "x-stainless-": frozenset({"openai", "replicate", "runway", "luma"}),
    "openai-": frozenset({"openai"}),
    "x-goog-": frozenset({"google"}),
    "x-key": frozenset({"bfl"}),
    "xi-api-key": frozenset({"elevenlabs"}),
    "api-key": frozenset({"azure", "ideogram"}),
    "x-api-key": frozenset({"anthropic", "leonardo", "minimax"}),
    "x-runway-version": frozenset({"runway"}),
    "stability-client-": frozenset({"stability"}),
    "idempotency-key": frozenset({"openai", "anthropic"}),
    "cookie": frozenset(),
    "proxy-authorization": frozenset(),
}
"""Header names, or beginnings ending in a dash, and the only providers that know them."""


@dataclass(frozen=True)
class Leak:
    """A secret seen where it does not belong.

    Attributes:
        owner: The provider whose secret it is.
        host: The host that received it.
        where: ``head`` or ``body``.
        received: The request that carried it.
    """

    owner: str
    host: str
    where: str
    received: Received

    def __str__(self) -> str:
        entry = self.received
        return f"{self.owner}'s key in the {self.where} of {entry.method} {self.host}{entry.path}"


def foreign_headers(provider: str, request: Request) -> Iterator[str]:
    """Yield a complaint for each header that belongs to another provider's protocol."""
    for name, _ in request.headers:
        for mark, owners in HEADER_OWNERS.items():
            lower = name.lower()
            owned = lower.startswith(mark) if mark.endswith("-") else lower == mark
            if owned and provider not in owners:
                yield f"header {lower} belongs to another provider"


def spellings(secret: str) -> Iterator[bytes]:
    """Yield the forms in which a secret may travel: plain, percent-encoded, base64."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")


def leaks_in(entry: Received, secrets: Mapping[str, Sequence[str]]) -> Iterator[Leak]:
    """Yield every secret of another provider in a request.

    Args:
        entry: The request as received.
        secrets: The keys of each provider by its name.
    """
    for owner, keys in secrets.items():
        if owner == entry.provider:
            continue
        forms = {form for key in keys for form in spellings(key)}
        for where, text in (("head", entry.request.head), ("body", entry.request.body)):
            if any(form in text for form in forms):
                yield Leak(owner, entry.host, where, entry)

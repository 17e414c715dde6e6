"""Who else could serve a call, in which order: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from failover.core.types import Asked, Endpoint, Target
from failover.core.verdict import Action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover.core.walk import Walk


@dataclass(frozen=True, slots=True)
class Candidate:
    """One more place to send a call.

    Args:
        target: the endpoint; the caller's own when only the key differs.
        key: id of the key.
        own: it is the caller's own endpoint, under another key.
    """

    target: Target
    key: str
    own: bool = False


def candidates(walk: Walk) -> list[Candidate]:
    """Order what is left to try: other keys of the caller's provider, then the other providers.

    Args:
        walk: a call whose body has been read.

    Returns:
        Candidates in the order to try them, the keys of one provider together; none for an
        endpoint that the catalog doesn't know.
    """
    source, asked = walk.source, walk.asked
    if source is None or asked is None:
        return []
    return [*_own_keys(walk, source), *_elsewhere(walk, source, asked)]


def _own_keys(walk: Walk, source: Endpoint) -> Iterator[Candidate]:
    if walk.verdict and walk.verdict.action is not Action.NEXT_KEY:
        return
    mine = walk.ctx.caller_key(walk.provider, walk.request)
    for key in walk.ctx.keys(walk.provider):
        if mine and key != mine:
            yield Candidate(Target(walk.model, source), key, own=True)


def _elsewhere(walk: Walk, source: Endpoint, asked: Asked) -> Iterator[Candidate]:
    ctx, order = walk.ctx, walk.ctx.settings.providers
    targets = list(ctx.catalog.targets(source, asked.input))
    for model in ctx.settings.substitutes.get(walk.model, ()):
        targets += [Target(model, endpoint) for endpoint in ctx.catalog.endpoints_of(model)]
    usable = [t for t in targets if _usable(t.endpoint, source)]
    first_choice = [t for t in usable if t.model == walk.model]
    for group in (first_choice, [t for t in usable if t.model != walk.model]):
        for provider in order:
            for target in group:
                if target.endpoint.provider == provider:
                    for key in ctx.keys(provider):
                        yield Candidate(target, key)


def _usable(endpoint: Endpoint, source: Endpoint) -> bool:
    """Whether an endpoint is another one, is still there, and can be called at all."""
    same = (endpoint.provider, endpoint.slug) == (source.provider, source.slug)
    callable_ = endpoint.official is not False or endpoint.version is not None
    return endpoint.retired is None and callable_ and not same

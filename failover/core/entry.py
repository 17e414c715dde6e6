"""Leave to use a provider: refused while it cools, one prober when it may have recovered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from failover.core.effects import Admit, Flow, ReadHealth, Release, ask
from failover.core.health import Entry
from failover.core.walk import scopes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.core.ports import Context

PROBE_LEASE = 330.0


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to make one attempt.

    Args:
        generations: the generation of each scope when the attempt began.
        probes: scopes for which this attempt is the only prober.
    """

    generations: Mapping[str, int] = field(default_factory=dict)
    probes: tuple[str, ...] = ()

    def settle(self) -> Flow[None]:
        """Give the probes back; where a report has moved the generation on, nothing changes."""
        for scope in self.probes:
            yield from ask(Release(scope, self.generations[scope]))


def enter(ctx: Context, provider: str, slug: str, key: str) -> Flow[Pass | None]:
    """Ask for leave to use a provider's endpoint with a key.

    Args:
        ctx: the world.
        provider: provider name.
        slug: its endpoint.
        key: id of the key.

    Returns:
        The pass, or None while any of the scopes is cooling.
    """
    if ctx.health.stale():  # a call may last for minutes
        yield from ask(ReadHealth())
    if ctx.health.clear:
        return Pass(ctx.health.generations())
    generations: dict[str, int] = {}
    probes: list[str] = []
    for scope in scopes_of(provider, slug, key):
        generations[scope] = ctx.health.generation(scope)
        entry = ctx.health.entry(scope)
        if entry is Entry.PROBE:
            admission = yield from ask(Admit(scope, PROBE_LEASE))
            entry, generations[scope] = admission.entry, admission.generation
        if entry is Entry.REFUSED:
            yield from Pass(generations, tuple(probes)).settle()
            return None
        if entry is Entry.PROBE:
            probes.append(scope)
    return Pass(generations, tuple(probes))

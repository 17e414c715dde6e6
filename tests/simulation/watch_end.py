"""Watches ends: what a flow answered, what a client made of it, what is left when all is quiet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from failover.core.effects import Forward
from failover.core.types import Create, Mode

from .faults import NEXT, OK
from .scene import MODELS, PROVIDERS, family
from .sdk import FAL_CLIENT, attempts
from .watch_sends import USEFUL, cools, limit, standing, taken

if TYPE_CHECKING:
    from failover.core.health import Standing

    from .flight import Call, Flight, Hop
    from .world import World

SLACK = 5.0
LOST_AFTER = 10  # polls that failed


def judge_flight(world: World, flight: Flight) -> None:
    """Check the answer to one request."""
    assert flight.answer is not None
    if not isinstance(flight.intent, Create):
        return
    if not flight.submits:
        flight.resubmit = True
        _judge_stop(world, flight)
        return
    if flight.resubmit:
        if flight.answer.reply is not flight.submits[-1].reply:
            world.violate("I8", "what came back was not handed on")
        return
    _judge_answer(world, flight)
    _judge_evidence(world, flight)
    _judge_abandoned(world, flight)


def _judge_stop(world: World, flight: Flight) -> None:
    """Nobody was asked: only a client that sends again after an unknown outcome is told so."""
    assert flight.answer is not None
    if flight.call.order.sdk not in FAL_CLIENT or not _doubtful(flight.call, flight):
        world.violate("LIVE", "nobody was asked")
    elif getattr(flight.answer.reply, "status", 0) != 504:
        world.violate("STOP-SDK", f"the client was told {flight.answer.reply}")


def _doubtful(call: Call, before: Flight | None = None) -> Flight | None:
    """The first flight that made a second submit after one that may have been billed."""
    for flight in call.flights:
        if flight is before:
            return None
        submits = flight.submits
        elsewhere = len({(hop.provider, hop.key) for hop in submits}) > 1
        if elsewhere and any(hop.fault.bill == "U" for hop in submits):
            return flight
    return None


def _plain(hop: Hop) -> bool:
    """Whether a hop is the caller's own request under his own key."""
    return isinstance(hop.effect, Forward) and not hop.effect.key


def _judge_answer(world: World, flight: Flight) -> None:
    answer, now = flight.answer, world.clock.now
    assert answer is not None
    said = [hop for hop in flight.submits if hop.reply is answer.reply]
    served = [hop for hop in flight.submits if hop.truth(now) is OK]
    if said and (said[0].truth(now) is OK or taken(said[0])):
        if len(flight.submits) == 1 and _plain(said[0]) and answer.report is not None:
            world.violate("TRUTH", "a report on a call that went the plain way")
        return
    if not said:
        jobs = [hop for hop in flight.submits if not hop.own and hop.fault is OK and hop.job]
        waits = isinstance(flight.intent, Create) and flight.intent.mode in (Mode.QUEUE, Mode.WAIT)
        found = [hop for hop in jobs if hop.job and hop.job.state(now) == "done"]
        if not (served or found or (jobs and waits)):
            ended = [(hop.provider, hop.truth(now).name) for hop in flight.submits]
            world.violate("TRUTH", f"an answer came out of {ended}")
        elif waits and not served and not flight.saved:
            world.violate("I5", "nobody remembers where the job runs")
        return
    if served:
        world.violate("I6", f"{served[0].provider} served, and it was thrown away")
        return
    last = [hop for hop in flight.submits if _plain(hop)]
    if not last or last[-1].reply is not answer.reply:
        world.violate("I8", f"the last word was {said[0].provider}'s with {said[0].key}")
        return
    _judge_unserved(world, flight)


# --- the call gets through ------------------------------------------------------------------------


def _judge_unserved(world: World, flight: Flight) -> None:
    """Nobody served: was there really nobody?"""
    order = flight.call.order
    if _excused(world, flight):
        return
    tried = {(hop.provider, hop.key) for hop in flight.submits}
    for name in flight.process.settings.providers:
        if name == order.provider or (order.extra == "mask" and family(name) == "replicate"):
            continue
        weather = world.plan.weather[name]
        if any(one == name for one, _ in tried) or not weather.fine(
            flight.started, world.clock.now
        ):
            continue
        for key in world.plan.keys[name]:
            if _enterable(world, flight, name, key):
                ended = [(hop.provider, hop.truth(world.clock.now).name) for hop in flight.submits]
                world.violate("LIVE", f"{name} was there, and nobody asked it after {ended}")
                return


def _excused(world: World, flight: Flight) -> bool:
    """Whether the policy, the deadline or the call itself forbade to go on."""
    now, settings = world.clock.now, flight.process.settings
    if flight.call.order.webhook or flight.call.order.extra == "rare":
        return True
    submits = flight.submits
    if any(hop.verdict(now) != NEXT for hop in submits):
        return True
    if submits and submits[-1].panic:
        submits, now = submits[:-1], submits[-1].started
    paid = sum(hop.paid(now) for hop in submits)
    if paid > (1 if settings.on_unknown == "failover" else 0) or len(submits) >= settings.attempts:
        return True
    whole = limit(flight)
    spent = now - flight.started
    return whole is not None and whole - spent <= min(USEFUL, whole / 4) + SLACK


def _enterable(world: World, flight: Flight, name: str, key: str) -> bool:
    """Whether nothing stood against a provider from the beginning of a call to its end."""
    slug = f"acme/{flight.call.order.model}"
    scopes = (
        f"host:{name}",
        f"model:{name}/{slug}",
        f"key:{name}/{key}",
        f"key-model:{name}/{key}/{slug}",
    )
    for scope in scopes:
        if world.health.changed.get(scope, -1.0) >= flight.started - 331.0:
            return False
        if cools(world, flight, scope) or world.jumped_at > flight.started - 4000.0:
            return False
        if flight.process.health.entry(scope) == "refused":
            return False
    return True


# --- evidence -------------------------------------------------------------------------------------


def _judge_evidence(world: World, flight: Flight) -> None:
    """Whether everything that was said against, or for, a provider has been noted."""
    now = world.clock.now
    noted = {found.scope for found in flight.noted}
    submits = flight.submits
    for hop, after in zip(submits, [*submits[1:], None], strict=True):
        truth = hop.truth(now)
        if truth is OK:
            _judge_success(world, flight, hop)
            continue
        repeated = after is not None and hop.fault.again and after.provider == hop.provider
        if repeated or truth is not hop.fault or hop.scope is None or hop.scope in noted:
            continue
        others = [one for one in submits[submits.index(hop) :] if one.provider != hop.provider]
        if not hop.silent or any(not one.silent for one in others):
            world.violate("D5", f"{truth.name} of {hop.provider} was not held against {hop.scope}")


def _judge_success(world: World, flight: Flight, hop: Hop) -> None:
    if hop.panic:
        return  # made inside a cooldown, so under no generation
    for scope in hop.scopes:
        known = standing(world, flight, scope)
        if known is None or not (known.opened or known.count) or scope in flight.cleared:
            continue
        old = world.health.touched.get(scope, 0.0) < flight.started - 1.5
        if old and flight.process.health.counted(scope) and not flight.troubled:
            world.violate("D5", f"{hop.provider} served, and {known} stays")


def _judge_abandoned(world: World, flight: Flight) -> None:
    """Whether a job that nobody waits for any more was cancelled."""
    if not isinstance(flight.intent, Create) or flight.intent.mode is not Mode.BLOCK:
        return
    for hop in flight.submits:
        if hop.own or hop.fault is not OK or hop.job is None or hop.job.fate == "lost":
            continue
        ends = [one for one in flight.hops if one.asked.phase == "cancel" and one.asked.native]
        running = hop.job.state(world.clock.now) in ("queued", "running")
        lost = [one for one in flight.hops if one.job is hop.job and one.fault is not OK]
        if running and len(lost) >= LOST_AFTER:
            world.violate("I4-lost", f"{hop.job.native} at {hop.provider} was given up")
        elif running and not any(one.asked.native == hop.job.native for one in ends):
            world.violate("I4", f"{hop.job.native} at {hop.provider} runs on, and nobody waits")


# --- the client, and the end ----------------------------------------------------------------------


def judge_call(world: World, call: Call) -> None:
    """Check what a client made of its answers."""
    order = call.order
    if call.output is not None and call.output != "stream":
        mine = f"/{order.tag}.png"
        if mine not in json.dumps(call.output):
            world.violate("TRUTH", f"{order.tag} got {call.output}")
    seen = sum(provider.submits[order.tag] for provider in world.providers.values())
    rest = len(call.process.settings.providers) + len(world.plan.keys[order.provider]) - 2
    doubtful = _doubtful(call)
    if doubtful is not None and order.sdk in FAL_CLIENT and doubtful.answer is not None:
        later = call.flights[call.flights.index(doubtful) + 1 :]
        unserved = isinstance(doubtful.intent, Create) and call.output is None
        soon = [one for one in later if one.submits and one.started < doubtful.started + 60.0]
        if unserved and soon and any(isinstance(one.intent, Create) for one in soon):
            world.violate("STOP-SDK", f"{order.tag} was submitted again")
    if seen > attempts(order) + max(rest, call.process.settings.attempts):
        world.violate("I2", f"{seen} submits for {order.tag} by {order.sdk}")


def judge_world(world: World) -> None:
    """Check what is left when everything has come to its end."""
    kept: list[Standing] = []
    for number in range(world.plan.processes):
        kept += world.inner(number).scopes()
    keys = sum(map(len, world.plan.keys.values()))
    most = len(PROVIDERS) * (1 + len(MODELS)) + keys * (1 + len(MODELS))
    if len(kept) > most * world.plan.processes:
        world.violate("I23", f"{len(kept)} standings")
    broken = any(call.ended in ("cut", "killed") or not call.ended for call in world.calls)
    if not (broken or world.disturbed):
        for _, scope in world.health.leases:
            world.violate("I24", f"the lease of {scope} was never settled")

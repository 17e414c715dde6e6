"""Watches every effect and every request: what is sent, to whom, with which key, after what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failover.core.effects import Emit, Forward, NoteFailure, NoteSuccess, SaveJob, Send
from failover.core.health import Entry, Standing
from failover.core.types import Create, Mode, Reply

from .faults import FATES, OK, STOP
from .scene import SECRET, family

if TYPE_CHECKING:
    from .flight import Flight, Hop
    from .world import World

EPSILON = 1e-6
REFRESH = 1.0 + EPSILON  # seconds after which a process has to know what the store knows
PROOF = 10.0 + EPSILON
RESUBMITS = 120.0
USEFUL = 2.0


def limit(flight: Flight) -> float | None:
    """Seconds that a call may take, by D-10; None for no limit."""
    deadline, timeout = flight.process.settings.deadline, flight.request.timeout
    if deadline is not None:
        return deadline
    if timeout is None:
        return None
    own = [hop for hop in flight.submits if _plain(hop) and not hop.panic]
    timed_out = any("timeout" in str(getattr(hop.reply, "trouble", "")) for hop in own)
    return timeout * 2 if timed_out else timeout


def standing(world: World, flight: Flight, scope: str) -> Standing | None:
    """What the store knows against a scope."""
    return world.inner(flight.process.number).peek(scope)


def cools(world: World, flight: Flight, scope: str) -> bool:
    """Whether a scope is cooling, by the store."""
    known = standing(world, flight, scope)
    return known is not None and known.remaining(world.inner(flight.process.number).now()) > 0


# --- effects ------------------------------------------------------------------------------------


def watch_effect(world: World, flight: Flight, effect: Any) -> None:
    """Check what a flow asks for, before it is done."""
    match effect:
        case NoteFailure():
            flight.noted.append(effect.evidence)
            _noted(world, flight, effect)
        case NoteSuccess():
            flight.cleared |= set(effect.scopes)
            _cleared(world, flight, effect)
        case SaveJob():
            job = effect.job
            flight.saved = True
            owner = (job.provider, job.native, job.key)
            if world.moved.setdefault(job.id, owner) != owner:
                world.violate("I5", f"job {job.id} moved from {world.moved[job.id]} to {owner}")
        case Emit():
            told = repr(effect.event)
            if SECRET in told or flight.call.order.tag in told:
                world.violate("SEC", f"an event tells too much: {told}")


def _noted(world: World, flight: Flight, effect: NoteFailure) -> None:
    now, found = world.clock.now, effect.evidence
    spoken = [hop for hop in flight.submits if found.scope in hop.allowed(now)]
    if found.reason == "deadline":  # whatever would have become of a job nobody can wait for
        spoken += [hop for hop in flight.submits if hop.job is not None and not hop.own]
    if not spoken:
        ended = [(hop.provider, hop.key, hop.truth(now).name) for hop in flight.submits]
        rule = (
            "I17"
            if ":" in found.scope
            and found.scope.startswith(("host", "model"))
            and any(hop.fault.scope in ("key", "key-model") for hop in flight.submits)
            else "I15"
        )
        world.violate(rule, f"{found} after {ended}")
        return
    known = max(hop.generations.get(found.scope, 0) for hop in spoken)
    if found.generation > known and not (world.health.emptied or flight.troubled):
        world.violate("I12", f"{found} claims a later generation than {known}")
    old = world.health.changed.get(found.scope, 0.0) < flight.started - REFRESH
    timely = [hop for hop in spoken if not hop.panic and found.scope in hop.scopes]
    if found.generation < known and old and timely and not flight.troubled:
        world.violate("D5", f"{found} counts as late, and {known} is the generation")
    if not 1.0 <= found.jitter <= 1.25:
        world.violate("I13", f"{found} has a jitter that shortens")
    if any(not hop.silent for hop in spoken):
        return
    provider = spoken[0].provider
    others = [at for name, at in flight.process.replied.items() if name != provider]
    since = min(now, spoken[0].ended or now) - PROOF
    if not any(at >= since for at in others):
        world.violate("I16", f"{found} though nobody else was reached since {since:.1f}: {others}")


def _cleared(world: World, flight: Flight, effect: NoteSuccess) -> None:
    now = world.clock.now
    served = [hop for hop in flight.submits if hop.truth(now) is OK or taken(hop)]
    for scope, generation in effect.scopes.items():
        left = [hop.generations.get(scope, 0) for hop in served if scope in hop.scopes]
        if not left:
            ended = [(hop.provider, hop.truth(now).name) for hop in flight.submits]
            world.violate("D5", f"{scope} counts as a success after {ended}")
        elif generation > max(left) and not (world.health.emptied or flight.troubled):
            world.violate("I12", f"success of {scope} claims generation {generation} of {left}")


def taken(hop: Hop) -> bool:
    """Whether a provider has taken a job, whatever the input made of it."""
    blamed = hop.own and hop.fault in (FATES["bad-input"], FATES["nsfw"])
    told = getattr(hop.reply, "status", 0) < 300
    return hop.job is not None and (blamed if hop.own else hop.fault is OK) and told


# --- requests -----------------------------------------------------------------------------------


def watch_departure(world: World, flight: Flight, hop: Hop) -> None:
    """Check a request that is about to leave."""
    _safe(world, flight, hop)
    for scope in hop.scopes:
        known = standing(world, flight, scope)
        hop.generations[scope] = known.generation if known else 0
    hop.state = _state(world, flight, hop)
    hop.panic = hop.submit and _is_panic(flight, hop)
    if not isinstance(flight.intent, Create):
        _question(world, flight, hop)
        return
    if not hop.submit:
        _about_own_job(world, flight, hop)
        return
    if isinstance(hop.effect, Forward) and not hop.effect.read:
        _resubmit(world, flight)
        return
    _allowed(world, flight, hop)
    _in_time(world, flight, hop)
    if not hop.panic:
        _rested(world, flight, hop)


def _is_panic(flight: Flight, hop: Hop) -> bool:
    """Whether a hop is the pass-through of a call that nobody else served."""
    if not _plain(hop):
        return False
    before = flight.submits[:-1]
    if any(_plain(one) for one in before):
        return False
    refused = any(flight.process.health.entry(scope) is Entry.REFUSED for scope in hop.scopes)
    return bool(before) or refused or flight.refused


def _plain(hop: Hop) -> bool:
    """Whether a hop is the caller's own request under his own key."""
    return isinstance(hop.effect, Forward) and not hop.effect.key


def _state(world: World, flight: Flight, hop: Hop) -> str:
    if any(cools(world, flight, scope) for scope in hop.scopes):
        return "cooling"
    if any(scope in flight.probes for scope in hop.scopes):
        return "probe"
    found = [standing(world, flight, scope) for scope in hop.scopes]
    if any(known is not None and known.opened for known in found):
        return "expired"
    return "counting" if any(known is not None and known.count for known in found) else "clean"


def _safe(world: World, flight: Flight, hop: Hop) -> None:
    plan = world.plan
    effect = hop.effect
    if hop.key not in plan.keys.get(hop.provider, ()):
        world.violate("SEC", f"key {hop.key} went to {hop.provider}")
    if isinstance(effect, Send):
        carried = {name.lower() for name in effect.request.headers}
        if "authorization" in carried or SECRET in repr(effect):
            world.violate("SEC", f"a request of ours carries a credential: {effect}")
        if family(hop.provider) not in effect.request.origin:
            world.violate("SEC", f"{effect.request.origin} is not an origin of {hop.provider}")
        if effect.timeout <= 0:
            world.violate("I3", f"no time for {effect}")


def _question(world: World, flight: Flight, hop: Hop) -> None:
    """A poll, a result or a cancel goes to the owner of the job."""
    native = hop.asked.native
    if isinstance(hop.effect, Send):
        owners = [owner[:2] for owner in world.moved.values()]
        if hop.submit or ((hop.provider, native) not in owners and not world.disturbed):
            world.violate("I5", f"{hop.asked.phase} of {native} went to {hop.provider}")
        return
    if native in world.moved and not (flight.troubled or world.disturbed):
        world.violate("I5", f"{native} runs at {world.moved[native][0]}, not at {hop.provider}")


def _about_own_job(world: World, flight: Flight, hop: Hop) -> None:
    """While a call lasts, only the jobs it made itself are asked about."""
    made = [one for one in flight.submits if one.job is not None and one.provider == hop.provider]
    if not any(one.job.native == hop.asked.native and one.key == hop.key for one in made):  # type: ignore[union-attr]
        world.violate("I5", f"{hop.asked} with {hop.key} at {hop.provider}, which has no such job")


def _resubmit(world: World, flight: Flight) -> None:
    flight.resubmit = True
    since = world.clock.now - RESUBMITS
    earlier = flight.call.flights[:-1]
    tried = [
        one
        for one in earlier
        if one.resubmit or len({(hop.provider, hop.key) for hop in one.submits}) > 1
    ]
    ends = [one.hops[-1].ended if one.hops else one.started for one in tried]
    if not any((at or 0.0) > since for at in ends):
        world.violate("LIVE", "a first attempt was taken for one that is sent again")


def _allowed(world: World, flight: Flight, hop: Hop) -> None:
    """Whether what was said so far lets another submit be made (I2, I7, I9)."""
    now = world.clock.now
    before = flight.submits[:-1]
    settings = flight.process.settings
    panic = hop.panic
    for one in before:
        truth = one.truth(now)
        if truth is OK:
            world.violate("I7", f"{hop.provider} after {one.provider} had served")
        if one.verdict(now) == STOP:
            world.violate(
                "I9-pass" if panic else "I9",
                f"{hop.provider} was asked after {one.provider}: {truth.name}",
            )
        if one.panic:
            world.violate("I14", f"{hop.provider} was asked after the pass-through")
    paid = [one.truth(now).name for one in before if one.paid(now)]
    if len(paid) > (1 if settings.on_unknown == "failover" else 0):
        rule = "I2-pass" if panic else "I2"
        world.violate(rule, f"{hop.provider} was asked after {paid}")
    again = [one for one in before if one.fault.again]
    sends = len(before) - min(1, len(again)) + (0 if panic else 1)
    if sends > settings.attempts:
        world.violate("I2", f"{sends} sends, and {settings.attempts} are allowed")
    if not hop.own:
        there = [one for one in before if one.provider == hop.provider and not one.own]
        if any((one.truth(now).scope or "").partition("-")[0] != "key" for one in there):
            world.violate("I2", f"{hop.provider} was asked under {hop.key} too, in vain")
    same = [one for one in before if (one.provider, one.key) == (hop.provider, hop.key)]
    if any(not one.fault.again for one in same) or len(same) > 1:
        world.violate("I2", f"{hop.provider} was asked twice with {hop.key}")


def _in_time(world: World, flight: Flight, hop: Hop) -> None:
    whole, spent = limit(flight), world.clock.now - flight.started
    if whole is not None and flight.submits[:-1] and spent > whole and not hop.panic:
        world.violate("I3", f"{hop.provider} was asked after {spent:.1f} of {whole} s")


def _rested(world: World, flight: Flight, hop: Hop) -> None:
    """Whether everybody asked has been left alone for as long as he has to be."""
    now, number = world.clock.now, flight.process.number
    if flight.troubled or world.befalls("store-slow", number):
        return
    first = not flight.submits[:-1]
    if first and not hop.own:
        own = [scope for scope in _own_scopes(flight) if _seen(world, flight, scope)]
        if not own:
            world.violate("OWN", f"{hop.provider} was asked before {flight.call.order.provider}")
    for scope in hop.scopes:
        told = world.network.wait(scope, number)
        if told is not None and now < told[1] - EPSILON and world.jumped_at < told[0]:
            late = 0.0 if told[2] == number else REFRESH
            if hop.started >= told[0] + late:
                world.violate("I14", f"{scope} asked to be left alone until {told[1]:.1f}")
        expired = flight.process.health.entry(scope) is Entry.PROBE
        if expired and scope not in flight.probes and not world.health.emptied:
            known = standing(world, flight, scope)
            if known is not None and known.opened:
                world.violate("I10", f"{scope} is probed without leave: {known}")
        opened = world.health.changed.get(scope, now)
        if cools(world, flight, scope) and hop.started >= opened + REFRESH:
            world.violate("I20", f"{scope} is cooling: {standing(world, flight, scope)}")


def _own_scopes(flight: Flight) -> tuple[str, ...]:
    order = flight.call.order
    name, slug, key = order.provider, f"acme/{order.model}", order.key
    return (
        f"host:{name}",
        f"model:{name}/{slug}",
        f"key:{name}/{key}",
        f"key-model:{name}/{key}/{slug}",
    )


def _seen(world: World, flight: Flight, scope: str) -> bool:
    """Whether a scope may be taken for closed: in the eyes of the process or of the store."""
    known = standing(world, flight, scope)
    view = flight.process.health.entry(scope)
    return (known is not None and known.opened) or view is not Entry.GO


def watch_arrival(world: World, flight: Flight, hop: Hop) -> None:
    """Check a reply that has just come; a blocking caller must not wait on and on."""
    whole = limit(flight)
    if whole is None or not isinstance(flight.intent, Create) or flight.intent.mode is Mode.QUEUE:
        return
    spent = world.clock.now - flight.started
    polls = hop.asked.phase == "poll" and isinstance(hop.reply, Reply)
    if polls and spent > whole + 20.0 and not world.disturbed:
        world.violate("I3", f"still polling after {spent:.1f} of {whole} s")

"""What becomes of each request: the way there, the provider's answer, the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failover.core.effects import Send
from failover.core.types import Create, Mode, NoReply, Reply, Trouble

from . import wire
from .faults import FATES, FAULTS, OK, OUTAGE
from .flight import Hop
from .scene import family
from .watch_sends import watch_arrival, watch_departure

if TYPE_CHECKING:
    from failover.core.effects import Forward

    from .flight import Flight
    from .provider import SimJob, SimProvider
    from .world import World

LONGEST = 600.0  # seconds after which a connection is cut if nobody set a limit
SLOW_CHANCE = 0.03


class Network:
    """The wires between all processes and all providers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._forgot_at = float("-inf")
        self.waits: dict[tuple[str, int], tuple[float, float, int]] = {}  # see `settled`

    def dispatch(self, flight: Flight, effect: Forward | Send) -> None:
        """Send a request of a flow on its way."""
        world = self._world
        order = flight.call.order
        if isinstance(effect, Send):
            name, key, request, limit = effect.provider, effect.key, effect.request, effect.timeout
        else:
            name, key = order.provider, effect.key or order.key
            request, limit = flight.request, flight.request.timeout or LONGEST
        provider = world.providers.get(name)
        if provider is None:
            world.violate("SEC", f"{name} is no provider of this user")
            return
        own = not isinstance(effect, Send)
        hop = Hop(effect, name, key, provider.read(request), own, world.clock.now)
        flight.hops.append(hop)
        watch_departure(world, flight, hop)
        if world.violations:
            return
        submits = hop.submit
        delay = self._submit(flight, hop, limit) if submits else self._ask(flight, hop, limit)
        flight_process = flight.process
        world.wake(flight_process, delay, lambda: self._deliver(flight, hop, delay))

    # --- submits --------------------------------------------------------------------------------

    def _submit(self, flight: Flight, hop: Hop, limit: float) -> float:
        """Decide how a submit ends; seconds until the process knows."""
        world, random = self._world, self._world.random
        provider, now = world.providers[hop.provider], world.clock.now
        if world.befalls("outage", flight.process.number):
            hop.fault = FAULTS[random.choice(OUTAGE)]
            world.hits["outage-" + hop.fault.name, hop.state] += 1
        else:
            name = provider.weather.fault(hop.key, now, random)
            hop.fault = OK if name == "ok" else FAULTS[name]
            if hop.fault is OK and provider.crowded(now):
                hop.fault = FAULTS["429"]
            world.hits[hop.fault.name, hop.state] += 1
        if hop.fault.trouble is None or hop.fault.bill == "U":
            provider.submits[str(hop.asked.input.get("prompt"))] += 1
        if hop.fault.accepts:
            hop.job = provider.take(hop.asked, hop.key, now)
            hop.job.fate = hop.job.fate if hop.fault is OK else "ok"
        delay = self._delay(flight, hop, limit)
        if delay > limit and hop.fault.trouble is None:
            hop.fault = FAULTS["timeout-done" if hop.job else "timeout-lost"]
            delay = limit
        return min(delay, limit)

    def _delay(self, flight: Flight, hop: Hop, limit: float) -> float:
        random, fault = self._world.random, hop.fault
        if fault.trouble is Trouble.READ_TIMEOUT:
            return limit
        if fault.trouble is Trouble.RESET:
            return random.choice((0.5, 5.0, 29.0, 70.0))
        if fault.trouble in (Trouble.CONNECT_TIMEOUT, Trouble.WRITE_TIMEOUT, Trouble.POOL_TIMEOUT):
            return 5.0
        if fault.kind == "gateway":
            return random.choice((1.0, 61.0))
        if fault is OK and hop.own and isinstance(flight.intent, Create) and hop.job:
            return self._held(flight.intent, hop, hop.job, limit)
        slow = fault is OK and random.random() < SLOW_CHANCE
        return random.choice((20.0, 90.0)) if slow else random.choice((0.05, 0.2, 1.0))

    def _held(self, intent: Create, hop: Hop, job: SimJob, limit: float) -> float:
        """How long the caller's own provider holds his request while the job runs."""
        now = self._world.clock.now
        if intent.mode is Mode.WAIT:
            wait = intent.wait or 0.0
            return wait if job.fate == "hangs" else min(wait, job.ends - now + 0.1)
        if intent.mode is not Mode.BLOCK:
            return 0.2
        if job.fate in FATES and job.fate != "lost":
            hop.fault = FATES[job.fate]
            self._world.hits[hop.fault.name, hop.state] += 1
        return limit if job.fate == "hangs" else job.ends - now + 0.1

    # --- polls, results, cancels ----------------------------------------------------------------

    def _ask(self, flight: Flight, hop: Hop, limit: float) -> float:
        """Decide how a question about a job ends."""
        world, random = self._world, self._world.random
        provider = world.providers[hop.provider]
        hop.job = provider.jobs.get(hop.asked.native)
        if world.befalls("outage", flight.process.number):
            hop.fault = FAULTS[random.choice(OUTAGE)]
            self._spoil(flight, hop)
            return min(3.0, limit)
        name = provider.weather.poll(random)
        world.hits[f"{hop.asked.phase}-{name}", hop.state] += 1
        if name == "ok":
            return min(random.choice((0.05, 0.3)), limit)
        names = {"reset": "reset-before", "timeout": "timeout-lost"}
        hop.fault = FAULTS[names.get(name, name)]
        self._spoil(flight, hop)
        return limit if name == "timeout" else min(0.2, limit)

    def _spoil(self, flight: Flight, hop: Hop) -> None:
        """Remember that a question about a job went wrong."""
        for earlier in flight.hops:
            if earlier.job is not None and earlier.job is hop.job:
                earlier.polls_failed = True

    def _told(self, hop: Hop, provider: SimProvider, now: float) -> Reply:
        """What a provider says to a question about a job."""
        job = hop.job
        if hop.fault is not OK and hop.fault.name != "cut":
            return wire.failure(hop.fault, hop.provider, 5.0, 0.0)
        lost = job is not None and job.fate == "lost" and now >= job.starts
        if job is None or lost or (hop.own and job.key != hop.key):
            return wire.reply(404, {"detail": "no such job"})
        if hop.asked.phase == "cancel":
            before = provider.cancel(job, now)
            reply = wire.cancelled(job, before, now)
        elif hop.asked.phase == "result":
            reply = wire.result(job, now, FATES.get(job.fate))
        else:
            reply = wire.state(job, now)
        if hop.fault.name == "cut":
            return reply._replace(body=reply.body[: len(reply.body) // 2], truncated=True)
        return reply

    # --- the way back ---------------------------------------------------------------------------

    def _deliver(self, flight: Flight, hop: Hop, delay: float) -> None:
        """Hand a reply to the flow that waits for it."""
        world = self._world
        if not flight.alive:
            return
        now = world.clock.now
        seconds = max(delay, now - hop.started)
        hop.reply, hop.ended = self._reply(flight, hop)._replace(seconds=seconds), now
        if isinstance(hop.reply, Reply):
            flight.process.replied[hop.provider] = now
        status = hop.reply.status if isinstance(hop.reply, Reply) else hop.reply.trouble
        world.log(flight.call.order.tag, "hop", hop.provider, hop.key, hop.fault.name, status)
        watch_arrival(world, flight, hop)
        world.step(flight, hop.reply)

    def _reply(self, flight: Flight, hop: Hop) -> Reply | NoReply:
        world, fault = self._world, hop.fault
        provider, now = world.providers[hop.provider], world.clock.now
        if fault.trouble is not None:
            return NoReply(fault.trouble, ConnectionError(fault.name))
        if not hop.submit:
            return self._told(hop, provider, now)
        if fault is not OK and fault.kind != "cut":
            hop.asks = min(provider.weather.asks, 3600.0) if fault.asks else None
            return wire.failure(fault, hop.provider, provider.weather.asks, world.wall(0))
        assert hop.job is not None
        reply = self._success(flight, hop, hop.job, now)
        if fault.kind == "cut":
            return reply._replace(body=reply.body[: len(reply.body) // 2], truncated=True)
        return reply

    def _success(self, flight: Flight, hop: Hop, job: SimJob, now: float) -> Reply:
        intent = flight.intent
        blocking = isinstance(intent, Create) and intent.mode in (Mode.BLOCK, Mode.STREAM)
        if not hop.own or family(hop.provider) == "replicate" or not blocking:
            held = hop.own and family(hop.provider) == "replicate"
            if held and job.state(now) == "failed" and hop.fault is OK:
                hop.fault = FATES[job.fate]  # the caller was held until it had failed
            return wire.accepted(job, now)
        if isinstance(intent, Create) and intent.mode is Mode.STREAM:
            return Reply(200, {"content-type": "text/event-stream"}, streaming=True)
        return wire.reply(200, wire.finished(hop.provider, job.tag))

    def settled(self, flight: Flight) -> None:
        """Remember what a flow that came to its end was asked to wait for (D-3)."""
        world = self._world
        if flight.resubmit:  # passed through unread
            return
        number = flight.process.number
        teller = number if world.plan.store == "memory" else -1
        for hop in flight.submits:
            if hop.asks is None or hop.scope is None or hop.ended is None or flight.troubled:
                continue
            if hop.ended <= self._forgot_at:
                continue
            until = hop.ended + max(1.0, hop.asks)
            known = self.waits.get((hop.scope, teller))
            if known is None or known[1] < until:
                self.waits[hop.scope, teller] = (world.clock.now, until, number)

    def wait(self, scope: str, number: int) -> tuple[float, float, int] | None:
        """Since when and until when a process has to stay away from a scope, and who was told."""
        return self.waits.get((scope, number if self._world.plan.store == "memory" else -1))

    def served(self, scope: str) -> None:
        """A prober has found that there is no need to wait any longer."""
        self.waits = {key: value for key, value in self.waits.items() if key[0] != scope}

    def forget(self, teller: int | None = None) -> None:
        """A store, or everybody's, has lost what it knew."""
        self._forgot_at = self._world.clock.now
        self.waits = {
            key: value for key, value in self.waits.items() if teller not in (None, key[1])
        }

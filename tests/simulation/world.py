"""Runs one schedule: processes, their calls, the flows under them, and what befalls them.

The core is not changed: flows are generators, and this is one more driver for them. Every effect is
performed, and every reply handed over, as an event of virtual time.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any

from failover.core import flow as core_flow
from failover.core.effects import (
    Admit,
    Emit,
    FindJob,
    Forward,
    NoteFailure,
    NoteSuccess,
    ReadHealth,
    Release,
    SaveJob,
    Send,
    Sleep,
)
from failover.core.health import Entry

from . import sdk
from .clock import EPOCH, Clock, VirtualTime, virtual_time
from .flight import Call, Flight
from .invariants import INVARIANTS, Violation
from .network import Network
from .plan import Mishap, draw
from .process import OpenStore, SimProcess, SimStore
from .provider import SimProvider
from .scene import DIALECTS
from .watch_end import judge_call, judge_flight, judge_world
from .watch_health import HealthWatch
from .watch_sends import watch_effect

if TYPE_CHECKING:
    from failover.core.report import Answer
    from failover.events import Event

    from .plan import Order, Plan

STORE_EFFECTS = (ReadHealth, NoteFailure, NoteSuccess, Admit, Release, FindJob, SaveJob)
MAX_EVENTS = 60_000
RETURN = 10.0  # seconds after which a store that is back is used again, at the latest
LATENCY = 0.2  # seconds that a slow store takes


class World:
    """One schedule.

    Args:
        seed: its name.
        record: keep every line of what happened.
        plan: what happens, instead of what the seed would say.
    """

    def __init__(self, seed: int, *, record: bool = False, plan: Plan | None = None) -> None:
        self.plan, self.random = draw(seed) if plan is None else (plan, Random(seed))
        self.clock = Clock()
        self.skews: dict[int, float] = {}  # how far a process' wall clock is off
        self.jumped_at = float("-inf")
        self.lines: list[str] | None = [] if record else None
        self.hits: Counter[tuple[str, str]] = Counter()
        self.violations: list[Violation] = []
        self.off: Counter[str] = Counter()  # violations of what is not checked yet
        self.health = HealthWatch(self)
        self.providers = {
            name: SimProvider(name, weather, self.random)
            for name, weather in self.plan.weather.items()
        }
        self.network = Network(self)
        self.shared = self._store(-1)
        self.stores: dict[int, OpenStore] = {}
        self.processes: list[SimProcess] = []
        self.calls: list[Call] = []
        self.moved: dict[str, tuple[str, str, str]] = {}  # id of a job to its owner, id there, key
        self.flying: object = None
        self.running = 0
        self.events = 0
        self.disturbed = False  # a kill, a cut, a pause, a jump or a store fault has happened
        self._kills = {m.process: int(m.begins) for m in self.plan.mishaps if m.kind == "kill"}

    # --- processes and their stores -----------------------------------------------------------

    def _store(self, number: int) -> OpenStore:
        return OpenStore(lambda: self.store_clock(number), number)

    def store_clock(self, number: int) -> float:
        """The store's clock: Redis' own, or that of the host, or of the process."""
        if self.plan.store == "shared":
            return EPOCH + self.clock.now
        return self.wall(number if self.plan.store == "memory" else 0)

    def wall(self, number: int) -> float:
        """The wall clock of a process; processes on one host share it."""
        host = 0 if self.plan.store == "host" else number
        return EPOCH + self.clock.now + self.skews.get(host, 0.0)

    def inner(self, number: int) -> OpenStore:
        """The store of a process as it is now."""
        if self.plan.store != "memory":
            return self.shared
        return self.stores.setdefault(number, self._store(number))

    def _process(self, number: int) -> SimProcess:
        self.running = number
        shared = self.plan.store != "memory"
        store = SimStore(self, number, lambda: self.inner(number), shared=shared)
        return SimProcess(self, number, store)

    def store_fails(self, number: int) -> bool:
        """Whether the store does not answer a process now."""
        return self.befalls("store-error", number)

    def shaky(self, number: int) -> bool:
        """Whether memory may stand in for the store, as that has not answered lately."""
        now = self.clock.now
        return any(
            m.kind == "store-error"
            and m.process == number
            and m.begins <= now < m.begins + m.seconds + RETURN
            for m in self.plan.mishaps
        )

    def befalls(self, kind: str, number: int) -> bool:
        """Whether something is happening to a process now."""
        now = self.clock.now
        return any(
            m.kind == kind and m.process == number and m.begins <= now < m.begins + m.seconds
            for m in self.plan.mishaps
        )

    # --- the run --------------------------------------------------------------------------------

    def run(self) -> World:
        """Run the schedule to its end, or to the first violation."""
        now, wall = (lambda: self.clock.now), (lambda: self.wall(self.running))
        time = VirtualTime(now, wall, self.random)
        logging.getLogger("failover").disabled = True  # listeners that raise are logged
        try:
            with virtual_time(time):
                self.processes += [self._process(one) for one in range(self.plan.processes)]
                for order in self.plan.orders:
                    self.clock.at(order.at, lambda order=order: self._begin(order))
                for mishap in self.plan.mishaps:
                    if mishap.kind != "kill":
                        self.clock.at(mishap.begins, lambda mishap=mishap: self._strike(mishap))
                while not self.violations and self.events < MAX_EVENTS and self.clock.step():
                    self.events += 1
                if self.events >= MAX_EVENTS:
                    self.violate("END", "the schedule does not come to an end")
                if not self.violations:
                    judge_world(self)
        finally:
            logging.getLogger("failover").disabled = False
        return self

    def violate(self, rule: str, text: str) -> None:
        """Write down that something does not hold; what is off is only counted."""
        if INVARIANTS[rule].off:
            self.off[rule] += 1
            return
        self.violations.append(Violation(self.plan.seed, rule, self.clock.now, text))

    def log(self, *parts: object) -> None:
        """Keep a line of what happened."""
        if self.lines is not None:
            self.lines.append(f"{self.clock.now:.6f} " + " ".join(map(str, parts)))

    def hash(self) -> str:
        """Name what happened; the same for every run of the same seed."""
        return blake2b("\n".join(self.lines or ()).encode(), digest_size=16).hexdigest()

    def told(self, event: Event) -> None:
        """A listener was called."""
        self.log("event", type(event).__name__, getattr(event, "reason", ""))

    def _strike(self, mishap: Mishap) -> None:
        kind, number = mishap.kind, mishap.process
        self.log("mishap", kind, number, f"{mishap.seconds:.3f}")
        self.hits[kind, self.health.mood()] += 1
        if kind != "outage":
            self.disturbed = True
        if kind == "jump":
            self.jumped_at = self.clock.now
            self.skews[number] = self.skews.get(number, 0.0) + mishap.seconds
        elif kind == "pause":
            self.processes[number].paused_until = self.clock.now + mishap.seconds
        elif kind == "store-flush":
            self.shared, self.stores = self._store(-1), {}
            self.moved.clear()
            self.health.flushed()
            self.network.forget()

    def _kill(self, process: SimProcess) -> None:
        """A process dies without a word, and a new one comes in its place."""
        self.log("killed", process.number)
        self.hits["kill", self.health.mood()] += 1
        self.disturbed = True
        process.alive = False
        for call in self.calls:
            if call.process is process and not call.ended:
                call.ended = "killed"
                for flight in call.flights:
                    flight.alive = False
        if self.stores.pop(process.number, None) is not None:
            self.health.flushed(process.number)
        self.network.forget(process.number)
        self.processes[process.number] = self._process(process.number)

    # --- calls ----------------------------------------------------------------------------------

    def _begin(self, order: Order) -> None:
        process = self.processes[order.process]
        if process.paused_until > self.clock.now:
            self.clock.at(process.paused_until, lambda: self._begin(order))
            return
        call = Call(order, process, sdk.client(order), self.clock.now)
        self.calls.append(call)
        self.log("call", order.tag, order.sdk, order.provider, order.model, order.process)
        self._advance(call, None)

    def _advance(self, call: Call, value: Any) -> None:
        """Hand a client what it waited for, and see what it does next."""
        if call.ended:
            return
        try:
            wish = call.sdk.send(value)
        except StopIteration as end:
            call.output, call.ended = end.value, "done"
            self.log("over", call.order.tag, call.output is not None)
            judge_call(self, call)
            return
        if isinstance(wish, sdk.Wait):
            self.wake(call.process, wish.seconds, lambda: self._advance(call, None))
        else:
            self._launch(call, wish.request)

    def wake(self, process: SimProcess, seconds: float, action: Any) -> None:
        """Do something later, when the process is running again."""

        def act() -> None:
            if process.paused_until > self.clock.now:
                self.clock.at(process.paused_until, act)
            elif process.alive:
                action()

        self.clock.at(self.clock.now + seconds, act)

    def _launch(self, call: Call, request: Any) -> None:
        dialect = DIALECTS[call.order.provider]
        intent = dialect.recognise(request)
        assert intent is not None, request
        made = core_flow.serve(call.process, request, intent, dialect)
        flight = Flight(call, call.process, request, intent, dialect, made, self.clock.now)
        flight.troubled = self.shaky(call.process.number)
        call.flights.append(flight)
        self.step(flight, None)

    def step(self, flight: Flight, answer: Any) -> None:
        """Hand a flow the answer to its last effect, and perform what it asks next."""
        process = flight.process
        while flight.alive and not self.violations:
            self.flying, self.running = flight.call, process.number
            try:
                effect = flight.flow.send(answer)
            except StopIteration as end:
                self._land(flight, end.value)
                return
            except Exception as error:  # whatever it is, it must not happen
                self.violate("I22", f"the flow raised {error!r}")
                return
            flight.effects += 1
            process.effects += 1
            if self._interrupted(flight):
                return
            self.log(flight.call.order.tag, process.number, _line(effect))
            watch_effect(self, flight, effect)
            if isinstance(effect, (Forward, Send)):
                self.network.dispatch(flight, effect)
                return
            if isinstance(effect, Sleep):
                self.wake(process, effect.seconds, lambda: self.step(flight, None))
                return
            answer = process.does(effect)
            if isinstance(effect, STORE_EFFECTS):
                flight.troubled |= self.shaky(process.number)
                if isinstance(effect, Admit):
                    flight.refused |= answer.entry is Entry.REFUSED
                    if answer.entry is Entry.PROBE:
                        flight.probes[effect.scope] = answer.generation
                if self.befalls("store-slow", process.number):
                    self.wake(process, LATENCY, partial(self.step, flight, answer))
                    return
            elif not isinstance(effect, Emit):
                raise TypeError(effect)

    def _interrupted(self, flight: Flight) -> bool:
        """Whether the process dies, or the call is cancelled, at this effect."""
        process, call = flight.process, flight.call
        if self._kills.get(process.number) == process.effects:
            del self._kills[process.number]
            self._kill(process)
            return True
        cut = call.order.cut
        if cut is not None and sum(one.effects for one in call.flights) == cut:
            self.log("cut", call.order.tag)
            self.hits["cut", self.health.mood()] += 1
            self.disturbed = True
            flight.alive = False
            call.ended = "cut"
            flight.flow.close()  # as the drivers do; a flow that yields now is a RuntimeError
            if flight.flow.gi_frame is not None:
                self.violate("I25", "a closed flow is still alive")
            return True
        return False

    def _land(self, flight: Flight, answer: Answer) -> None:
        flight.alive, flight.answer = False, answer
        status = getattr(answer.reply, "status", None) or getattr(answer.reply, "trouble", "")
        told = answer.report.header if answer.report else "-"
        self.log(flight.call.order.tag, "answer", status, told)
        judge_flight(self, flight)
        self.network.settled(flight)
        if not self.violations:
            self._advance(flight.call, answer.reply)


def _line(effect: Any) -> str:
    """One effect in a few words."""
    match effect:
        case Forward():
            return f"forward {effect.key or ''} {'' if effect.read else 'unread'}"
        case Send():
            request = effect.request
            return f"send {effect.provider} {effect.key} {request.method} {request.path}"
        case Sleep():
            return f"sleep {effect.seconds:.6f}"
        case Emit():
            return f"emit {type(effect.event).__name__}"
        case NoteFailure():
            return f"failure {effect.evidence}"
        case NoteSuccess():
            return f"success {dict(effect.scopes)}"
        case Admit() | Release():
            return f"{type(effect).__name__} {effect.scope}"
        case FindJob():
            return f"find {effect.id}"
        case SaveJob():
            return f"save {effect.job.id} {effect.job.provider} {effect.job.native}"
    return type(effect).__name__

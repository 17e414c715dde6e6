"""One request of a client on its way through a flow, and every request that the flow made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .faults import FATES, LATE, OK, OVERDUE, SLOW_ELSEWHERE, SLOW_OWN, UNREADABLE, Fault

if TYPE_CHECKING:
    from failover.core.effects import Flow, Forward, Send
    from failover.core.health import Evidence
    from failover.core.ports import Inbound
    from failover.core.report import Answer
    from failover.core.types import Intent, NoReply, Reply, Request

    from .plan import Order
    from .process import SimProcess
    from .provider import Asked, SimJob
    from .sdk import Sdk


@dataclass(slots=True, eq=False)
class Hop:
    """One request that a flow made.

    Args:
        effect: as the flow asked for it.
        provider: who got it.
        key: id of the key it carried.
        asked: what it is, as the provider reads it.
        own: it is the caller's own request.
        started: true time.
        generations: of the scopes it touches, when it left.
        fault: how it ends, as the provider knows.
        job: the job made of it.
        state: the health of the provider when it left, in a word.
    """

    effect: Forward | Send
    provider: str
    key: str
    asked: Asked
    own: bool
    started: float
    generations: dict[str, int] = field(default_factory=dict)
    fault: Fault = OK
    job: SimJob | None = None
    state: str = "clean"
    asks: float | None = None
    panic: bool = False  # the pass-through of a call that nobody else served
    reply: Reply | NoReply | None = None
    ended: float | None = None
    polls_failed: bool = False

    @property
    def submit(self) -> bool:
        """Whether it is a submit."""
        return self.asked.phase == "submit"

    @property
    def silent(self) -> bool:
        """Whether there was no reply."""
        return self.fault.trouble is not None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.reply.seconds if self.reply is not None else 0.0

    @property
    def kind(self) -> str | None:
        """The kind of scope that its end speaks against."""
        scope = self.fault.scope
        if scope == "slow":
            slow = SLOW_OWN if self.own else SLOW_ELSEWHERE
            return "model" if self.seconds >= slow else None
        if scope == "host-elsewhere":
            return None if self.own else "host"
        return scope

    @property
    def scope(self) -> str | None:
        """The scope that its end speaks against."""
        slug = self.asked.slug
        if self.kind is None:
            return None
        return {
            "host": f"host:{self.provider}",
            "model": f"model:{self.provider}/{slug}",
            "key": f"key:{self.provider}/{self.key}",
            "key-model": f"key-model:{self.provider}/{self.key}/{slug}",
        }[self.kind]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that it touches."""
        slug = self.asked.slug
        return (
            f"host:{self.provider}",
            f"model:{self.provider}/{slug}",
            f"key:{self.provider}/{self.key}",
            f"key-model:{self.provider}/{self.key}/{slug}",
        )

    def truth(self, now: float) -> Fault:
        """How it ended, with what became of its job by now if it went to an alternative."""
        if self.fault is not OK or self.job is None or self.own:
            return self.fault
        state = self.job.state(now)
        if self.job.fate == "lost" and now >= self.job.starts:
            return FATES["lost"]
        if state == "failed":
            return FATES[self.job.fate]
        if state == "late":
            return LATE
        if self.job.unwanted or state in ("queued", "running", "cancelled"):
            return OVERDUE
        return UNREADABLE if self.polls_failed else OK

    def paid(self, now: float) -> bool:
        """Whether it may have been billed and still did not serve."""
        found = self.truth(now)
        told = getattr(self.reply, "status", 0)
        if self.own and found.name in ("job-fails", "job-never-ran") and told >= 500:
            return False  # a server error told to a blocking caller is not billed
        return found is not OK and found.paid

    def verdict(self, now: float) -> str:
        """`served`, NEXT or STOP."""
        found = self.truth(now)
        if found is OK:
            return "served"
        return found.own if self.own else found.elsewhere

    def allowed(self, now: float) -> set[str]:
        """The scopes against which its end speaks, with what became of its job."""
        scopes = {self.scope} if self.scope else set()
        if self.truth(now) is not self.fault and self.truth(now).scope:
            scopes.add(f"model:{self.provider}/{self.asked.slug}")
        return scopes


@dataclass(slots=True, eq=False)
class Call:
    """One thing an application asked for, with everything its client did about it."""

    order: Order
    process: SimProcess
    sdk: Sdk
    started: float
    flights: list[Flight] = field(default_factory=list)
    output: Any = None
    ended: str = ""  # `done`, `cut` or `killed`


@dataclass(slots=True, eq=False)
class Flight:
    """One request of a client, and the flow that answers it."""

    call: Call
    process: SimProcess
    request: Request
    intent: Intent
    dialect: Inbound
    flow: Flow[Answer]
    started: float
    hops: list[Hop] = field(default_factory=list)
    effects: int = 0
    alive: bool = True
    noted: list[Evidence] = field(default_factory=list)
    cleared: set[str] = field(default_factory=set)
    probes: dict[str, int] = field(default_factory=dict)
    answer: Answer | None = None
    saved: bool = False  # where its job runs has been remembered
    refused: bool = False  # the store did not let it in somewhere
    resubmit: bool = False  # recognised as sent again: passed through once
    troubled: bool = False  # the store failed under it

    @property
    def submits(self) -> list[Hop]:
        """The submits that were made."""
        return [hop for hop in self.hops if hop.submit]

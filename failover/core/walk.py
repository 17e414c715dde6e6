"""The progress of one call: what it asks, what was tried, how much time and money is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failover.core.effects import Emit, Flow, NoteFailure, NoteSuccess, ask
from failover.core.report import Answer, Attempt, Report
from failover.core.types import Asked, Create, Endpoint, Mode, NoReply, Reply, Request, Trouble
from failover.core.verdict import Bill, Verdict, evidence
from failover.events import (
    AttemptFailed,
    CallFinished,
    CallMatched,
    CooldownEnded,
    CooldownStarted,
    NotRerouted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failover.core.health import Evidence, Standing
    from failover.core.ports import Context, Inbound

COOLING = "cooling"  # the reason of a send that was spared
JITTER = 0.25
PROOF = 10.0  # seconds for which an answer proves that the network works
SUBMIT_TIMEOUT = 30.0
SHORTEST = 0.05  # seconds; no wait is made shorter
USEFUL = 2.0  # seconds below which a submit is not worth starting
TIMEOUTS = (Trouble.READ_TIMEOUT, Trouble.CONNECT_TIMEOUT, Trouble.WRITE_TIMEOUT)


def scopes_of(provider: str, slug: str, key: str) -> tuple[str, ...]:
    """Every health scope that a send touches."""
    return (
        f"host:{provider}",
        f"model:{provider}/{slug}",
        f"key:{provider}/{key}",
        f"key-model:{provider}/{key}/{slug}",
    )


def is_served(ctx: Context, dialect: Inbound, intent: Create, reply: Reply | NoReply) -> bool:
    """Whether a provider's reply to its own caller is the success that its protocol promises."""
    if not isinstance(reply, Reply) or not 200 <= reply.status < 300 or reply.truncated:
        return False
    return reply.streaming or dialect.intact(reply, intent, ctx.output_names(dialect, intent))


class Walk:
    """One call on its way through the candidates. Lives inside one flow, never shared.

    Args:
        ctx: the world.
        request: the caller's request.
        intent: what it asks.
        dialect: the caller's dialect.
        started: monotonic seconds when the call came in; default now.
    """

    def __init__(
        self,
        ctx: Context,
        request: Request,
        intent: Create,
        dialect: Inbound,
        started: float | None = None,
    ) -> None:
        self.ctx = ctx
        self.request = request
        self.intent = intent
        self.dialect = dialect
        self.id = f"{ctx.random.getrandbits(64):016x}"
        self.started = ctx.clock() if started is None else started
        self.asked: Asked | None = None
        self.source: Endpoint | None = None
        self.model = ""
        self.original: Reply | NoReply | None = None
        self.verdict: Verdict | None = None
        self.failures: list[Attempt] = []
        self.sends = 0
        self.duplicates = 0
        self.timed_out = False
        self._read = False
        self._unproven: list[tuple[str, Evidence]] = []

    # --- what it asks -------------------------------------------------------------------------

    @property
    def provider(self) -> str:
        """The caller's own provider."""
        return self.dialect.provider

    @property
    def slug(self) -> str:
        """The endpoint asked for, as well as it is known."""
        return (self.asked.slug if self.asked else self.intent.slug) or ""

    def read(self) -> None:
        """Read the body and find the endpoint, once."""
        if self._read:
            return
        self._read = True
        ctx = self.ctx
        self.asked = self.dialect.asked(self.request, self.intent)
        if self.asked is None:
            return
        slug, version = self.asked.slug, self.asked.version
        if not slug and version:
            slug = ctx.catalog.slug_of_version(version) or ctx.memory.slug_of(version) or ""
            self.asked = Asked(
                slug, self.asked.input, version, self.asked.stream, self.asked.closed
            )
        self.source = ctx.catalog.endpoint(self.provider, slug) if slug else None
        if self.source is not None:
            self.model = ctx.catalog.model(self.source, self.asked.input) or ""

    # --- time and money -----------------------------------------------------------------------

    def left(self) -> float | None:
        """Seconds left for the call; None without limit (D-10)."""
        settings, caller = self.ctx.settings, self.request.timeout
        limit = settings.deadline
        if limit is None:
            if caller is None:
                return None
            limit = caller * 2 if self.timed_out else caller
        return limit - (self.ctx.clock() - self.started)

    def has_time(self) -> bool:
        """Whether another submit is worth starting."""
        left = self.left()
        if left is None:
            return True
        whole = self.ctx.settings.deadline or self.request.timeout or USEFUL
        return left > min(USEFUL, whole / 4)

    def limit(self) -> float | None:
        """Seconds the caller's own provider may take: his affair, unless a deadline was set."""
        if self.ctx.settings.deadline is None:
            return None
        return max(SHORTEST, self.left() or 0.0)

    def submit_timeout(self) -> float:
        """Seconds one submit may take."""
        left = self.left()
        return SUBMIT_TIMEOUT if left is None else max(SHORTEST, min(SUBMIT_TIMEOUT, left))

    def until(self) -> float:
        """Monotonic seconds at which the caller must have his answer."""
        now, left = self.ctx.clock(), self.left()
        until = now + (self.ctx.settings.job_deadline if left is None else left)
        if self.intent.mode is Mode.WAIT and not self.timed_out:
            until = min(until, self.started + (self.intent.wait or 0.0))
        return until

    def may_repeat(self, bill: Bill) -> bool:
        """Whether another send is allowed after one whose bill is not known to be nil (D-9)."""
        if bill in (Bill.NOT_SENT, Bill.REFUSED):
            return True
        if self.ctx.settings.on_unknown != "failover" or self.duplicates:
            return False
        self.duplicates += 1
        return True

    # --- what happened ------------------------------------------------------------------------

    def cooling(self) -> None:
        """Note that the caller's own provider was not asked because it is cooling."""
        self.failures.append(Attempt(self.provider, self.slug, COOLING, Bill.NOT_SENT, 0.0))

    def failed(
        self,
        verdict: Verdict,
        endpoint: Endpoint,
        key: str,
        reply: Reply | NoReply,
        asked: float | None,
        generations: Mapping[str, int],
    ) -> Flow[None]:
        """Note a failed send: in the trail, in the events and in the health of its scopes."""
        status = reply.status if isinstance(reply, Reply) else None
        attempt = Attempt(
            endpoint.provider, endpoint.slug, verdict.reason, verdict.bill, reply.seconds, status
        )
        self.failures.append(attempt)
        if self.ctx.verbose:
            yield from ask(Emit(self._attempt_event(attempt)))
        settings = self.ctx.settings
        found = evidence(
            verdict,
            provider=endpoint.provider,
            slug=endpoint.slug,
            key=key,
            asked=asked,
            jitter=1.0 + self.ctx.random.random() * JITTER,
            cooldown=settings.cooldown,
            max_cooldown=settings.max_cooldown,
            generations=generations,
        )
        if found is None:
            return
        if isinstance(reply, NoReply) and not self._network_works(endpoint.provider):
            self._unproven.append((endpoint.provider, found))
            return
        yield from self._note(endpoint.provider, found)

    def _note(self, provider: str, found: Evidence) -> Flow[None]:
        before = self.ctx.health.generation(found.scope)
        standing = yield from ask(NoteFailure(found))
        if standing is not None and standing.opened and standing.generation != before:
            yield from ask(Emit(self._cooldown_event(provider, standing)))

    def _network_works(self, provider: str) -> bool:
        """Whether another provider was reached lately: silence is this one's fault (D-6)."""
        return self.ctx.memory.reached_another(provider, self.ctx.clock() - PROOF)

    def reached(self, provider: str) -> Flow[None]:
        """A provider has answered: silence of the others during this call was their own."""
        self.ctx.memory.note_reached(provider, self.ctx.clock())
        proven = [pair for pair in self._unproven if pair[0] != provider]
        self._unproven = [pair for pair in self._unproven if pair[0] == provider]
        for silent, found in proven:
            yield from self._note(silent, found)

    def _attempt_event(self, attempt: Attempt) -> AttemptFailed:
        return AttemptFailed(
            call_id=self.id,
            model=self.model,
            provider=attempt.provider,
            endpoint=attempt.endpoint,
            attempt=self.sends,
            reason=attempt.reason,
            bill=attempt.bill,
            seconds=attempt.seconds,
            at=self.ctx.wall(),
            status=attempt.status,
        )

    def _cooldown_event(self, provider: str, standing: Standing) -> CooldownStarted:
        return CooldownStarted(
            scope=standing.scope,
            provider=provider,
            reason=standing.reason,
            seconds=standing.length,
            at=self.ctx.wall(),
        )

    def succeeded(
        self, provider: str, slug: str, key: str, generations: Mapping[str, int]
    ) -> Flow[None]:
        """Note a send that served, where that changes anything."""
        health = self.ctx.health
        if health.clear:
            return
        scopes = {
            scope: generations.get(scope, 0)
            for scope in scopes_of(provider, slug, key)
            if health.counted(scope)
        }
        if not scopes:
            return
        for scope in (yield from ask(NoteSuccess(scopes))):
            ended = CooldownEnded(scope=scope, provider=provider, at=self.ctx.wall())
            yield from ask(Emit(ended))

    def matched(self) -> Flow[None]:
        """Tell that the call was recognised, if anybody listens to routine events."""
        if self.ctx.verbose:
            self.read()
            yield from ask(
                Emit(
                    CallMatched(
                        call_id=self.id,
                        provider=self.provider,
                        endpoint=self.slug,
                        at=self.ctx.wall(),
                    )
                )
            )

    def finished(self, provider: str, outcome: str) -> Flow[None]:
        """Tell that the call has come to its answer, if anybody listens to routine events."""
        if self.ctx.verbose:
            yield from ask(
                Emit(
                    CallFinished(
                        call_id=self.id,
                        model=self.model,
                        provider=provider,
                        outcome=outcome,
                        attempts=self.sends,
                        seconds=self.ctx.clock() - self.started,
                        at=self.ctx.wall(),
                    )
                )
            )

    def not_rerouted(
        self, reason: str, target: str | None = None, parameter: str | None = None
    ) -> Flow[None]:
        """Tell why a candidate, or every one, was not used."""
        event = NotRerouted(
            call_id=self.id,
            provider=self.provider,
            endpoint=self.slug,
            reason=reason,
            at=self.ctx.wall(),
            target=target,
            parameter=parameter,
        )
        yield from ask(Emit(event))

    def report(
        self, provider: str, dropped: tuple[str, ...] = (), changed: tuple[str, ...] = ()
    ) -> Report:
        """Sum up the call."""
        return Report(
            model=self.model,
            provider=provider,
            attempts=self.sends,
            dropped=dropped,
            changed=changed,
            failures=tuple(self.failures),
            possible_duplicate=self.duplicates > 0,
        )

    def last_word(self, reply: Reply | NoReply) -> Answer:
        """The caller's own provider's answer, with a report only if others were tried."""
        others = any(failure.provider != self.provider for failure in self.failures)
        return Answer(reply, self.report(self.provider) if others else None)

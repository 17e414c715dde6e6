"""The way of a call, from a recognised request to its answer.

The caller's own provider is asked first, with his own bytes, unless it is cooling. What it says
becomes a verdict; if that allows it, the call is translated and sent to the next candidate, until
one serves it or none is left. Then the caller gets what his own provider said.

Rules:
- No try/except and no library type in here; a reply is `Reply` or `NoReply`.
- Everything that costs money is bounded by `Walk`: sends, time, repeats after unknown outcomes.
- When the healthy path ends well, nothing but the reply was looked at.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from failover.core.effects import Emit, Flow, Forward, ReadHealth, ask
from failover.core.elsewhere import serve_elsewhere
from failover.core.entry import Pass, enter
from failover.core.follow import follow
from failover.core.report import Answer
from failover.core.retry_after import retry_after
from failover.core.types import (
    Cause,
    Create,
    Endpoint,
    Failed,
    Intent,
    NoReply,
    Phase,
    Reply,
    Request,
)
from failover.core.verdict import Action, Bill, Facts, Verdict, judge
from failover.core.walk import COOLING, TIMEOUTS, Walk, is_served
from failover.events import Exhausted

if TYPE_CHECKING:
    from failover.core.ports import Context, Inbound

FORWARD = Forward()
INSTANT = 0.25  # a connection refused faster than this may be tried once more at once


def serve(ctx: Context, request: Request, intent: Intent, dialect: Inbound) -> Flow[Answer]:
    """Answer a recognised request.

    Args:
        ctx: the world.
        request: the caller's request.
        intent: what it asks.
        dialect: the caller's dialect.

    Returns:
        What the caller gets, and a report when others than his own provider were involved.
    """
    if not isinstance(intent, Create):
        return (yield from follow(ctx, intent, dialect))
    if not ctx.quiet():
        return (yield from _create(Walk(ctx, request, intent, dialect)))
    started, generations = ctx.clock(), ctx.health.generations()
    deadline = ctx.settings.deadline
    reply = yield FORWARD if deadline is None else Forward(limit=deadline)
    if is_served(ctx, dialect, intent, reply):
        return Answer(reply)
    walk = Walk(ctx, request, intent, dialect, started)
    return (yield from _create(walk, reply, Pass(generations)))


def _create(
    walk: Walk, reply: Reply | NoReply | None = None, passed: Pass | None = None
) -> Flow[Answer]:
    """Serve a create; `reply` is what the caller's own provider said, if it was asked already."""
    ctx = walk.ctx
    if reply is None:
        yield from walk.matched()
        bill = ctx.memory.exhausted(ctx.who, walk.request)
        if bill is not None:
            yield from walk.not_rerouted("resubmit")
            stop = walk.dialect.stop(walk.request) if bill is Bill.UNKNOWN else None
            again = stop or (yield from ask(Forward(read=False)))
            if isinstance(again, NoReply) or again.status >= 400:  # it may be sent once more
                ctx.memory.note_exhausted(ctx.who(), walk.request, bill)
            return Answer(again)
        if ctx.health.stale():
            yield from ask(ReadHealth())
    answer = yield from _ask_own(walk, reply, passed)
    if answer is None:
        answer = yield from serve_elsewhere(walk)
    return answer or (yield from _give_up(walk))


def _ask_own(walk: Walk, reply: Reply | NoReply | None, passed: Pass | None) -> Flow[Answer | None]:
    """Ask the caller's own provider; None when the call should go elsewhere."""
    ctx = walk.ctx
    key = ""
    passed = passed or Pass(ctx.health.generations())
    if reply is None and not ctx.health.clear:
        walk.read()
        key = ctx.caller_key(walk.provider, walk.request)
        entered = yield from enter(ctx, walk.provider, walk.slug, key)
        if entered is None:
            walk.cooling()
            return None
        passed = entered
    reply = yield from _forward(walk, reply)
    walk.verdict = _verdict(walk, reply)
    if walk.verdict.reconnect and reply.seconds < INSTANT:
        reply = yield from _forward(walk, None)
        walk.sends -= 1  # nothing was sent the first time
        walk.verdict = _verdict(walk, reply)
    if walk.verdict.action is Action.DONE:
        yield from walk.succeeded(walk.provider, walk.slug, key, passed.generations)
        yield from walk.finished(walk.provider, "served")
        return Answer(reply)
    walk.read()
    key = key or ctx.caller_key(walk.provider, walk.request)
    yield from _note_own(walk, walk.verdict, reply, key, passed)
    if walk.verdict.action is Action.SURFACE or not walk.may_repeat(walk.verdict.bill):
        yield from walk.finished(walk.provider, "surfaced")
        return Answer(reply)
    return None


def _forward(walk: Walk, reply: Reply | NoReply | None) -> Flow[Reply | NoReply]:
    """Send the caller's request, unless `reply` is already what came of that."""
    walk.sends += 1
    if reply is None:
        reply = yield Forward(limit=walk.limit())
    walk.original = reply
    walk.timed_out = isinstance(reply, NoReply) and reply.trouble in TIMEOUTS
    if isinstance(reply, Reply):
        yield from walk.reached(walk.provider)
    return reply


def _verdict(walk: Walk, reply: Reply | NoReply) -> Verdict:
    """Judge what the caller's own provider said."""
    facts = Facts(
        status=None,
        trouble=None,
        cause=Cause.UNSPECIFIED,
        phase=Phase.SUBMIT,
        own=True,
        seconds=reply.seconds,
    )
    if isinstance(reply, NoReply):
        return judge(replace(facts, trouble=reply.trouble))
    if 200 <= reply.status < 300:
        if is_served(walk.ctx, walk.dialect, walk.intent, reply):
            return judge(replace(facts, status=reply.status))
        outcome = walk.dialect.read(reply, Phase.RESULT)
        if isinstance(outcome, Failed) and not (outcome.malformed or reply.truncated):
            return judge(replace(facts, cause=outcome.cause, phase=Phase.RESULT))
        return judge(replace(facts, status=reply.status, malformed=True))
    cause, asked = walk.dialect.cause(reply), _asked(reply)
    return judge(replace(facts, status=reply.status, cause=cause, asked=asked))


def _asked(reply: Reply | NoReply) -> float | None:
    """Seconds that a bad reply asks us to stay away."""
    return retry_after(reply.headers, reply.body) if isinstance(reply, Reply) else None


def _note_own(
    walk: Walk, verdict: Verdict, reply: Reply | NoReply, key: str, passed: Pass
) -> Flow[None]:
    own = walk.source or Endpoint(walk.provider, walk.slug, "")
    yield from walk.failed(verdict, own, key, reply, _asked(reply), passed.generations)
    yield from passed.settle()


def _give_up(walk: Walk) -> Flow[Answer]:
    """Hand back what the caller's own provider said; ask it once if nobody did yet (D-8)."""
    ctx, reply = walk.ctx, walk.original
    if reply is None:
        if ctx.health.stale():
            yield from ask(ReadHealth())
        passed = Pass(ctx.health.generations())
        reply = yield from _forward(walk, None)
        verdict = _verdict(walk, reply)
        if verdict.action is Action.DONE:
            yield from walk.finished(walk.provider, "passed-through")
            return walk.last_word(reply)
        walk.read()
        key = ctx.caller_key(walk.provider, walk.request)
        yield from _note_own(walk, verdict, reply, key, passed)
    if sum(failure.reason != COOLING for failure in walk.failures) > 1:  # other keys count too
        unknown = any(failure.bill == Bill.UNKNOWN for failure in walk.failures)
        bill = Bill.UNKNOWN if unknown else Bill.REFUSED
        ctx.memory.note_exhausted(ctx.who(), walk.request, bill)
        yield from ask(Emit(_exhausted(walk)))
    yield from walk.finished(walk.provider, "exhausted")
    return walk.last_word(reply)


def _exhausted(walk: Walk) -> Exhausted:
    return Exhausted(
        call_id=walk.id,
        model=walk.model,
        provider=walk.provider,
        attempts=tuple(f"{failure.provider}:{failure.reason}" for failure in walk.failures),
        seconds=walk.ctx.clock() - walk.started,
        at=walk.ctx.wall(),
    )

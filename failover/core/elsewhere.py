"""Serving a call at another provider, or at the caller's own with another key.

Each candidate is entered, translated for, submitted to and, if the caller waits, followed to its
end. A candidate that fails leaves a verdict; the verdict says whether the next one may be tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from failover.core.candidates import Candidate, candidates
from failover.core.effects import Emit, Flow, Forward, SaveJob, Send, ask
from failover.core.entry import Pass, enter
from failover.core.report import Answer
from failover.core.retry_after import retry_after
from failover.core.types import (
    Cause,
    Done,
    Failed,
    Job,
    Mode,
    NoReply,
    Outcome,
    Pending,
    Phase,
    Refusal,
    Reply,
    Translation,
    UnreadableOutput,
)
from failover.core.verdict import Action, Facts, Verdict, judge
from failover.core.walk import is_served
from failover.core.watch import Watch, follow_to_end, look
from failover.events import ParamsDropped, Rerouted

if TYPE_CHECKING:
    from failover.core.ports import Context
    from failover.core.walk import Walk

JOB_TTL = 7 * 86400.0
OVERDUE = Failed(Cause.DEADLINE, "not finished in time", 504)


@dataclass(frozen=True, slots=True)
class Stop:
    """No further candidate may be tried."""


def serve_elsewhere(walk: Walk) -> Flow[Answer | None]:
    """Try every other candidate in turn.

    Args:
        walk: a call that its own provider did not serve, its body read.

    Returns:
        The answer, or None when nobody served it.
    """
    reason = _closed(walk)
    rows = [] if reason else candidates(walk)
    if not rows:
        yield from walk.not_rerouted(reason or _why_none(walk))
        return None
    settled: set[tuple[str, str]] = set()  # endpoints that another key would not help, and
    # models that failed at a provider: another address of theirs there would be one submit more
    for candidate in rows:
        endpoint = candidate.target.endpoint
        model = (endpoint.provider, candidate.target.model)
        if (endpoint.provider, endpoint.slug) in settled or model in settled:
            continue
        if walk.sends >= walk.ctx.settings.attempts or not walk.has_time():
            yield from walk.not_rerouted("deadline" if walk.has_time() is False else "attempts")
            return None
        passed = yield from enter(walk.ctx, endpoint.provider, endpoint.slug, candidate.key)
        if passed is None:
            continue
        ended = yield from _try(walk, candidate, passed)
        if isinstance(ended, Answer):
            return ended
        if isinstance(ended, Stop):
            return None
        if ended is None or ended.action is not Action.NEXT_KEY:
            settled.add((endpoint.provider, endpoint.slug))
        if ended is not None and ended.action is Action.FAILOVER and not candidate.own:
            settled.add(model)
    return None


def _closed(walk: Walk) -> str | None:
    """Why a call can't be served elsewhere at all, before any candidate is looked at."""
    if walk.asked is None:
        return "body"
    return walk.asked.closed


def _why_none(walk: Walk) -> str:
    asked, source = walk.asked, walk.source
    if source is None or asked is None or not walk.ctx.catalog.targets(source, asked.input):
        return "no-equivalent"
    return "no-key"


def _try(walk: Walk, candidate: Candidate, passed: Pass) -> Flow[Answer | Verdict | Stop | None]:
    """Try one candidate; None when it can't be used for this call at all."""
    if candidate.own:
        return (yield from _try_other_key(walk, candidate, passed))
    assert walk.source is not None and walk.asked is not None  # noqa: S101, PT018  # _closed saw to it
    ctx, endpoint = walk.ctx, candidate.target.endpoint
    translation = ctx.catalog.translate(
        walk.source, candidate.target, walk.asked.input, fidelity=ctx.settings.fidelity
    )
    if isinstance(translation, Refusal):
        yield from walk.not_rerouted(translation.reason, endpoint.provider, translation.parameter)
        yield from passed.settle()
        return None
    walk.sends += 1
    dialect = ctx.dialect(endpoint.provider)
    left = walk.until() - ctx.clock() if walk.intent.mode in (Mode.BLOCK, Mode.STREAM) else None
    last = walk.sends >= ctx.settings.attempts
    request = dialect.submit(endpoint, translation.inputs[0], seconds=left, last=last)
    reply = yield from ask(Send(endpoint.provider, candidate.key, request, walk.submit_timeout()))
    if isinstance(reply, Reply):
        yield from walk.reached(endpoint.provider)
    outcome = _read_submit(walk, candidate, reply)
    if isinstance(outcome, Failed):
        return (yield from _note(walk, candidate, passed, reply, outcome, Phase.SUBMIT))
    job = _job(walk, candidate, outcome)
    return (yield from _finish(walk, candidate, passed, reply, outcome, job, translation))


def _try_other_key(
    walk: Walk, candidate: Candidate, passed: Pass
) -> Flow[Answer | Verdict | Stop | None]:
    """Send the caller's own request under another of his keys."""
    walk.sends += 1
    reply = yield from ask(Forward(key=candidate.key, limit=walk.limit()))
    if is_served(walk.ctx, walk.dialect, walk.intent, reply):
        endpoint = candidate.target.endpoint
        yield from walk.succeeded(
            endpoint.provider, endpoint.slug, candidate.key, passed.generations
        )
        report = walk.report(walk.provider)
        yield from walk.finished(walk.provider, "served")
        return Answer(reply, report)
    if isinstance(reply, Reply) and 200 <= reply.status < 300:
        failed = Failed(Cause.UNSPECIFIED, status=reply.status, malformed=True)
        return (yield from _note(walk, candidate, passed, reply, failed, Phase.SUBMIT))
    cause = walk.dialect.cause(reply) if isinstance(reply, Reply) else Cause.UNSPECIFIED
    return (yield from _note(walk, candidate, passed, reply, Failed(cause), Phase.SUBMIT))


def _read_submit(walk: Walk, candidate: Candidate, reply: Reply | NoReply) -> Outcome:
    if isinstance(reply, NoReply):
        return Failed(Cause.UNSPECIFIED, status=0)
    if reply.truncated:
        return Failed(Cause.UNSPECIFIED, status=reply.status, malformed=True)
    return walk.ctx.dialect(candidate.target.endpoint.provider).read(reply, Phase.SUBMIT)


def _job(walk: Walk, candidate: Candidate, outcome: Done | Pending) -> Job:
    asked, endpoint = walk.asked, candidate.target.endpoint
    return Job(
        id=walk.dialect.new_id(walk.ctx.random),
        caller=walk.provider,
        source=walk.slug,
        provider=endpoint.provider,
        target=endpoint.slug,
        native=outcome.job or "",
        key=candidate.key,
        call=walk.id,
        created=walk.ctx.wall(),
        mode=walk.intent.mode,
        version=asked.version if asked else None,
        model=candidate.target.model,
        stream=asked.stream if asked else False,
        input=asked.input if asked else {},
    )


def _finish(
    walk: Walk,
    candidate: Candidate,
    passed: Pass,
    reply: Reply | NoReply,
    outcome: Outcome,
    job: Job,
    translation: Translation,
) -> Flow[Answer | Verdict | Stop | None]:
    """See an accepted submit to the answer that the caller's mode wants."""
    ctx, endpoint, mode = walk.ctx, candidate.target.endpoint, walk.intent.mode
    watch = ctx.memory.watch(job)
    if mode is not Mode.QUEUE:
        if isinstance(outcome, Pending):
            outcome = yield from follow_to_end(ctx, job, watch, walk.until())
        if isinstance(outcome, Pending) and mode is not Mode.WAIT:
            outcome = yield from _abandon(ctx, job, watch)
        elif isinstance(outcome, Failed) and outcome.cause is Cause.CANCELLED:
            outcome = OVERDUE  # nobody else knows the job: it ended by the limit we gave it
    if isinstance(outcome, Done):
        watch.note(outcome, ctx.clock())
    outcome = rendered(ctx, job, outcome)
    if isinstance(outcome, Failed):
        ended = Phase.POLL if outcome.lost else Phase.RESULT
        phase = ended if job.native else Phase.SUBMIT
        return (yield from _note(walk, candidate, passed, reply, outcome, phase))
    if not isinstance(outcome, Done) or mode is not Mode.BLOCK:
        yield from ask(SaveJob(job, JOB_TTL))
    yield from walk.succeeded(endpoint.provider, endpoint.slug, candidate.key, passed.generations)
    yield from _tell(walk, candidate, translation)
    if walk.asked and walk.asked.version:
        ctx.memory.note_rerouted(walk.asked.version)
    report = walk.report(endpoint.provider, translation.dropped, translation.changed)
    answer = walk.dialect.answer(walk.intent, job, outcome)
    yield from walk.finished(endpoint.provider, "rerouted")
    return Answer(answer, report)


def _abandon(ctx: Context, job: Job, watch: Watch) -> Flow[Outcome]:
    """Cancel a job nobody can wait for; if it ended meanwhile, that counts (D-11)."""
    dialect = ctx.dialect(job.provider)
    reply = yield from ask(Send(job.provider, job.key, dialect.cancel(job), 5.0))
    if isinstance(reply, Reply):
        outcome = dialect.read(reply, Phase.CANCEL)
        if isinstance(outcome, Pending) and outcome.ready:
            outcome = yield from look(ctx, job, watch, 5.0)
            if isinstance(outcome, Failed):
                return outcome
        if isinstance(outcome, Done) or _had_failed(reply, outcome):
            return outcome
    return OVERDUE


def _had_failed(reply: Reply, outcome: Outcome) -> bool:
    """Whether a cancel was answered with the failure that the job had already come to."""
    if not isinstance(outcome, Failed) or outcome.malformed:
        return False
    return reply.status < 300 and outcome.cause is not Cause.CANCELLED


def rendered(ctx: Context, job: Job, outcome: Outcome) -> Outcome:
    """Put a finished job's output into the form of the endpoint that the caller asked.

    Args:
        ctx: the world.
        job: the job.
        outcome: an outcome in the owner's words.
    """
    if not isinstance(outcome, Done):
        return outcome
    source = ctx.catalog.endpoint(job.caller, job.source)
    target = ctx.catalog.endpoint(job.provider, job.target)
    if source is None or target is None:
        return outcome
    try:
        return replace(
            outcome, output=ctx.catalog.answer(source, target, job.input, outcome.output)
        )
    except UnreadableOutput:
        return Failed(Cause.PROVIDER, "the output holds no media", malformed=True)


def _note(
    walk: Walk,
    candidate: Candidate,
    passed: Pass,
    reply: Reply | NoReply,
    outcome: Failed,
    phase: Phase,
) -> Flow[Verdict | Stop]:
    """Judge a failed attempt and say whether another may follow."""
    asked = retry_after(reply.headers, reply.body) if isinstance(reply, Reply) else None
    submitting = phase is Phase.SUBMIT
    status = reply.status if submitting and isinstance(reply, Reply) else outcome.status
    facts = Facts(
        status=status or None,
        trouble=reply.trouble if isinstance(reply, NoReply) else None,
        cause=outcome.cause,
        phase=phase,
        own=candidate.own,
        seconds=reply.seconds,
        malformed=outcome.malformed,
        asked=asked,
    )
    verdict = judge(facts)
    endpoint = candidate.target.endpoint
    yield from walk.failed(verdict, endpoint, candidate.key, reply, asked, passed.generations)
    yield from passed.settle()
    if verdict.action is Action.SURFACE or not walk.may_repeat(verdict.bill):
        return Stop()
    return verdict


def _tell(walk: Walk, candidate: Candidate, translation: Translation) -> Flow[None]:
    endpoint = candidate.target.endpoint
    yield from ask(
        Emit(
            Rerouted(
                call_id=walk.id,
                model=candidate.target.model,
                source=walk.provider,
                target=endpoint.provider,
                reason=walk.failures[0].reason,
                attempt=walk.sends,
                seconds=walk.ctx.clock() - walk.started,
                at=walk.ctx.wall(),
                possible_duplicate=walk.duplicates > 0,
            )
        )
    )
    if translation.dropped or translation.changed:
        yield from ask(
            Emit(
                ParamsDropped(
                    call_id=walk.id,
                    model=candidate.target.model,
                    source=walk.provider,
                    target=endpoint.provider,
                    dropped=translation.dropped,
                    changed=translation.changed,
                    at=walk.ctx.wall(),
                )
            )
        )

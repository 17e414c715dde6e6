"""Polls, results, cancels and streams of jobs: they go to where the job runs, and nowhere else.

A job that is not ours is the caller's provider's business: his request passes untouched, whatever
comes back. Only a submit can fail over (D-1).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from failover.core.effects import FindJob, Flow, Forward, SaveJob, Send, ask
from failover.core.elsewhere import JOB_TTL, rendered
from failover.core.report import Answer, Report
from failover.core.types import (
    Cancel,
    Cause,
    Create,
    Describe,
    Done,
    Failed,
    Intent,
    Job,
    NoReply,
    Outcome,
    Pending,
    Phase,
    Poll,
    Reply,
    Stream,
)
from failover.core.watch import follow_to_end, look

if TYPE_CHECKING:
    from failover.core.ports import Context, Inbound

POLL_INTERVAL = 1.0
CANCEL_TIMEOUT = 15.0
STREAM_PATIENCE = 600.0


def follow(ctx: Context, intent: Intent, dialect: Inbound) -> Flow[Answer]:
    """Answer anything but a create.

    Args:
        ctx: the world.
        intent: what the caller wants.
        dialect: his dialect.
    """
    if isinstance(intent, Describe):
        return (yield from _describe(ctx, intent, dialect))
    if isinstance(intent, Create):  # never comes here; the type says so
        return Answer((yield from ask(Forward(read=False))))
    job = yield from ask(FindJob(intent.job))
    if job is None or job.caller != dialect.provider:
        return Answer((yield from ask(Forward(read=False))))
    if isinstance(intent, Cancel):
        outcome = yield from _cancel(ctx, job)
    elif isinstance(intent, Stream) or (isinstance(intent, Poll) and intent.stream):
        outcome = yield from _until_end(ctx, job)
    else:
        outcome = yield from _state(ctx, job)
    answer = dialect.answer(intent, job, rendered(ctx, job, outcome))
    return Answer(answer, Report(job.model, job.provider, 1))


def _state(ctx: Context, job: Job) -> Flow[Outcome]:
    """The job's state, asked at most once a second however often the caller polls (D-11)."""
    watch = ctx.memory.watch(job)
    if watch.final and watch.outcome is not None:
        return watch.outcome
    if job.cancelled:
        return _as_cancelled(job)
    if ctx.clock() - watch.at < POLL_INTERVAL:
        return watch.outcome or Pending()
    return (yield from look(ctx, job, watch))


def _until_end(ctx: Context, job: Job) -> Flow[Outcome]:
    watch = ctx.memory.watch(job)
    if job.cancelled:
        return _as_cancelled(job)
    return (yield from follow_to_end(ctx, job, watch, ctx.clock() + STREAM_PATIENCE))


def _as_cancelled(job: Job) -> Failed:
    return Failed(Cause.CANCELLED, f"request {job.id} was cancelled", 499)


def _cancel(ctx: Context, job: Job) -> Flow[Outcome]:
    """Cancel at the owner; from then on the job is over for the caller, unless it had finished.

    An owner that can't be asked has cancelled nothing: the job is still pending, and is told so.
    """
    watch = ctx.memory.watch(job)
    if watch.final and watch.outcome is not None:
        return watch.outcome
    dialect = ctx.dialect(job.provider)
    reply = yield from ask(Send(job.provider, job.key, dialect.cancel(job), CANCEL_TIMEOUT))
    if isinstance(reply, NoReply) or reply.status >= 500 or reply.status == 429:
        return Pending(running=True)
    outcome = dialect.read(reply, Phase.CANCEL)
    if isinstance(outcome, Pending) and outcome.ready:
        return (yield from look(ctx, job, watch))
    if isinstance(outcome, Done):
        return watch.note(outcome, ctx.clock())
    yield from ask(SaveJob(replace(job, cancelled=True), JOB_TTL))
    return watch.note(_as_cancelled(job), ctx.clock())


def _describe(ctx: Context, intent: Describe, dialect: Inbound) -> Flow[Answer]:
    """Pass a version's description through; word one ourselves only for a call we served."""
    ctx.memory.note_version(intent.version, intent.slug)
    reply = yield from ask(Forward(read=False))
    if isinstance(reply, Reply) and reply.status < 400:
        return Answer(reply)
    if not ctx.memory.was_rerouted(intent.version):
        return Answer(reply)
    endpoint = ctx.catalog.endpoint(dialect.provider, intent.slug)
    schema = ctx.catalog.output_schema(endpoint) if endpoint else None
    job = Job("", dialect.provider, intent.slug, "", "", "", "", "", 0.0)
    return Answer(dialect.answer(intent, job, Done(schema)))

"""Looking at a job that runs elsewhere until it ends, without ever taking a bad poll for its end.

A poll that fails says nothing about the job: the last known state stays. Only many failures over a
long time, or the provider denying the job again and again, mean that it is lost (D-2, D-11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from failover.core.effects import Flow, Send, Sleep, ask
from failover.core.types import Cause, Done, Failed, Job, NoReply, Outcome, Pending, Phase, Reply

if TYPE_CHECKING:
    from failover.core.ports import Context, Outbound

POLL_TIMEOUT = 15.0
LOST_AFTER = (10, 60.0)  # failed polls, seconds
DENIED_AFTER = (3, 30.0)  # times not found, seconds
RESULT_TRIES = 3  # what a finished job says each time is its result, however odd
FIRST_PAUSE = 0.15
PAUSE_GROWTH = 1.6
LONGEST_PAUSE = 1.5


@dataclass(slots=True)
class Watch:
    """What this process last saw of one job.

    Args:
        outcome: the last state that the provider stated.
        at: monotonic seconds when it was asked last.
        failures: polls in a row that told nothing.
        failing_since: monotonic seconds of the first of them.
        denials: polls in a row that said there is no such job.
        denied_since: monotonic seconds of the first of them.
        oddities: results since then that told nothing, though the job had ended.
    """

    outcome: Outcome | None = None
    at: float = float("-inf")
    failures: int = 0
    failing_since: float = 0.0
    denials: int = 0
    denied_since: float = 0.0
    oddities: int = 0

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return isinstance(self.outcome, (Done, Failed))

    def note(self, outcome: Outcome, now: float) -> Outcome:
        """Keep what the provider stated."""
        self.outcome, self.at = outcome, now
        self.failures = self.denials = self.oddities = 0
        return outcome

    def note_failure(self, now: float) -> Outcome:
        """Keep the last state after a poll that told nothing, unless the job must be lost."""
        self.at = now
        self.failing_since = self.failing_since if self.failures else now
        self.failures += 1
        count, seconds = LOST_AFTER
        if self.failures >= count and now - self.failing_since >= seconds:
            return self.note(_lost("the job's owner can't be reached"), now)
        return self.outcome or Pending()

    def note_denial(self, now: float) -> Outcome:
        """Keep the last state after the provider denied the job, unless it denies it for long."""
        self.at = now
        self.denied_since = self.denied_since if self.denials else now
        self.denials += 1
        count, seconds = DENIED_AFTER
        if self.denials >= count and now - self.denied_since >= seconds:
            return self.note(_lost("the job is unknown to its owner"), now)
        return self.outcome or Pending()

    def note_oddity(self, outcome: Outcome, now: float) -> Outcome:
        """Keep the last state after a result that told nothing, unless it is told each time."""
        self.oddities += 1
        if self.oddities >= RESULT_TRIES:
            return self.note(outcome, now)
        return self.note_failure(now)


def _lost(message: str) -> Failed:
    return Failed(Cause.PROVIDER, message, 404, lost=True)


def look(ctx: Context, job: Job, watch: Watch, timeout: float = POLL_TIMEOUT) -> Flow[Outcome]:
    """Ask once how a job is getting on, and fetch its result if it has ended.

    Args:
        ctx: the world.
        job: the job.
        watch: what is known of it; updated.
        timeout: seconds one request may take.

    Returns:
        The outcome in the owner's words.
    """
    dialect = ctx.dialect(job.provider)
    outcome = yield from _ask(ctx, dialect, job, watch, Phase.POLL, timeout)
    if isinstance(outcome, Pending) and outcome.ready:
        return (yield from _ask(ctx, dialect, job, watch, Phase.RESULT, timeout))
    return outcome


def _ask(
    ctx: Context, dialect: Outbound, job: Job, watch: Watch, phase: Phase, timeout: float
) -> Flow[Outcome]:
    request = dialect.poll(job) if phase is Phase.POLL else dialect.result(job)
    reply = yield from ask(Send(job.provider, job.key, request, timeout))
    now = ctx.clock()
    if isinstance(reply, NoReply):
        return watch.note_failure(now)
    outcome = dialect.read(reply, phase)
    if isinstance(outcome, Failed) and _says_nothing(reply, outcome, phase):
        if reply.status == 404 and phase is Phase.POLL:
            return watch.note_denial(now)
        settling = phase is Phase.RESULT
        return watch.note_oddity(outcome, now) if settling else watch.note_failure(now)
    if isinstance(outcome, Pending) and outcome.ready:
        return outcome  # not final: the result decides
    return watch.note(outcome, now)


def _says_nothing(reply: Reply, outcome: Failed, phase: Phase) -> bool:
    """Whether a bad reply to a poll or a result request leaves the job's state open."""
    if outcome.malformed:
        return True
    if phase is Phase.POLL:
        return not 200 <= reply.status < 300
    account = (Cause.BAD_KEY, Cause.BALANCE, Cause.FORBIDDEN, Cause.RATE)
    gateway = reply.status >= 500 and outcome.cause is Cause.UNSPECIFIED and reply.body[:1] != b"{"
    return outcome.cause in account or gateway


def follow_to_end(ctx: Context, job: Job, watch: Watch, until: float) -> Flow[Outcome]:
    """Poll a job until it ends or time is up.

    Args:
        ctx: the world.
        job: the job.
        watch: what is known of it; updated.
        until: monotonic seconds after which nobody waits any more.

    Returns:
        The last outcome; `Pending` when time ran out.
    """
    pause = FIRST_PAUSE
    outcome: Outcome = watch.outcome or Pending()
    while isinstance(outcome, Pending):
        left = until - ctx.clock()
        if left <= 0:
            return outcome
        yield from ask(Sleep(min(pause, left)))
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)
        left = until - ctx.clock()
        outcome = yield from look(ctx, job, watch, min(POLL_TIMEOUT, max(left, 1.0)))
    return outcome

"""What a process knows of one job, poll by poll."""

from __future__ import annotations

from fakes import World
from script import Script
from talk import (
    F_COMPLETED,
    F_QUEUED,
    F_RESULT,
    F_RUNNING,
    FAL_OUTPUT,
    R_DONE,
    R_PROCESSING,
    gone,
    reply,
)

from failover.core.drive import drive
from failover.core.types import Cause, Done, Failed, Job, Pending, Trouble
from failover.core.watch import Watch, follow_to_end, look

JOB = Job("mine", "replicate", "a/b", "fal", "fal-ai/flux/dev", "fal0", "f1", "call", 0.0)
AT_REPLICATE = Job("mine", "fal", "a/b", "replicate", "c/d", "rep0", "r1", "call", 0.0)
RUNNING = Pending(running=True)


def test_what_was_stated_last_stays_until_something_else_is_stated() -> None:
    watch = Watch()
    assert watch.note_failure(1.0) == Pending()
    assert watch.note(RUNNING, 2.0) is RUNNING
    assert watch.note_failure(3.0) is RUNNING
    assert watch.note_denial(4.0) is RUNNING
    assert watch.at == 4.0
    assert not watch.final
    done = Done({})
    assert watch.note(done, 5.0) is done
    assert watch.final


def test_ten_failures_over_a_minute_lose_a_job_and_less_does_not() -> None:
    few, quick, long = Watch(), Watch(), Watch()
    for count in range(10):
        quick.note_failure(float(count))
        long.note_failure(count * 60.0 / 9)
    for count in range(9):
        few.note_failure(count * 100.0)
    assert not few.final
    assert not quick.final
    assert long.final
    assert isinstance(long.outcome, Failed)
    assert (long.outcome.cause, long.outcome.lost) == (Cause.PROVIDER, True)
    assert quick.note_failure(60.0) == quick.outcome


def test_a_word_in_between_starts_the_count_again() -> None:
    watch = Watch()
    for count in range(9):
        watch.note_failure(count * 10.0)
    watch.note(RUNNING, 90.0)
    assert watch.note_failure(1000.0) is RUNNING
    assert watch.failing_since == 1000.0


def test_three_denials_over_half_a_minute_lose_a_job_and_less_does_not() -> None:
    watch = Watch()
    for at in (0.0, 10.0, 29.9):
        assert watch.note_denial(at) == Pending()
    lost = watch.note_denial(30.0)
    assert isinstance(lost, Failed)
    assert (lost.cause, lost.lost) == (Cause.PROVIDER, True)
    watch = Watch()
    watch.note_denial(0.0)
    assert watch.note_denial(500.0) == Pending()


def test_an_odd_result_is_believed_the_third_time() -> None:
    watch, odd = Watch(), Failed(Cause.RATE, "busy", 429)
    assert watch.note_oddity(odd, 1.0) == Pending()
    assert watch.note_oddity(odd, 2.0) == Pending()
    assert watch.note_oddity(odd, 3.0) is odd
    watch = Watch()
    watch.note_oddity(odd, 1.0)
    watch.note_oddity(odd, 2.0)
    watch.note(RUNNING, 3.0)
    assert watch.note_oddity(odd, 4.0) is RUNNING


def test_a_look_at_a_finished_fal_job_fetches_its_result() -> None:
    watch, script = Watch(), Script(World(), [F_COMPLETED, F_RESULT])
    assert drive(look(script.world, JOB, watch), script) == Done(FAL_OUTPUT)
    assert script.lines == [
        "send fal/f1 GET /fal-ai/flux/requests/fal0/status",
        "send fal/f1 GET /fal-ai/flux/requests/fal0",
    ]
    assert watch.final


def test_a_look_at_a_replicate_job_is_one_request() -> None:
    watch, script = Watch(), Script(World(), [R_DONE])
    assert isinstance(drive(look(script.world, AT_REPLICATE, watch), script), Done)
    assert len(script.lines) == 1


def test_a_server_error_as_the_jobs_own_words_is_its_end() -> None:
    own = reply(500, {"detail": "Internal Server Error"}, x_fal_request_id="fal0")
    plain = reply(503, {"detail": "GPU error"})
    for words, cause in ((own, Cause.PROVIDER), (plain, Cause.UNSPECIFIED)):
        watch, script = Watch(), Script(World(), [F_COMPLETED, words])
        outcome = drive(look(script.world, JOB, watch), script)
        assert isinstance(outcome, Failed)
        assert outcome.cause is cause
        assert watch.final


def test_following_slows_down_and_ends_with_the_job() -> None:
    world = World()
    script = Script(world, [F_QUEUED, F_RUNNING, F_RUNNING, F_COMPLETED, F_RESULT])
    outcome = drive(follow_to_end(world, JOB, Watch(), world.time + 100.0), script)
    assert outcome == Done(FAL_OUTPUT)
    assert script.lines.count("sleep") == 4
    assert world.time < 1006.0


def test_following_never_sleeps_long_nor_past_its_end() -> None:
    world = World()
    script = Script(world, [lambda _: F_RUNNING._replace(seconds=0.0)])
    assert drive(follow_to_end(world, JOB, Watch(), world.time + 60.0), script) == RUNNING
    assert world.time == 1060.0
    assert 40 <= script.lines.count("sleep") <= 50
    assert {sent.timeout for sent in script.sent} <= {15.0} | {
        sent.timeout for sent in script.sent if 1.0 <= sent.timeout < 15.0
    }


def test_following_a_job_that_has_ended_asks_nobody() -> None:
    world, watch = World(), Watch()
    watch.note(Done([1]), world.time)
    script = Script(world, [])
    assert drive(follow_to_end(world, JOB, watch, world.time + 9.0), script) == Done([1])
    assert script.lines == []


def test_without_time_nobody_is_asked() -> None:
    world = World()
    script = Script(world, [])
    assert drive(follow_to_end(world, JOB, Watch(), world.time), script) == Pending()
    assert script.lines == []


def test_following_survives_an_owner_that_is_away_for_a_while() -> None:
    world, away = World(), gone(Trouble.CONNECT, 0.1)
    script = Script(world, [R_PROCESSING, away, reply(502), away, R_DONE])
    outcome = drive(follow_to_end(world, AT_REPLICATE, Watch(), world.time + 60.0), script)
    assert isinstance(outcome, Done)


def test_following_gives_up_on_an_owner_that_stays_away() -> None:
    world = World()
    script = Script(world, [lambda _: gone(Trouble.CONNECT, 0.1)])
    outcome = drive(follow_to_end(world, AT_REPLICATE, Watch(), world.time + 600.0), script)
    assert isinstance(outcome, Failed)
    assert outcome.lost
    assert 1060.0 <= world.time <= 1065.0

"""Polls and results of jobs, as the caller's SDK sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import PICTURE, World
from moved import APP, ERROR, Moved
from script import Script, Step, run
from talk import (
    API,
    F_COMPLETED,
    F_QUEUED,
    F_RESULT,
    F_RUNNING,
    FAL_OUTPUT,
    PREDICTION,
    R_DONE,
    R_PROCESSING,
    R_STARTING,
    get,
    gone,
    reply,
)

from failover.core.drive import drive
from failover.core.follow import follow
from failover.core.types import Create, Mode, Reply, Trouble
from failover.dialects import inbound

SILENCE = gone(Trouble.READ_TIMEOUT)


# --- the life of a job ---------------------------------------------------------------------------


def test_a_fal_caller_sees_fals_states() -> None:
    job = Moved("fal")
    status, body = job.poll(R_STARTING._replace(status=200))
    assert (status, body["status"], body["queue_position"]) == (202, "IN_QUEUE", 0)
    status, body = job.later(R_PROCESSING)
    assert (status, body["status"]) == (202, "IN_PROGRESS")
    assert "logs" in body
    status, body = job.later(R_DONE)
    assert (status, body["status"]) == (200, "COMPLETED")
    assert "logs" in body
    result, script = job.ask("")
    assert (result.status, result.json()) == (200, FAL_OUTPUT)
    assert script.lines == ["find job"]
    assert job.ask("/response")[0].json() == FAL_OUTPUT


def test_a_replicate_caller_sees_replicates_states() -> None:
    job = Moved("replicate")
    assert job.poll(F_QUEUED)[1]["status"] == "starting"
    assert job.later(F_RUNNING)[1]["status"] == "processing"
    status, body = job.later(F_COMPLETED, F_RESULT)
    assert (status, body["status"], body["output"]) == (200, "succeeded", [PICTURE])
    assert job.poll()[1] == body


def test_a_result_asked_for_too_early_is_still_in_progress() -> None:
    result, _ = Moved("fal").ask("", R_PROCESSING)
    assert (result.status, result.json()) == (400, {"detail": "Request is still in progress"})


def test_a_job_can_be_found_by_another_process() -> None:
    job = Moved("fal")
    job.world.memory.watches.clear()
    assert job.poll(R_DONE)[1]["status"] == "COMPLETED"
    assert job.script.sent[0].provider == "replicate"


def test_an_alternative_that_was_done_at_once_keeps_its_result_for_the_poll() -> None:
    job = Moved("fal", R_DONE._replace(status=201))
    assert [record.native for record in job.world.jobs.values()] == ["rep0"]
    assert job.poll()[1]["status"] == "COMPLETED"
    assert job.ask("")[0].json() == FAL_OUTPUT
    job.world.memory.watches.clear()
    _, script = job.ask("", R_DONE)
    assert script.sends == ["send replicate/r1 GET /v1/predictions/rep0"]


def test_an_output_without_media_is_a_failure_to_the_caller() -> None:
    job = Moved("fal")
    empty = reply(200, {**PREDICTION, "status": "succeeded", "output": []})
    assert job.poll(empty)[1]["error"] == "the output holds no media"
    assert job.ask("")[0].status == 500


def test_an_endpoint_that_left_the_catalog_is_answered_as_it_is() -> None:
    job = Moved("replicate")
    (record,) = job.world.jobs.values()
    job.world.jobs[job.id] = replace(record, target="fal-ai/gone/away")
    assert job.poll(F_COMPLETED, F_RESULT)[1]["output"] == FAL_OUTPUT


# --- jobs that are not ours ----------------------------------------------------------------------


def test_an_unknown_job_is_its_owners_business() -> None:
    for request in (
        get(f"{APP}/e2b8/status"),
        get(f"{APP}/e2b8"),
        get(f"{APP}/e2b8/cancel", method="PUT"),
        get("/v1/predictions/abc", API),
        get("/v1/predictions/abc/cancel", API, "POST"),
        get("/v1/predictions/abc/stream", API),
    ):
        for its in (ERROR, reply(404, {"status": "NOT_FOUND"}), SILENCE, F_RUNNING):
            answer, script = run(World(), request, its)
            assert answer.reply is its
            assert answer.report is None
            assert script.lines == ["find job", "forward unread"]


def test_an_id_of_another_callers_dialect_is_unknown() -> None:
    job = Moved("replicate")
    answer, script = run(job.world, get(f"{APP}/{job.id}/status"), ERROR)
    assert answer.reply is ERROR
    assert script.lines == ["find job", "forward unread"]


def test_a_create_is_not_followed() -> None:
    script = Script(World(), [F_RESULT])
    answer = drive(follow(script.world, Create(Mode.BLOCK), inbound("fal")), script)
    assert answer.reply is F_RESULT
    assert script.lines == ["forward unread"]


# --- how often and how long ----------------------------------------------------------------------


def test_an_owner_is_asked_once_a_second_however_often_the_caller_polls() -> None:
    job = Moved("fal")
    quick = R_PROCESSING._replace(seconds=0.0)
    asked = 0
    for _ in range(50):
        got, script = job.ask("/status", lambda _: quick)
        assert got.json()["status"] == "IN_PROGRESS"
        asked += len(script.sends)
        job.world.time += 0.1
    assert asked == 5


def test_an_owner_that_fails_is_not_asked_more_often() -> None:
    job = Moved("fal")
    asked = 0
    for _ in range(50):
        got, script = job.ask("/status", lambda _: gone(Trouble.CONNECT, 0.0))
        assert got.json()["status"] == "IN_QUEUE"
        asked += len(script.sends)
        job.world.time += 0.1
    assert asked == 5


@pytest.mark.parametrize(
    "bad",
    [
        SILENCE,
        gone(Trouble.CONNECT),
        reply(401, {"detail": "no"}),
        reply(403, {"detail": "User is locked. Reason: Exhausted balance."}),
        reply(404, {"detail": "not found"}),
        reply(429, {"detail": "slow down"}),
        reply(302),
        reply(500, {"detail": "no"}),
        Reply(502, {}, b"<html>"),
        Reply(200, {}, b"<html>"),
        reply(200, [1]),
    ],
)
def test_a_failing_poll_keeps_the_last_state(bad: Step) -> None:
    job = Moved("replicate")
    assert job.poll(F_RUNNING)[1]["status"] == "processing"
    for _ in range(2):
        assert job.later(bad)[1]["status"] == "processing"
    assert job.later(F_QUEUED)[1]["status"] == "starting"
    fresh = Moved("fal")
    assert fresh.poll(bad)[1]["status"] == "IN_QUEUE"


def test_an_owner_out_of_reach_for_a_minute_has_lost_the_job() -> None:
    job = Moved("fal")
    job.poll(R_PROCESSING)
    for _ in range(10):
        assert job.later(SILENCE)[1]["status"] == "IN_PROGRESS"
    job.world.time += 60.0
    body = job.later(SILENCE)[1]
    assert (body["status"], body["error"]) == ("COMPLETED", "the job's owner can't be reached")
    assert job.ask("")[0].status == 500


def test_a_minute_of_few_failures_is_no_loss() -> None:
    job = Moved("fal")
    job.poll(R_PROCESSING)
    for _ in range(8):
        job.world.time += 10.0
        assert job.later(ERROR)[1]["status"] == "IN_PROGRESS"
    assert job.later(R_DONE)[1]["status"] == "COMPLETED"


def test_an_owner_that_denies_the_job_for_long_has_lost_it() -> None:
    job = Moved("replicate")
    denied = reply(404, {"status": "NOT_FOUND"})
    for _ in range(3):
        assert job.later(denied)[1]["status"] == "starting"
    job.world.time += 30.0
    body = job.later(denied)[1]
    assert (body["status"], body["error"]) == ("failed", "the job is unknown to its owner")


# --- results -------------------------------------------------------------------------------------


def test_a_completed_fal_job_is_judged_by_its_result() -> None:
    job = Moved("replicate")
    refused = reply(422, {"detail": [{"type": "content_policy_violation", "msg": "flagged"}]})
    body = job.poll(F_COMPLETED, refused)[1]
    assert (body["status"], body["error"], body["output"]) == ("failed", "flagged", None)
    assert job.poll()[1] == body


def test_a_result_that_is_not_there_yet_is_waited_for() -> None:
    job = Moved("replicate")
    early = reply(400, {"detail": "Request is still in progress"})
    assert job.poll(F_COMPLETED, early)[1]["status"] == "processing"
    assert job.later(F_COMPLETED, F_RESULT)[1]["status"] == "succeeded"


@pytest.mark.parametrize(
    "odd",
    [
        reply(403, {"detail": "User is locked. Reason: TOP_UP top up"}),
        reply(429, {"detail": "slow down"}),
        Reply(502, {}, b"<html>"),
        Reply(200, {}, b"{cut"),
    ],
)
def test_an_odd_result_is_asked_for_again_before_it_is_believed(odd: Reply) -> None:
    job = Moved("replicate")
    job.poll(ERROR)
    job.later(SILENCE)
    for _ in range(2):
        assert job.later(F_COMPLETED, odd)[1]["status"] == "starting"
    assert job.later(F_COMPLETED, odd)[1]["status"] == "failed"
    healed = Moved("replicate")
    healed.poll(F_COMPLETED, odd)
    assert healed.later(F_COMPLETED, F_RESULT)[1]["status"] == "succeeded"


def test_a_result_out_of_reach_is_asked_for_again() -> None:
    job = Moved("replicate")
    for _ in range(4):
        assert job.later(F_COMPLETED, SILENCE)[1]["status"] == "starting"
    assert job.later(F_COMPLETED, F_RESULT)[1]["status"] == "succeeded"

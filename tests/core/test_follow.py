"""Polls, results, cancels and streams of jobs, as the caller's SDK sees them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fakes import FAL, PICTURE, REPLICATE, VERSION, World
from script import Script, Step, run
from talk import (
    API,
    CREATED,
    F_COMPLETED,
    F_QUEUED,
    F_RESULT,
    F_RUNNING,
    F_SUBMITTED,
    FAL_OUTPUT,
    INPUT,
    PREDICTION,
    QUEUED,
    R_CANCELED,
    R_DONE,
    R_PROCESSING,
    R_STARTING,
    get,
    gone,
    r_failed,
    replicate,
    reply,
)

from failover.core.drive import drive
from failover.core.follow import follow
from failover.core.report import Report
from failover.core.types import Create, Mode, Reply, Request, Trouble
from failover.dialects import inbound

ERROR = reply(500, {"detail": "no"})
APP = "/fal-ai/flux/requests"
SILENCE = gone(Trouble.READ_TIMEOUT)


class Moved:
    """A job that its caller queued at one provider and that runs at the other."""

    def __init__(self, provider: str, *submitted: Step) -> None:
        way = QUEUED if provider == "fal" else CREATED
        self.world = World()
        answer, self.script = run(self.world, way.request, ERROR, *(submitted or way.served))
        assert isinstance(answer.reply, Reply)
        body = answer.reply.json()
        self.id: str = body["id"] if provider == "replicate" else body["request_id"]
        self.provider = provider

    def request(self, verb: str = "", method: str = "GET") -> Request:
        if self.provider == "fal":
            return get(f"{APP}/{self.id}{verb}", method=method)
        return get(f"/v1/predictions/{self.id}{verb}", API, method)

    def ask(self, verb: str, *steps: Step, method: str = "GET") -> tuple[Reply, Script]:
        answer, script = run(self.world, self.request(verb, method), *steps)
        assert isinstance(answer.reply, Reply)
        assert answer.report == Report("schnell", self.other, 1)
        return answer.reply, script

    @property
    def other(self) -> str:
        return "replicate" if self.provider == "fal" else "fal"

    def poll(self, *steps: Step) -> tuple[int, dict[str, Any]]:
        got, _ = self.ask("/status" if self.provider == "fal" else "", *steps)
        return got.status, got.json()

    def later(self, *steps: Step) -> tuple[int, dict[str, Any]]:
        """Poll after the answer of the last poll has grown old."""
        self.world.time += 1.5
        return self.poll(*steps)


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
        _, script = job.ask("/status", lambda _: quick)
        asked += len(script.sends)
        job.world.time += 0.1
    assert asked == 5


def test_an_owner_that_fails_is_not_asked_more_often() -> None:
    job = Moved("fal")
    asked = 0
    for _ in range(50):
        _, script = job.ask("/status", lambda _: gone(Trouble.CONNECT, 0.0))
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


# --- cancels -------------------------------------------------------------------------------------


def test_a_cancel_goes_to_where_the_job_runs_and_ends_it_for_the_caller() -> None:
    job = Moved("fal")
    got, script = job.ask("/cancel", R_CANCELED, method="PUT")
    assert (got.status, got.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    assert script.lines == [
        "find job",
        "send replicate/r1 POST /v1/predictions/rep0/cancel",
        "save job at replicate",
    ]
    assert job.poll()[1]["status"] == "COMPLETED"
    assert job.ask("")[0].status == 499
    job.world.memory.watches.clear()
    assert job.poll()[1]["status"] == "COMPLETED"
    assert job.ask("/status/stream")[0].body.count(b"COMPLETED") == 1


def test_a_replicate_callers_cancel_is_a_canceled_prediction() -> None:
    job = Moved("replicate")
    got, script = job.ask(
        "/cancel", reply(202, {"status": "CANCELLATION_REQUESTED"}), method="POST"
    )
    assert (got.status, got.json()["status"]) == (200, "canceled")
    assert script.sends == ["send fal/f1 PUT /fal-ai/flux/requests/fal0/cancel"]
    assert job.poll()[1]["status"] == "canceled"


def test_a_cancel_that_comes_too_late_finds_the_result() -> None:
    job = Moved("replicate")
    done = reply(400, {"status": "ALREADY_COMPLETED"})
    got, _ = job.ask("/cancel", done, F_COMPLETED, F_RESULT, method="POST")
    assert (got.json()["status"], got.json()["output"]) == ("succeeded", [PICTURE])
    other = Moved("fal")
    got, _ = other.ask("/cancel", R_DONE, method="PUT")
    assert (got.status, got.json()) == (400, {"status": "ALREADY_COMPLETED"})
    assert other.ask("")[0].json() == FAL_OUTPUT


def test_a_cancel_of_an_ended_job_asks_nobody() -> None:
    job = Moved("fal")
    job.poll(R_DONE)
    got, script = job.ask("/cancel", method="PUT")
    assert (got.status, got.json()) == (400, {"status": "ALREADY_COMPLETED"})
    assert script.lines == ["find job"]


def test_a_cancel_at_a_dead_owner_still_ends_the_job_for_the_caller() -> None:
    for bad in (SILENCE, ERROR, reply(404, {"detail": "Not found."})):
        job = Moved("fal")
        got, _ = job.ask("/cancel", bad, method="PUT")
        assert got.status == 202
        assert job.poll()[1]["status"] == "COMPLETED"
        (record,) = job.world.jobs.values()
        assert record.cancelled


# --- streams -------------------------------------------------------------------------------------


def test_a_status_stream_stays_open_until_the_job_ends() -> None:
    job = Moved("fal")
    got, script = job.ask("/status/stream", R_PROCESSING, R_PROCESSING, R_DONE)
    assert got.headers["content-type"].startswith("text/event-stream")
    data = json.loads(got.body.decode().removeprefix("data: "))
    assert data["status"] == "COMPLETED"
    assert script.lines.count("sleep") == 3


def test_a_stream_does_not_wait_for_ever() -> None:
    job = Moved("fal")
    got, _ = job.ask("/status/stream", lambda _: R_PROCESSING)
    assert b"IN_PROGRESS" in got.body
    assert 1600.0 <= job.world.time <= 1603.0


def test_an_output_stream_is_given_whole() -> None:
    world = World()
    request = replicate({"input": INPUT, "stream": True})
    answer, _ = run(world, request, ERROR, F_SUBMITTED)
    assert isinstance(answer.reply, Reply)
    body = answer.reply.json()
    address = f"{API}/v1/predictions/{body['id']}/stream"
    assert body["urls"]["stream"] == address
    streamed, _ = run(world, get(address.removeprefix(API), API), F_COMPLETED, F_RESULT)
    assert isinstance(streamed.reply, Reply)
    text = streamed.reply.body.decode()
    assert f"event: output\nid: 1700001001:0\ndata: {PICTURE}\n\n" in text
    assert text.endswith("event: done\nid: 1700001001:1\ndata: {}\n\n")


def test_a_failed_job_ends_its_stream_with_an_error() -> None:
    job = Moved("fal")
    got, _ = job.ask("/status/stream", r_failed("CUDA out of memory"))
    data = json.loads(got.body.decode().removeprefix("data: "))
    assert (data["status"], data["error"]) == ("COMPLETED", "CUDA out of memory")


# --- versions ------------------------------------------------------------------------------------

VERSIONED = f"/v1/models/{REPLICATE.slug}/versions/{VERSION}"
DESCRIBE = get(VERSIONED, API)


def test_a_version_is_described_by_its_owner() -> None:
    world = World()
    known = reply(200, {"id": VERSION})
    answer, script = run(world, DESCRIBE, known)
    assert answer.reply is known
    assert script.lines == ["forward unread"]
    assert world.memory.slug_of(VERSION) == REPLICATE.slug


def test_a_version_nobody_describes_stays_so_for_calls_we_had_no_part_in() -> None:
    for bad in (reply(404, {"detail": "no"}), SILENCE):
        answer, _ = run(World(), DESCRIBE, bad)
        assert answer.reply is bad


@pytest.mark.parametrize("slug", [REPLICATE.slug, "acme/unknown"])
def test_after_a_call_served_elsewhere_its_version_is_described(slug: str) -> None:
    world = World()
    world.memory.note_rerouted(VERSION)
    request = get(f"/v1/models/{slug}/versions/{VERSION}", API)
    for bad in (reply(503), SILENCE):
        answer, _ = run(world, request, bad)
        assert isinstance(answer.reply, Reply)
        body = answer.reply.json()
        assert (body["id"], body["cog_version"]) == (VERSION, "0.9.0")
        schemas = body["openapi_schema"]["components"]["schemas"]
        assert schemas == ({"Output": {"type": "array"}} if slug == REPLICATE.slug else {})
        assert answer.report is None


def test_the_tests_speak_of_the_endpoints_in_the_catalog() -> None:
    assert FAL.slug.startswith(APP.strip("/").removesuffix("/requests"))

"""Cancels, streams and versions of jobs, as the caller's SDK sees them."""

from __future__ import annotations

import json

import pytest
from fakes import PICTURE, REPLICATE, VERSION, World
from moved import ERROR, Moved
from script import run
from talk import (
    API,
    F_COMPLETED,
    F_RESULT,
    F_SUBMITTED,
    FAL_OUTPUT,
    INPUT,
    R_CANCELED,
    R_DONE,
    R_PROCESSING,
    get,
    gone,
    r_failed,
    replicate,
    reply,
)

from failover.core.types import Reply, Trouble

SILENCE = gone(Trouble.READ_TIMEOUT)


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


def test_a_cancel_at_an_owner_that_does_not_know_the_job_ends_it_for_the_caller() -> None:
    job = Moved("fal")
    got, _ = job.ask("/cancel", reply(404, {"detail": "Not found."}), method="PUT")
    assert got.status == 202
    assert job.poll()[1]["status"] == "COMPLETED"
    (record,) = job.world.jobs.values()
    assert record.cancelled


def test_a_cancel_that_nobody_heard_is_not_called_done() -> None:
    for bad in (SILENCE, ERROR, reply(429, {"detail": "slow down"})):
        job = Moved("fal")
        got, _ = job.ask("/cancel", bad, method="PUT")
        assert got.status == 500
        (record,) = job.world.jobs.values()
        assert not record.cancelled


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

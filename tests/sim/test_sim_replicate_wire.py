"""The simulated Replicate on the wire: codes, bodies and headers that the SDK does not show."""

from __future__ import annotations

import httpx
import pytest

from failover.sim import Pace

API = "https://api.replicate.com/v1"
SCHNELL = "black-forest-labs/flux-schnell"
MODEL = f"{API}/models/{SCHNELL}/predictions"
SDXL = "stability-ai/sdxl"
BODY = {"input": {"prompt": "a fox"}}


@pytest.fixture
def http(world):
    headers = {"authorization": f"Bearer {world.secrets['replicate'][0]}"}
    with httpx.Client(headers=headers, timeout=10) as client:
        yield client


def problem(reply):
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == reply.status_code
    return reply.json()


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer"])
def test_auth_schemes(world, scheme):
    headers = {"authorization": f"{scheme} {world.secrets['replicate'][1]}"}
    assert httpx.post(MODEL, json=BODY, headers=headers).status_code == 201


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer r8_wrong"}])
def test_unauthenticated(world, headers):
    reply = httpx.post(MODEL, json=BODY, headers=headers)
    assert (reply.status_code, problem(reply)["title"]) == (401, "Unauthenticated")
    assert len(world.replicate.violations) == 1


def test_async_reply(http):
    reply = http.post(MODEL, json=BODY)
    prediction = reply.json()
    assert reply.status_code == 201
    assert (prediction["status"], prediction["output"]) == ("starting", None)
    assert prediction["model"] == SCHNELL
    assert prediction["urls"]["get"] == f"{API}/predictions/{prediction['id']}"
    assert reply.headers["ratelimit-remaining"] == "599"
    polled = [http.get(prediction["urls"]["get"]).json()["status"] for _ in range(2)]
    assert polled == ["processing", "succeeded"]


def test_wait_satisfied_and_expired(world, http):
    done = http.post(MODEL, json=BODY, headers={"prefer": "wait"})
    assert (done.status_code, done.json()["status"]) == (201, "succeeded")
    assert done.headers["preference-applied"] == "wait"
    world.replicate.pace = Pace(running_seconds=60)
    held = http.post(MODEL, json=BODY, headers={"prefer": "wait=1"})
    assert (held.status_code, held.json()["status"]) == (202, "starting")


def test_odd_prefer_is_noted(world, http):
    assert http.post(MODEL, json=BODY, headers={"prefer": "wait=90"}).status_code == 201
    assert "Prefer" in world.replicate.violations[0]


@pytest.mark.parametrize(
    ("where", "word", "billed"), [("queued", "aborted", 0), ("running", "canceled", 1)]
)
def test_cancel_after(world, http, where, word, billed):
    world.replicate.job_hangs(where)
    prediction = http.post(MODEL, json=BODY, headers={"cancel-after": "1m30s"}).json()
    assert prediction["deadline"]
    http.get(prediction["urls"]["get"])
    world.clock.advance(91)
    assert http.get(prediction["urls"]["get"]).json()["status"] == word
    assert world.replicate.billed == billed


@pytest.mark.parametrize("value", ["2", "25h", "soon", ""])
def test_cancel_after_out_of_range(world, http, value):
    reply = http.post(MODEL, json=BODY, headers={"cancel-after": value})
    assert reply.status_code == (422 if value else 201)


@pytest.mark.parametrize(
    ("body", "field", "kind"),
    [
        ({"input": {}}, "input", "required"),
        ({}, "(root)", "required"),
        ({**BODY, "cancel_after": "30s"}, "(root)", "additional_property_not_allowed"),
        ({"input": {"prompt": "x", "num_outputs": 9}}, "input.num_outputs", "number_lte"),
        ({"input": {"prompt": "x", "aspect_ratio": "5:7"}}, "input.aspect_ratio", "enum"),
        ({"input": {"prompt": 7}}, "input.prompt", "invalid_type"),
        ({"input": {"prompt": "x", "x": 1}}, "input", "additional_property_not_allowed"),
        ({"input": {"prompt": "x", "seed": None}}, "input.seed", "invalid_type"),
        ({**BODY, "webhook": "http://plain.test"}, "webhook", "format"),
        ({**BODY, "webhook_events_filter": ["end"]}, "webhook_events_filter", "enum"),
    ],
)
def test_validation(world, http, body, field, kind):
    reply = http.post(MODEL, json=body)
    assert reply.status_code == 422
    (invalid,) = problem(reply)["invalid_fields"]
    assert (invalid["field"], invalid["type"]) == (field, kind)
    assert problem(reply)["detail"] == f"- {field}: {invalid['description']}\n"
    assert world.replicate.billed == 0
    assert world.replicate.violations


def test_which_route_runs_which_model(world, http):
    version = world.replicate.models.version_of(SDXL)
    by_version = f"{API}/predictions"

    def created(reference):
        return http.post(by_version, json={**BODY, "version": reference})

    for reference in (version, f"{SDXL}:{version}"):
        reply = created(reference)
        assert (reply.status_code, reply.json()["version"]) == (201, version)
    assert created(SCHNELL).json()["model"] == SCHNELL
    for reference in (SDXL, "0" * 64, f"{SCHNELL}:{version}", f"{SDXL}:latest"):
        assert problem(created(reference))["title"] == "Invalid version or not permitted"
    community = http.post(f"{API}/models/{SDXL}/predictions", json=BODY)
    assert problem(community)["detail"] == "The requested resource could not be found."
    assert http.post(by_version, json=BODY).status_code == 422


def test_unknown_prediction(http):
    assert http.get(f"{API}/predictions/nope").status_code == 404
    assert http.post(f"{API}/predictions/nope/cancel").status_code == 404


def test_cancel_of_a_finished_prediction_changes_nothing(world, http):
    prediction = http.post(MODEL, json=BODY, headers={"prefer": "wait"}).json()
    again = http.post(prediction["urls"]["cancel"]).json()
    assert (again["status"], again["output"]) == ("succeeded", prediction["output"])
    assert world.replicate.cancelled == 0


def test_cancel_of_a_running_prediction_is_billed(world, http):
    world.replicate.pace = Pace(running_seconds=60)
    prediction = http.post(MODEL, json=BODY).json()
    http.get(prediction["urls"]["get"])
    assert http.post(prediction["urls"]["cancel"]).json()["status"] == "canceled"
    assert (world.replicate.cancelled, world.replicate.billed) == (1, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cause": "infrastructure"}, "(code: PA)"),
        ({"cause": "input"}, "(E006)"),
        ({"cause": "policy"}, "(E005)"),
        ({"kind": "director"}, "Director: "),
        ({"kind": "oom"}, "CUDA out of memory"),
        ({"message": "ValueError: too wide"}, "ValueError: too wide"),
    ],
)
def test_failed_prediction(world, http, settings, words):
    world.replicate.job_fails(**settings)
    reply = http.post(MODEL, json=BODY, headers={"prefer": "wait"})
    assert (reply.status_code, reply.json()["status"]) == (201, "failed")
    assert words in reply.json()["error"]


def test_data_is_removed_after_an_hour(world, http):
    prediction = http.post(MODEL, json=BODY, headers={"prefer": "wait"}).json()
    world.clock.advance(3601)
    later = http.get(prediction["urls"]["get"]).json()
    assert (later["data_removed"], later["output"], later["input"]) == (True, None, {})


def test_stream_of_a_failed_prediction(world, http):
    world.replicate.job_fails("infrastructure")
    prediction = http.post(MODEL, json=BODY).json()
    text = http.get(prediction["urls"]["stream"]).text
    assert [line for line in text.splitlines() if line.startswith("event:")] == [
        "event: error",
        "event: done",
    ]
    assert '{"reason": "error"}' in text


def test_another_providers_file_cannot_be_read(http):
    body = {"prompt": "x", "input_image": "https://v3.fal.media/files/sim/none/x.png"}
    reply = http.post(
        f"{API}/models/black-forest-labs/flux-kontext-pro/predictions",
        json={"input": body},
        headers={"prefer": "wait"},
    )
    assert "404 Client Error" in reply.json()["error"]


def test_missing_output_file(http):
    assert http.get("https://replicate.delivery/xezq/none/out.png").status_code == 404

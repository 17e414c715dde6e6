"""The simulated fal on the wire: codes, bodies and headers that the SDK does not show."""

from __future__ import annotations

import base64
import json
import threading

import httpx
import pytest

from failover.sim import Pace, World

RUN, QUEUE = "https://fal.run", "https://queue.fal.run"
FLUX = "fal-ai/flux/dev"
PROMPT = {"prompt": "a fox"}


@pytest.fixture
def http(world):
    headers = {"authorization": f"Key {world.secrets['fal'][0]}"}
    with httpx.Client(headers=headers, timeout=10) as client:
        yield client


def submitted(http, **kwargs):
    return http.post(f"{QUEUE}/{FLUX}", json=PROMPT, **kwargs).json()


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        (None, "Cannot access application"),
        ("Bearer {key}", "invalid key credentials"),
        ("Key id:wrong", "invalid key credentials"),
    ],
)
def test_auth(world, authorization, detail):
    headers = {}
    if authorization:
        headers["authorization"] = authorization.format(key=world.secrets["fal"][0])
    reply = httpx.post(f"{RUN}/{FLUX}", json=PROMPT, headers=headers)
    assert reply.status_code == 401
    assert reply.json()["detail"].startswith(detail)
    assert world.fal.billed == 0
    assert len(world.fal.violations) == 1


def test_every_key_of_the_list_is_valid(world):
    for key in world.secrets["fal"]:
        reply = httpx.post(f"{RUN}/{FLUX}", json=PROMPT, headers={"authorization": f"Key {key}"})
        assert reply.status_code == 200


@pytest.mark.parametrize("host", [RUN, QUEUE])
@pytest.mark.parametrize(
    ("endpoint", "detail"),
    [
        ("nobody/nothing", 'Application "nobody/nothing" not found'),
        ("fal-ai/flux/nonsense", "Path /nonsense not found"),
    ],
)
def test_unknown_endpoint(world, http, host, endpoint, detail):
    reply = http.post(f"{host}/{endpoint}", json=PROMPT)
    assert (reply.status_code, reply.json()) == (404, {"detail": detail})
    assert world.fal.billed == 0


def test_get_of_an_endpoint_is_not_allowed(http):
    assert http.get(f"{RUN}/{FLUX}").status_code == 405


def test_submit_reply(http):
    reply = http.post(f"{QUEUE}/{FLUX}", json=PROMPT)
    body = reply.json()
    assert reply.headers["x-fal-request-id"] == body["request_id"]
    base = f"{QUEUE}/fal-ai/flux/requests/{body['request_id']}"
    assert body == {
        "status": "IN_QUEUE",
        "request_id": body["request_id"],
        "queue_position": 0,
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
    }


def test_status_codes_and_keys(world, http):
    world.fal.pace = Pace(queued_polls=1, running_polls=1)
    job = submitted(http)
    queued, running, done = (http.get(job["status_url"]) for _ in range(3))
    assert (queued.status_code, queued.json()["queue_position"]) == (202, 0)
    assert (running.status_code, running.json()["logs"]) == (202, None)
    assert (done.status_code, done.json()["status"]) == (200, "COMPLETED")
    assert "metrics" in done.json()


def test_result_before_done(http):
    job = submitted(http)
    reply = http.get(job["response_url"])
    assert (reply.status_code, reply.json()) == (400, {"detail": "Request is still in progress"})
    assert http.get(job["response_url"] + "/response").json()["images"]


def test_full_id_urls_are_not_allowed(http):
    job = submitted(http)
    url = f"{QUEUE}/{FLUX}/requests/{job['request_id']}"
    assert http.get(f"{url}/status").status_code == 405
    assert http.get(url).status_code == 405


def test_unknown_job(world, http):
    url = f"{QUEUE}/fal-ai/flux/requests/0000/status"
    bare = httpx.get(url)
    assert (bare.status_code, bare.json()) == (404, {"status": "NOT_FOUND"})
    assert http.get(url).status_code == 404
    wrong = httpx.get(url, headers={"authorization": "Key a:b"})
    assert wrong.status_code == 401
    assert http.put(f"{QUEUE}/fal-ai/flux/requests/0000/cancel").status_code == 404


def test_job_needs_its_own_app_and_a_key(http):
    job = submitted(http)
    assert http.get(job["status_url"].replace("/flux/", "/esrgan/")).status_code == 404
    assert httpx.get(job["status_url"]).status_code == 401


@pytest.mark.parametrize(
    ("pace", "polls", "status", "word", "billed"),
    [
        (Pace(queued_seconds=60), 0, 200, "OK", 0),
        (Pace(running_seconds=60), 1, 202, "CANCELLATION_REQUESTED", 1),
        (Pace(running_polls=0), 1, 400, "ALREADY_COMPLETED", 1),
    ],
)
def test_cancel(world, http, pace, polls, status, word, billed):
    world.fal.pace = pace
    job = submitted(http)
    for _ in range(polls):
        http.get(job["status_url"])
    reply = http.put(job["cancel_url"])
    assert (reply.status_code, reply.json()) == (status, {"status": word})
    assert http.get(job["status_url"]).json()["status"] == "COMPLETED"
    assert world.fal.billed == billed


def test_bad_input_of_a_queued_job_shows_in_its_result(world, http):
    job = http.post(f"{QUEUE}/{FLUX}", json={"promt": "a fox"}).json()
    world.fal.pace = Pace(running_polls=0)
    http.get(job["status_url"])
    assert http.get(job["status_url"]).json()["status"] == "COMPLETED"
    reply = http.get(job["response_url"])
    assert reply.status_code == 422
    assert {d["type"] for d in reply.json()["detail"]} == {"missing", "extra_forbidden"}
    assert reply.headers["x-fal-billable-units"] == "0"
    assert world.fal.billed == 0


def test_failed_job_tells_in_status_and_result(world, http):
    world.fal.job_fails("infrastructure", times=1)
    world.fal.job_fails("infrastructure", kind="gpu", times=1)
    told, untold = submitted(http), submitted(http)
    for _ in range(2):
        status, other = http.get(told["status_url"]).json(), http.get(untold["status_url"]).json()
    assert (status["status"], status["error_type"]) == ("COMPLETED", "runner_disconnected")
    assert "error" not in other
    result = http.get(told["response_url"])
    assert (result.status_code, result.headers["x-fal-error-type"]) == (503, "runner_disconnected")
    assert http.get(untold["response_url"]).json() == {"detail": "GPU error"}
    assert world.fal.billed == 0


def test_policy_refusal_of_a_job(world, http):
    world.fal.job_fails("policy")
    reply = http.post(f"{RUN}/{FLUX}", json=PROMPT)
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["type"] == "content_policy_violation"


def test_job_that_hangs_until_its_start_deadline(world, http):
    world.fal.job_hangs("queued")
    job = submitted(http, headers={"x-fal-request-timeout": "30"})
    assert http.get(job["status_url"]).json()["status"] == "IN_QUEUE"
    world.clock.advance(31)
    assert http.get(job["status_url"]).json()["status"] == "COMPLETED"
    result = http.get(job["response_url"])
    assert result.status_code == 504
    assert result.headers["x-fal-request-timeout-type"] == "user"
    assert world.fal.billed == 0


def test_status_stream(world, http):
    world.fal.pace = Pace(running_seconds=0.05)
    job = submitted(http)
    with http.stream("GET", job["status_url"] + "/stream") as reply:
        lines = [line for line in reply.iter_lines() if line]
    words = [json.loads(line.removeprefix("data: "))["status"] for line in lines]
    assert words == ["IN_PROGRESS", "COMPLETED"]


def test_queue_length_guard(world, http):
    world.fal.pace = Pace(queued_seconds=60)
    for _ in range(2):
        submitted(http)
    reply = http.post(f"{QUEUE}/{FLUX}?fal_max_queue_length=1", json=PROMPT)
    assert reply.status_code == 429
    assert world.fal.billed == 2


def test_concurrency_limit(world, http):
    world.fal.concurrency_limit = 1
    world.fal.pace = Pace(running_seconds=3600)
    first = threading.Thread(target=http.post, args=(f"{RUN}/{FLUX}",), kwargs={"json": PROMPT})
    first.start()
    while not world.fal.jobs.all():
        pass
    reply = http.post(f"{RUN}/{FLUX}", json=PROMPT)
    world.clock.advance(3600)
    first.join()
    assert reply.status_code == 429
    assert reply.json()["type"] == "concurrent_requests_limit"
    assert reply.headers["x-fal-needs-retry"] == "1"


def test_sync_mode_gives_data_uris(http):
    output = http.post(f"{RUN}/{FLUX}", json={**PROMPT, "sync_mode": True}).json()
    kind, _, data = output["images"][0]["url"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(data).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "url",
    ["https://v3.fal.media/files/sim/none/x.png", "https://api.replicate.com/v1/files/abc"],
)
def test_input_that_cannot_be_fetched(http, url):
    reply = http.post(f"{RUN}/fal-ai/esrgan", json={"image_url": url})
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["type"] == "file_download_error"


@pytest.mark.parametrize(
    ("size", "expected"),
    [("square", (512, 512)), ({"width": 640, "height": 384}, (640, 384))],
)
def test_size_is_obeyed(http, size, expected):
    image = http.post(f"{RUN}/{FLUX}", json={**PROMPT, "image_size": size}).json()["images"][0]
    assert (image["width"], image["height"]) == expected


def test_lenient_world_ignores_unknown_fields():
    with World(strict=False) as world:
        headers = {"authorization": f"Key {world.secrets['fal'][0]}"}
        reply = httpx.post(f"{RUN}/{FLUX}", json={**PROMPT, "new": 1}, headers=headers)
    assert reply.status_code == 200

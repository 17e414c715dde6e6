"""Each fault does on the wire what its name says, and is billed as it would be."""

from __future__ import annotations

import socket
import threading
import time

import httpx
import pytest
import requests

from failover.sim import Pace

RUN = "https://fal.run/fal-ai/flux/dev"
QUEUE = "https://queue.fal.run/fal-ai/flux/dev"
SCHNELL = "black-forest-labs/flux-schnell"
MODEL = f"https://api.replicate.com/v1/models/{SCHNELL}/predictions"
PROMPT = {"prompt": "a fox"}


@pytest.fixture
def fal(world):
    headers = {"authorization": f"Key {world.secrets['fal'][0]}"}
    with httpx.Client(headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def rep(world):
    headers = {"authorization": f"Bearer {world.secrets['replicate'][0]}"}
    with httpx.Client(headers=headers, timeout=10) as client:
        yield client


def run(client):
    return client.post(RUN, json=PROMPT)


FAL_ERRORS = [
    ({"kind": "locked"}, 403, "User is locked"),
    ({"kind": "balance"}, 403, "Exhausted balance"),
    ({"kind": "bad_key"}, 401, "invalid key credentials"),
    ({"kind": "rate"}, 429, "concurrent_requests_limit"),
    ({"kind": "policy"}, 422, "content_policy_violation"),
    ({"kind": "validation"}, 422, "Field required"),
    ({"kind": "downstream"}, 400, "downstream_service_error"),
    ({"kind": "gpu"}, 503, "GPU error"),
    ({"kind": "user_timeout"}, 504, "request_timeout"),
    ({"kind": "nginx"}, 502, "nginx"),
    ({"status": 500}, 500, "internal_error"),
    ({"status": 502}, 502, "runner_incomplete_response"),
    ({"status": 503}, 503, "runner_connection_error"),
    ({"status": 504}, 504, "request_timeout"),
    ({"status": 408}, 408, "Error 408"),
    ({"status": 500, "body": {"own": 1}}, 500, '"own"'),
    ({"status": 500, "body": "text"}, 500, "text"),
    ({"status": 503, "kind": "locked"}, 503, "User is locked"),
]
REPLICATE_ERRORS = [
    ({"kind": "rate"}, 429, '"retry_after":5'),
    ({"kind": "low_credit"}, 429, "burst of 1"),
    ({"kind": "balance"}, 402, "insufficient credit"),
    ({"kind": "bad_key"}, 401, "Unauthenticated"),
    ({"kind": "forbidden"}, 403, "permission"),
    ({"kind": "cloudflare"}, 403, "1010"),
    ({"kind": "version"}, 422, "Invalid version or not permitted"),
    ({"kind": "internal"}, 500, "Internal server error"),
    ({"status": 502}, 502, "<html>"),
    ({"status": 503}, 503, "<html>"),
    ({"status": 400}, 400, "Error 400"),
]


@pytest.mark.parametrize(("settings", "status", "words"), FAL_ERRORS)
def test_fal_errors(world, fal, settings, status, words):
    world.fal.fail(**settings, times=1)
    reply = run(fal)
    assert (reply.status_code, words in reply.text) == (status, True)
    assert (world.fal.billed, len(world.fal.submits)) == (0, 1)
    assert run(fal).status_code == 200


@pytest.mark.parametrize(("settings", "status", "words"), REPLICATE_ERRORS)
def test_replicate_errors(world, rep, settings, status, words):
    world.replicate.fail(**settings, times=1)
    reply = rep.post(MODEL, json={"input": PROMPT})
    assert (reply.status_code, words in reply.text) == (status, True)
    assert world.replicate.billed == 0
    assert rep.post(MODEL, json={"input": PROMPT}).status_code == 201


@pytest.mark.parametrize("provider", ["fal", "replicate"])
def test_unknown_error_names_are_refused(world, provider):
    simulated = world.providers[provider]
    with pytest.raises(ValueError, match="status or a kind"):
        simulated.fail()
    with pytest.raises(ValueError, match="no error named 'nonsense'"):
        simulated.fail(kind="nonsense")
    with pytest.raises(ValueError, match="no job error named 'nonsense'"):
        simulated.job_fails(kind="nonsense")


def test_fail_with_headers(world, fal):
    world.fal.fail(429, headers={"retry-after": "7"})
    assert run(fal).headers["retry-after"] == "7"


def test_fail_only_where_told(world, fal):
    world.fal.fail(500, on="poll")
    job = fal.post(QUEUE, json=PROMPT).json()
    assert fal.get(job["status_url"]).status_code == 500
    assert fal.put(job["cancel_url"]).status_code == 200
    world.fal.fail(500, on=("cancel", "result"))
    assert fal.put(job["cancel_url"]).status_code == 500
    assert fal.get(job["response_url"]).status_code == 500


def test_fail_only_for_one_key(world, fal):
    world.fal.fail(kind="locked", on="any", key=world.secrets["fal"][0])
    assert run(fal).status_code == 403
    other = {"authorization": f"Key {world.secrets['fal'][1]}"}
    assert fal.post(RUN, json=PROMPT, headers=other).status_code == 200


def test_fail_only_for_one_endpoint(world, rep):
    world.replicate.fail(503, endpoint=SCHNELL)
    by_name = {"version": SCHNELL, "input": PROMPT}
    assert rep.post(MODEL, json={"input": PROMPT}).status_code == 503
    assert rep.post("https://api.replicate.com/v1/predictions", json=by_name).status_code == 503
    assert rep.post(MODEL.replace("schnell", "dev"), json={"input": PROMPT}).status_code == 201


def test_gateway_failure_behind_which_the_job_runs(world, fal):
    world.fal.fail(502, processed=True)
    assert fal.post(QUEUE, json=PROMPT).status_code == 502
    assert world.fal.billed == 1


def test_hang_until_the_client_gives_up(world, fal):
    fault = world.fal.hang()
    with pytest.raises(httpx.ReadTimeout):
        fal.post(RUN, json=PROMPT, timeout=0.2)
    assert (fault.struck, world.fal.billed) == (1, 1)
    world.fal.heal()
    assert run(fal).status_code == 200


def test_hang_until_released(world, fal):
    fault = world.fal.hang()
    threading.Timer(0.1, fault.release).start()
    assert run(fal).status_code == 200


def test_hang_for_some_time(world, fal):
    world.fal.hang(30)
    threading.Timer(0.1, world.clock.advance, [31]).start()
    assert run(fal).status_code == 200


@pytest.mark.parametrize("at", ["headers", "body", 0, 1, 200])
@pytest.mark.parametrize("reset", [True, False])
def test_cut(world, fal, at, reset):
    world.fal.cut(at, reset=reset, times=1)
    with pytest.raises(httpx.TransportError):
        run(fal)
    assert (world.fal.billed, world.fal.requests[0].status) == (1, None)
    assert run(fal).status_code == 200


def test_cut_at_byte_is_exact(world):
    world.fal.cut(20, on="any")
    with socket.create_connection(("127.0.0.1", int(world.url.rpartition(":")[2]))) as sock:
        sock.sendall(b"GET /fal/queue/x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        received = b""
        while piece := sock.recv(100):
            received += piece
    assert received == b"HTTP/1.1 405 Method "


@pytest.mark.parametrize("processed", [True, False])
def test_reset(world, fal, processed):
    world.fal.reset(processed=processed, times=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        run(fal)
    assert world.fal.billed == processed
    world.fal.reset()
    with pytest.raises(requests.ConnectionError):
        requests.post(RUN, json=PROMPT, timeout=5)


def test_refuse(world, fal):
    assert run(fal).status_code == 200
    world.fal.refuse()
    for url in (RUN, QUEUE, "https://falrun.com/x"):
        with pytest.raises(httpx.ConnectError, match="refused"):
            fal.post(url, json=PROMPT)
    world.fal.heal()
    assert run(fal).status_code == 200
    world.fal.refuse(["fal.run"])
    with pytest.raises(httpx.ConnectError):
        run(fal)
    assert fal.post(QUEUE, json=PROMPT).status_code == 200


def test_dns_failure(world, fal, rep):
    world.fal.dns_failure()
    with pytest.raises(httpx.ConnectError, match="not simulated"):
        run(fal)
    assert rep.post(MODEL, json={"input": PROMPT}).status_code == 201


def test_bad_tls(world, fal):
    world.fal.bad_tls()
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        run(fal)
    world.heal()
    assert run(fal).status_code == 200


def test_network_trouble_reaches_the_plain_port(world):
    world.fal.refuse()
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{world.fal.url}/run/fal-ai/flux/dev", json=PROMPT)


def test_garbage(world, fal):
    world.fal.garbage(times=1)
    reply = run(fal)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    world.fal.garbage(b"\0\1\2", status=None, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        run(fal)
    assert world.fal.billed == 0


def test_slow(world, fal):
    whole = run(fal)
    world.fal.slow(len(whole.content) / 0.3)
    begin = time.monotonic()
    assert run(fal).json()["images"]
    assert time.monotonic() - begin > 0.25


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("empty", '"images":[]'),
        ("schemaless", '{"ok":true}'),
        ("null", "null"),
        ("not_json", "Sorry"),
        ("truncated", '{"has_nsfw'),
    ],
)
def test_lie(world, fal, what, seen):
    world.fal.lie(what)
    reply = run(fal)
    assert (reply.status_code, seen in reply.text) == (200, True)
    assert world.fal.billed == 1


def test_empty_prediction(world, rep):
    world.replicate.lie("empty")
    reply = rep.post(MODEL, json={"input": PROMPT}, headers={"prefer": "wait"})
    assert (reply.json()["status"], reply.json()["output"]) == ("succeeded", [])


@pytest.mark.parametrize("hidden", [True, False])
def test_hidden_failure(world, fal, hidden):
    world.fal.pace = Pace(running_polls=0)
    world.fal.job_fails(hidden=hidden)
    job = fal.post(QUEUE, json=PROMPT).json()
    assert ("error" in fal.get(job["status_url"]).json()) is not hidden
    assert fal.get(job["response_url"]).status_code == 503


def test_job_trouble_is_counted_and_chosen_by_endpoint(world, rep):
    world.replicate.job_fails(times=1, endpoint=SCHNELL)
    waiting = {"prefer": "wait"}
    statuses = [
        rep.post(url, json={"input": PROMPT}, headers=waiting).json()["status"]
        for url in (MODEL.replace("schnell", "dev"), MODEL, MODEL)
    ]
    assert statuses == ["succeeded", "failed", "succeeded"]
    assert world.replicate.billed == 2


def test_chaos_is_the_same_for_the_same_seed(world, fal):
    def history(seed):
        world.fal.heal()
        world.fal.forget()
        world.fal.chaos(seed, 0.5)
        for _ in range(20):
            try:
                run(fal)
            except httpx.TransportError:
                continue
        return [(e.fault, e.status) for e in world.fal.requests]

    first = history(1)
    assert first == history(1)
    assert first != history(2)
    assert {fault for fault, _ in first} >= {None, "status"}

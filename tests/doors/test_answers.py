"""A reply from elsewhere is used like any other reply of the caller's library."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
import requests

from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_URL,
    PROMPT,
    SERVED_ELSEWHERE,
    Door,
    Network,
    family_transport,
    requests_adapter,
)

if TYPE_CHECKING:
    from failover import Failover

ASKED: dict[str, Any] = {"json": PROMPT, "headers": FAL_AUTH}
BODY = json.dumps(SERVED_ELSEWHERE, separators=(",", ":")).encode()


def test_a_reply_of_httpx_has_all_its_sides(family: Door, fo: Failover) -> None:
    got = family.send(fo, Network({"fal.run": DOWN}), "POST", FAL_URL, **ASKED)
    response = got.response
    assert response.json() == SERVED_ELSEWHERE
    assert (response.text, response.content) == (BODY.decode(), BODY)
    assert response.headers["content-length"] == str(len(BODY))
    assert response.headers["content-type"] == "application/json"
    assert (response.http_version, response.reason_phrase) == ("HTTP/1.1", "OK")
    assert str(response.url) == FAL_URL
    assert response.request.method == "POST"
    assert response.elapsed.total_seconds() >= 0
    assert response.is_success
    assert response.is_closed
    assert response.raise_for_status() is response


def test_a_reply_of_httpx_is_streamed(family: Door, fo: Failover) -> None:
    transport = family_transport(family.lib, Network({"fal.run": DOWN}))
    ways = ("iter_raw", "iter_bytes", "iter_lines", "iter_text")
    got: list[Any] = []
    if family.backend is None:
        with family.lib.Client(transport=transport) as client:
            fo.wrap(client)
            for way in ways:
                with client.stream("POST", FAL_URL, **ASKED) as response:
                    got.append(list(getattr(response, way)()))
    else:

        async def main() -> None:
            async with family.lib.AsyncClient(transport=transport) as client:
                fo.wrap(client)
                for way in ways:
                    async with client.stream("POST", FAL_URL, **ASKED) as response:
                        pieces = getattr(response, f"a{way}")()
                        got.append([piece async for piece in pieces])

        family.run(main)
    assert got == [[BODY], [BODY], [BODY.decode()], [BODY.decode()]]


def test_a_reply_of_requests_has_all_its_sides(fo: Failover) -> None:
    network = Network({"fal.run": DOWN})
    with requests.Session() as session:
        session.mount("https://", requests_adapter(network))
        fo.wrap(session)
        response = session.post(FAL_URL, **ASKED)
        assert (response.json(), response.content) == (SERVED_ELSEWHERE, BODY)
        assert (response.ok, response.reason, response.url) == (True, "OK", FAL_URL)
        assert response.headers["content-type"] == "application/json"
        assert response.request.method == "POST"
        assert response.elapsed.total_seconds() >= 0
        for way in (
            lambda r: b"".join(r.iter_content(7)),
            lambda r: b"\n".join(r.iter_lines()),
            lambda r: r.raw.read(),
        ):
            with session.post(FAL_URL, stream=True, **ASKED) as streamed:
                assert way(streamed) == BODY


def test_a_caller_with_a_key_in_bytes_is_served_as_well(door: Door, fo: Failover) -> None:
    name: Any = "authorization" if door.name == "requests" else b"authorization"
    headers = {name: b"Key canary-in-bytes:1"}
    network = Network({"fal.run": DOWN})
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=headers)
    assert json.loads(got.body) == SERVED_ELSEWHERE


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("host", ["fal.run", "api.replicate.com"])
def test_a_cancelled_call_leaves_nothing_behind(fo: Failover, backend: str, host: str) -> None:
    network = Network({"fal.run": DOWN})
    transport = family_transport(httpx, network)
    request = httpx.Request("POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: Any) -> Any:
            if request.url.host == host:
                await anyio.sleep_forever()
            return await transport.handle_async_request(request)

    async def main() -> bool:
        async with httpx.AsyncClient(transport=Hanging()) as client:
            fo.wrap(client)
            with anyio.move_on_after(0.05) as scope:
                await client.send(request)
        return scope.cancelled_caught

    assert Door("httpx", backend).run(main) is True
    assert set(request.extensions) <= {"timeout"}


def test_a_hundred_calls_at_once(family: Door, fo: Failover) -> None:
    network = Network({"fal.run": DOWN})
    transport = family_transport(family.lib, network)
    got: list[Any] = []
    if family.backend is None:
        with family.lib.Client(transport=transport) as client:
            fo.wrap(client)

            async def threads() -> None:
                async def one() -> None:
                    got.append(await anyio.to_thread.run_sync(call))

                def call() -> Any:
                    return client.post(FAL_URL, **ASKED).json()

                async with anyio.create_task_group() as group:
                    for _ in range(100):
                        group.start_soon(one)

            anyio.run(threads)
    else:

        async def main() -> None:
            async with family.lib.AsyncClient(transport=transport) as client:
                fo.wrap(client)

                async def one() -> None:
                    got.append((await client.post(FAL_URL, **ASKED)).json())

                async with anyio.create_task_group() as group:
                    for _ in range(100):
                        group.start_soon(one)

        family.run(main)
    assert got == [SERVED_ELSEWHERE] * 100

"""`Failover.wrap()`: every client it names, once, below the SDK's own retries."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import fal_client
import httpx
import httpx2
import openai
import pytest
import replicate
import requests

from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_URL,
    MADE_BY_FAL,
    PROMPT,
    SERVED_ELSEWHERE,
    Canned,
    Door,
    Network,
    family_transport,
    requests_adapter,
)
from failover.httpx import AsyncFailoverTransport, FailoverTransport
from failover.requests import FailoverAdapter

if TYPE_CHECKING:
    from failover import Failover

REPLICATE_DOWN = {"api.replicate.com": DOWN}


def reach(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    """Lead the real transports of httpx and httpx2 to a network."""
    for lib in (httpx, httpx2):
        transport = family_transport(lib, network)

        def handle(self: Any, request: Any, transport: Any = transport) -> Any:
            return transport.handle_request(request)

        async def handle_async(self: Any, request: Any, transport: Any = transport) -> Any:
            return await transport.handle_async_request(request)

        monkeypatch.setattr(lib.HTTPTransport, "handle_request", handle)
        monkeypatch.setattr(lib.AsyncHTTPTransport, "handle_async_request", handle_async)


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_an_httpx_client(fo: Failover, lib: Any) -> None:
    network = Network({"fal.run": DOWN})
    with lib.Client(transport=family_transport(lib, network)) as client:
        assert fo.wrap(client) is client
        assert fo.wrap(client) is client
        assert client.post(FAL_URL, json=PROMPT, headers=FAL_AUTH).json() == SERVED_ELSEWHERE
    assert network.hosts == ["fal.run", "api.replicate.com"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("lib", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_an_asynchronous_httpx_client(fo: Failover, lib: Any, backend: str) -> None:
    network = Network({"fal.run": DOWN})

    async def main() -> Any:
        async with lib.AsyncClient(transport=family_transport(lib, network)) as client:
            assert fo.wrap(fo.wrap(client)) is client
            return (await client.post(FAL_URL, json=PROMPT, headers=FAL_AUTH)).json()

    assert Door(lib.__name__, backend).run(main) == SERVED_ELSEWHERE
    assert network.hosts == ["fal.run", "api.replicate.com"]


def test_a_subclass_of_a_client(fo: Failover) -> None:
    class Client(httpx.Client):
        """The user's own."""

    network = Network({"fal.run": DOWN})
    with Client(transport=family_transport(httpx, network)) as client:
        assert fo.wrap(client).post(FAL_URL, json=PROMPT).json() == SERVED_ELSEWHERE


def test_the_client_keeps_its_own_ways(fo: Failover) -> None:
    seen: list[str] = []
    network = Network({"fal.run": DOWN})
    hooks = {"request": [lambda request: seen.append(str(request.url))]}
    transport = family_transport(httpx, network)
    with httpx.Client(transport=transport, event_hooks=hooks, headers={"x-mine": "1"}) as client:  # type: ignore[arg-type]
        fo.wrap(client).post(FAL_URL, json=PROMPT)
    assert seen == [FAL_URL]
    assert network.seen[0].headers["x-mine"] == "1"
    assert "x-mine" not in network.seen[1].headers


def test_a_session(fo: Failover) -> None:
    network = Network({"fal.run": DOWN})
    with requests.Session() as session:
        session.mount("https://", requests_adapter(network))
        assert fo.wrap(fo.wrap(session)) is session
        assert session.post(FAL_URL, json=PROMPT, headers=FAL_AUTH).json() == SERVED_ELSEWHERE
        adapters = list(session.adapters.values())
        assert all(isinstance(adapter, FailoverAdapter) for adapter in adapters)
        assert not any(isinstance(adapter._adapter, FailoverAdapter) for adapter in adapters)
    assert network.hosts == ["fal.run", "api.replicate.com"]


def test_fal_client(fo: Failover, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({"fal.run": DOWN})
    reach(monkeypatch, network)
    client = fal_client.SyncClient(key="canary-mine:1")
    assert fo.wrap(fo.wrap(client)) is client
    assert client.run("acme/style", arguments=PROMPT) == SERVED_ELSEWHERE
    assert network.hosts == ["fal.run", "api.replicate.com"]
    assert type(client._client._transport) is FailoverTransport
    assert type(client._client._transport._inner) is not FailoverTransport


def test_fal_client_asynchronous(fo: Failover, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({"fal.run": DOWN})
    reach(monkeypatch, network)
    client = fal_client.AsyncClient(key="canary-mine:1")
    assert fo.wrap(fo.wrap(client)) is client

    async def main() -> list[Any]:
        return [await client.run("acme/style", arguments=PROMPT) for _ in range(2)]

    assert Door("httpx", "asyncio").run(main) == [SERVED_ELSEWHERE] * 2
    assert network.hosts[:2] == ["fal.run", "api.replicate.com"]


def test_replicate_below_its_own_retries(fo: Failover, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(REPLICATE_DOWN)
    reach(monkeypatch, network)
    client = replicate.Client(api_token="canary-mine")
    assert fo.wrap(fo.wrap(client)) is client
    output = client.run("acme/style", input=PROMPT, use_file_output=False)
    assert output == [MADE_BY_FAL["images"][0]["url"]]
    assert network.hosts.count("api.replicate.com") == 1
    retrying = client._client._transport
    assert type(retrying).__name__ == "RetryTransport"
    assert type(retrying._wrapped_transport) is FailoverTransport
    assert type(retrying._wrapped_transport._inner) is not FailoverTransport
    assert type(client._async_client._transport._wrapped_transport) is AsyncFailoverTransport


def test_replicate_asynchronous(fo: Failover, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(REPLICATE_DOWN)
    reach(monkeypatch, network)
    client = fo.wrap(replicate.Client(api_token="canary-mine"))

    async def main() -> Any:
        return await client.async_run("acme/style", input=PROMPT, use_file_output=False)

    assert Door("httpx", "asyncio").run(main) == [MADE_BY_FAL["images"][0]["url"]]
    assert network.hosts.count("api.replicate.com") == 1


@pytest.mark.parametrize("kind", [openai.OpenAI, openai.AsyncOpenAI])
def test_openai(fo: Failover, kind: Any) -> None:
    client = kind(api_key="canary-openai")
    assert fo.wrap(fo.wrap(client)) is client
    expected = "FailoverTransport" if kind is openai.OpenAI else "AsyncFailoverTransport"
    transport = client._client._transport  # of httpx or httpx2, as the SDK's version has it
    assert type(transport).__name__ == expected
    assert type(transport._inner).__name__ != expected


def test_openai_still_speaks_to_openai(fo: Failover, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b'{"created": 1, "data": [{"url": "https://example.org/a.png"}]}'
    network = Network({"api.openai.com": Canned(200, said)})
    reach(monkeypatch, network)
    client = fo.wrap(openai.OpenAI(api_key="canary-openai"))
    assert client.images.generate(prompt="p").data[0].url == "https://example.org/a.png"
    assert network.seen[0].headers["authorization"] == "Bearer canary-openai"


@pytest.mark.parametrize("thing", [object(), None, "client", httpx, httpx.Client, 7])
def test_anything_else_is_refused_with_what_is_known(fo: Failover, thing: Any) -> None:
    with pytest.raises(TypeError) as caught:
        fo.wrap(thing)
    for name in ("httpx", "httpx2", "requests.Session", "fal_client", "replicate.Client", "openai"):
        assert name in str(caught.value)


def test_wrap_imports_no_library_that_is_not_there() -> None:
    code = """
import sys, requests, failover
failover.Failover(fal='a:b').wrap(requests.Session())
print(sorted({'httpx', 'httpx2', 'fal_client', 'replicate', 'openai'} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_wrapping_leaves_other_clients_alone(fo: Failover) -> None:
    with httpx.Client() as one, httpx.Client() as other:
        before = other._transport
        fo.wrap(one)
        assert other._transport is before

"""X-02, F-45: a hop uses the proxy that the environment names for its own host."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import requests

import failover
import failover.httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from failover.sim import World

URL = "https://fal.run/fal-ai/flux/schnell"
PROMPT = {"prompt": "a lighthouse"}


class Proxy:
    """A proxy that tunnels to the simulated providers and remembers for whom."""

    def __init__(self, world: World) -> None:
        self.seen: list[str] = []
        self._world = world
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._threads.append(threading.Thread(target=self._tunnel, args=(client,)))
                self._threads[-1].start()

    def _tunnel(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            host, _, port = head.split(b" ")[1].decode().partition(":")
            self.seen.append(host)
            inner = self._world.port_for(host, int(port))
            assert inner is not None
            with socket.create_connection(("127.0.0.1", inner)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_copy, args=(server, client))
                back.start()
                _copy(client, server)
                back.join(5)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    made = Proxy(world)
    yield made
    made.close()


def _headers(world: World) -> dict[str, str]:
    return {"authorization": f"Key {world.secrets['fal'][0]}"}


def _installed_httpx(world: World) -> Any:
    with failover.installed(), httpx.Client() as client:
        return client.post(URL, json=PROMPT, headers=_headers(world))


def _installed_httpx2(world: World) -> Any:
    with failover.installed(), httpx2.Client() as client:
        return client.post(URL, json=PROMPT, headers=_headers(world))


def _installed_async(world: World) -> Any:
    async def call() -> Any:
        async with httpx.AsyncClient() as client:
            return await client.post(URL, json=PROMPT, headers=_headers(world))

    with failover.installed():
        return asyncio.run(call())


def _wrapped(world: World) -> Any:
    with failover.Failover().wrap(httpx.Client()) as client:
        return client.post(URL, json=PROMPT, headers=_headers(world))


def _explicit(world: World) -> Any:
    transport = failover.httpx.FailoverTransport(failover.Failover())
    with httpx.Client(transport=transport) as client:
        return client.post(URL, json=PROMPT, headers=_headers(world))


def _requests(world: World) -> Any:
    with failover.installed(), requests.Session() as session:
        return session.post(URL, json=PROMPT, headers=_headers(world), timeout=10)


CALLERS = [_installed_httpx, _installed_httpx2, _installed_async, _wrapped, _explicit, _requests]


@pytest.mark.parametrize("call", CALLERS)
@pytest.mark.parametrize(
    ("direct", "proxied"),
    [
        ("fal.run", {"api.replicate.com"}),
        ("api.replicate.com", {"fal.run"}),
        ("nobody.test", {"fal.run", "api.replicate.com"}),
    ],
)
def test_f45_x02_each_host_is_reached_as_the_environment_says(
    world: World,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[World], Any],
    direct: str,
    proxied: set[str],
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", direct)
    world.fal.fail(status=503)
    response = call(world)
    assert response.status_code == 200, response.text
    assert "provider=replicate" in response.headers["x-failover"]
    assert set(proxy.seen) == proxied
    assert world.leaks() == []

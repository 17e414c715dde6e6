"""No leak and no change in how clients live and die (F-41, F-42)."""

from __future__ import annotations

import gc
import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests

import failover
from doors.local_server import LocalServer, serving
from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_URL,
    PROMPT,
    SERVED_ELSEWHERE,
    Door,
    Network,
    family_transport,
    make,
    requests_adapter,
)
from failover import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover import Failover

FAILOVERS = 200
HASTY = Policy(cooldown=0.0001, max_cooldown=0.0001)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A real server for both providers."""
    with serving() as running:
        yield running


def test_f41_failovers_leak_no_connection(family: Door, server: LocalServer) -> None:
    fo = make(policy=HASTY, base_urls=server.base_urls)
    url, lib = f"{server.address}/fal/acme/style", family.lib
    limits = {"limits": lib.Limits(max_connections=1), "timeout": lib.Timeout(5.0, pool=1.0)}
    bodies: list[Any] = []
    if family.backend is None:
        with lib.Client(**limits) as client:
            fo.wrap(client)
            bodies += [client.post(url, json=PROMPT).json() for _ in range(FAILOVERS)]
    else:

        async def main() -> None:
            async with lib.AsyncClient(**limits) as client:
                fo.wrap(client)
                for _ in range(FAILOVERS):
                    bodies.append((await client.post(url, json=PROMPT)).json())

        family.run(main)
    gc.collect()
    assert bodies == [SERVED_ELSEWHERE] * FAILOVERS
    assert server.asked.count("/fal/acme/style") > FAILOVERS // 2
    assert server.accepted == 1


def test_f41_failovers_leak_no_connection_of_a_session(server: LocalServer) -> None:
    fo = make(policy=HASTY, base_urls=server.base_urls)
    with requests.Session() as session:
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1, pool_block=True)
        session.mount("http://", adapter)
        fo.wrap(session)
        url = f"{server.address}/fal/acme/style"
        bodies = [session.post(url, json=PROMPT, timeout=5).json() for _ in range(FAILOVERS)]
    gc.collect()
    assert bodies == [SERVED_ELSEWHERE] * FAILOVERS
    assert server.accepted == 1


def test_f41_surfaced_failures_leak_no_connection(server: LocalServer) -> None:
    fo = make(replicate=None, base_urls=server.base_urls)
    with httpx.Client(limits=httpx.Limits(max_connections=1), timeout=5) as client:
        fo.wrap(client)
        for _ in range(20):
            with client.stream("POST", f"{server.address}/fal/acme/style", json={}) as answer:
                assert answer.status_code == 503
    assert server.accepted == 1


def test_f42_a_transport_opens_and_closes_what_is_inside(family: Door, fo: Failover) -> None:
    lib, calls = family.lib, []

    class Inner(lib.BaseTransport, lib.AsyncBaseTransport):  # type: ignore[misc]
        def __enter__(self) -> Any:
            calls.append("enter")
            return self

        def __exit__(self, *exc: object) -> None:
            calls.append("exit")

        def close(self) -> None:
            calls.append("close")

        async def __aenter__(self) -> Any:
            calls.append("enter")
            return self

        async def __aexit__(self, *exc: object) -> None:
            calls.append("exit")

        async def aclose(self) -> None:
            calls.append("close")

    if family.backend is None:
        with lib.Client(transport=family.front.FailoverTransport(fo, Inner())):
            assert calls == ["enter"]
        lib.Client(transport=family.front.FailoverTransport(fo, Inner())).close()
    else:

        async def main() -> None:
            door = family.front.AsyncFailoverTransport
            async with lib.AsyncClient(transport=door(fo, Inner())):
                assert calls == ["enter"]
            await lib.AsyncClient(transport=door(fo, Inner())).aclose()

        family.run(main)
    assert calls == ["enter", "exit", "close"]


def test_f42_our_transports_are_the_librarys_own_kind(family: Door, fo: Failover) -> None:
    front = family.front
    assert isinstance(front.FailoverTransport(fo), family.lib.BaseTransport)
    assert isinstance(front.AsyncFailoverTransport(fo), family.lib.AsyncBaseTransport)
    assert front.FailoverTransport.__module__ == f"failover.{family.name}"


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_f42_mounts_keep_their_transports(name: str, fo: Failover) -> None:
    network, other = Network(), Network()
    lib = Door(name, None).lib
    mounts = {"https://fal.run": family_transport(lib, other), "all://none.invalid": None}
    with lib.Client(transport=family_transport(lib, network), mounts=mounts) as client:
        fo.wrap(client)
        client.post(FAL_URL, json=PROMPT)
        client.post("https://example.org")
    assert (other.hosts, network.hosts) == (["fal.run"], ["example.org"])


def test_f42_an_installed_session_is_pickled_as_ever() -> None:
    with failover.installed(make()), requests.Session() as session:
        session.headers["x-mine"] = "1"
        again = pickle.loads(pickle.dumps(session))
        assert again.headers["x-mine"] == "1"
        assert type(again.get_adapter("https://fal.run")) is requests.adapters.HTTPAdapter
        again.close()


def test_f42_a_session_with_our_adapter_closes_the_inner_one(fo: Failover) -> None:
    closed: list[str] = []

    class Inner(requests.adapters.BaseAdapter):
        def close(self) -> None:
            closed.append("closed")

    with requests.Session() as session:
        session.mount("https://", failover.requests.FailoverAdapter(fo, Inner()))
    assert closed == ["closed"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_f42_a_child_process_goes_on(fo: Failover) -> None:
    network = Network({"fal.run": DOWN})
    with requests.Session() as session:
        session.mount("https://", requests_adapter(network))
        fo.wrap(session)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:  # pragma: no cover - runs in the child
            try:
                body = session.post(FAL_URL, json=PROMPT, headers=FAL_AUTH).content
                os.write(write, body)
            finally:
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read, "rb") as pipe:
            said = pipe.read()
    assert json.loads(said) == SERVED_ELSEWHERE

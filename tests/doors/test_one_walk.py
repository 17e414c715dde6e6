"""F-44, X-01: however many of our layers a request meets, there is one walk."""

from __future__ import annotations

import json
from typing import Any

import fal_client.client
import httpx
import pytest
import requests

import failover
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
from failover.events import CallFinished, Event

BOTH_DOWN = {"fal.run": DOWN, "api.replicate.com": DOWN}


def finished(events: list[Event]) -> int:
    """How many walks there were."""
    return sum(isinstance(event, CallFinished) for event in events)


def test_f44_a_wrapped_client_in_a_wrapped_client(door: Door) -> None:
    events: list[Event] = []
    fo, network = make(on_event=events.append), Network(BOTH_DOWN)
    got = door.send(fo, network, "POST", FAL_URL, depth=3, json=PROMPT, headers=FAL_AUTH)
    assert got.status == 503
    assert network.hosts == ["fal.run", "api.replicate.com"]
    assert finished(events) == 1


def test_f44_two_settings_behind_one_another_are_one_walk(door: Door) -> None:
    outer, inner = [], []  # type: ignore[var-annotated]
    fo, network = make(on_event=outer.append), Network(BOTH_DOWN)
    other = make(on_event=inner.append)
    if door.name == "requests":
        adapter = door.front.FailoverAdapter(other, requests_adapter(network))
        with requests.Session() as session:
            session.mount("https://", door.front.FailoverAdapter(fo, adapter))
            session.post(FAL_URL, json=PROMPT, headers=FAL_AUTH)
    elif door.backend is None:
        transport = door.front.FailoverTransport(other, family_transport(door.lib, network))
        with door.lib.Client(transport=door.front.FailoverTransport(fo, transport)) as client:
            client.post(FAL_URL, json=PROMPT, headers=FAL_AUTH)
    else:
        kind = door.front.AsyncFailoverTransport
        transport = kind(fo, kind(other, family_transport(door.lib, network)))

        async def main() -> None:
            async with door.lib.AsyncClient(transport=transport) as client:
                await client.post(FAL_URL, json=PROMPT, headers=FAL_AUTH)

        door.run(main)
    assert network.hosts == ["fal.run", "api.replicate.com"]
    assert (finished(outer), finished(inner)) == (1, 0)


def reach(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    """Lead the real transports' own connections to a network, below every layer of ours."""
    transport = family_transport(httpx, network)

    def handle(self: Any, request: Any) -> Any:
        return transport.handle_request(request)

    async def handle_async(self: Any, request: Any) -> Any:
        return await transport.handle_async_request(request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_async)
    adapter = requests_adapter(network)
    monkeypatch.setattr(
        requests.adapters.HTTPAdapter, "send", lambda self, *args, **kw: adapter.send(*args, **kw)
    )


def test_f44_installed_twice_and_wrapped_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    network = Network(BOTH_DOWN)
    reach(monkeypatch, network)
    fo = failover.install(make(on_event=events.append))
    failover.install(fo)
    with httpx.Client() as client:
        fo.wrap(client)
        fo.wrap(client)
        assert client.post(FAL_URL, json=PROMPT, headers=FAL_AUTH).status_code == 503
    assert network.hosts == ["fal.run", "api.replicate.com"]
    assert finished(events) == 1


def test_f44_an_installed_session_that_is_wrapped_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    network = Network(BOTH_DOWN)
    reach(monkeypatch, network)
    fo = failover.install(make(on_event=events.append))
    with requests.Session() as session:
        fo.wrap(session)
        assert session.post(FAL_URL, json=PROMPT, headers=FAL_AUTH).status_code == 503
    assert network.hosts == ["fal.run", "api.replicate.com"]
    assert finished(events) == 1


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "wrapped"])
def test_x01_the_sdks_backup_transport_is_one_walk(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    events: list[Event] = []
    network = Network({"fal.run": httpx.ConnectError, "falrun.com": httpx.ConnectError})
    reach(monkeypatch, network)
    fo = make(on_event=events.append)
    client = fal_client.SyncClient(key="canary-mine:1")
    if installed:
        failover.install(fo)
    else:
        fo.wrap(client)
    assert client.run("acme/style", arguments=PROMPT) == SERVED_ELSEWHERE
    assert finished(events) == 1
    assert network.to("api.replicate.com")
    assert len(network.to("api.replicate.com")) == 1


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "wrapped"])
def test_x01_the_backup_host_of_a_call_that_failed_everywhere_is_not_another_walk(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    network = Network(
        {
            "fal.run": httpx.ConnectError,
            "falrun.com": httpx.ConnectError,
            "api.replicate.com": DOWN,
        }
    )
    reach(monkeypatch, network)
    fo = make()
    transport = fal_client.client.BackupDomainTransport()
    with httpx.Client(transport=transport) as client:
        if installed:
            failover.install(fo)
        else:
            fo.wrap(client)
        with pytest.raises(httpx.ConnectError):
            client.post(FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert len(network.to("api.replicate.com")) == 1


def test_x01_the_asynchronous_backup_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({"fal.run": httpx.ConnectError, "falrun.com": httpx.ConnectError})
    reach(monkeypatch, network)
    failover.install(make())

    async def main() -> Any:
        return await fal_client.AsyncClient(key="canary-mine:1").run("acme/style", arguments=PROMPT)

    assert Door("httpx", "asyncio").run(main) == SERVED_ELSEWHERE
    assert len(network.to("api.replicate.com")) == 1


def test_x01_backup_hosts_are_watched(door: Door) -> None:
    network = Network({"falrun.com": DOWN})
    url = FAL_URL.replace("fal.run", "falrun.com")
    got = door.send(make(), network, "POST", url, json=PROMPT, headers=FAL_AUTH)
    assert json.loads(got.body) == SERVED_ELSEWHERE


def test_an_sdk_that_sends_again_does_not_start_a_second_walk(door: Door) -> None:
    fo, network = make(), Network(BOTH_DOWN)
    for _ in range(4):
        got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
        assert got.status == 503
    if door.backend is None:  # each blocking call comes from one thread; each run is a new task
        assert len(network.to("api.replicate.com")) == 1

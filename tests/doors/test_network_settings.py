"""F-45, X-02: a hop keeps the caller's network: proxies, certificates, limits and time."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
import requests

from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_URL,
    PROMPT,
    Door,
    Network,
    family_transport,
    make,
    requests_adapter,
)
from failover import _transports

OPTIONS: dict[str, Any] = {"verify": "/own/ca.pem", "cert": ("/own/a.pem", "/own/a.key")}


def hop(**asked: Any) -> Any:
    """What the adapter is given for the hop of a session's call."""
    network = Network({"fal.run": DOWN})
    with requests.Session() as session:
        session.mount("https://", requests_adapter(network))
        make().wrap(session)
        session.post(FAL_URL, json=PROMPT, headers=FAL_AUTH, **asked)
    return network.to("api.replicate.com")[0].options


def test_f45_a_hop_uses_the_callers_certificates() -> None:
    options = hop(**OPTIONS)
    assert options["verify"] == "/own/ca.pem"
    assert options["cert"] is None  # a client certificate is a credential for the first host


def test_f45_a_hop_never_turns_verification_off() -> None:
    assert hop(verify=False)["verify"] is True


def test_f45_a_hop_uses_the_callers_own_proxy() -> None:
    proxies = {"https": "http://own.proxy:1"}
    assert hop(proxies=proxies)["proxies"]["https"] == proxies["https"]


def test_f45_a_hop_chooses_the_environments_proxy_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://env.proxy:1")
    assert hop()["proxies"]["https"] == "http://env.proxy:1"
    monkeypatch.setenv("NO_PROXY", "api.replicate.com")
    assert not (hop()["proxies"] or {}).get("https")
    monkeypatch.setenv("NO_PROXY", "fal.run")
    assert hop()["proxies"]["https"] == "http://env.proxy:1"


def test_f45_a_hop_of_httpx_goes_through_the_callers_own_transport(family: Door) -> None:
    network = Network({"fal.run": DOWN})
    family.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert network.hosts == ["fal.run", "api.replicate.com"]


@pytest.mark.parametrize("timeout", [1.0, 5.0])
def test_f45_every_hop_has_a_time_limit(door: Door, timeout: float) -> None:
    network = Network({"fal.run": DOWN})
    asked = {"json": PROMPT, "headers": FAL_AUTH, "timeout": timeout}
    door.send(make(), network, "POST", FAL_URL, **asked)
    given = network.to("api.replicate.com")[0].options["timeout"]
    seconds = list(given.values()) if isinstance(given, dict) else list(given)
    assert all(0 < limit <= timeout for limit in seconds)


def test_f45_the_walk_ends_with_the_callers_timeout(door: Door) -> None:
    fo = make()

    class Slow(Network):
        def reach(self, seen: Any) -> Any:
            time.sleep(0.3)
            return super().reach(seen)

    network = Slow({"fal.run": DOWN, "api.replicate.com": DOWN})
    start = time.monotonic()
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH, timeout=0.25)
    assert got.status == 503
    assert time.monotonic() - start < 1.0
    assert network.hosts == ["fal.run"]


def test_a_hop_has_a_limit_even_where_the_caller_has_none(door: Door) -> None:
    network = Network({"fal.run": DOWN})
    door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH, timeout=None)
    given = network.to("api.replicate.com")[0].options["timeout"]
    seconds = list(given.values()) if isinstance(given, dict) else list(given)
    assert all(limit and limit <= 60 for limit in seconds)


@pytest.mark.parametrize(
    ("url", "no_proxy", "expected"),
    [
        ("https://fal.run/a", "", "http://secure.proxy:1"),
        ("http://fal.run/a", "", "http://plain.proxy:1"),
        ("https://fal.run/a", "fal.run", None),
        ("https://fal.run/a", "other.host", "http://secure.proxy:1"),
        ("https://fal.run/a", "*", None),
    ],
)
def test_x02_a_transport_without_an_inner_one_honours_the_environment(
    monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, expected: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.proxy:1")
    monkeypatch.setenv("HTTP_PROXY", "http://plain.proxy:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert _transports.proxy_for(httpx.URL(url)) == expected


def test_x02_a_proxy_without_scheme_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "proxy.internal:8080")
    assert _transports.proxy_for(httpx.URL("https://fal.run")) == "http://proxy.internal:8080"


def test_x02_the_environments_proxy_carries_the_call(
    family: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, made = Network(), []
    lib = family.lib

    def transport(*, proxy: str | None = None) -> Any:
        made.append(proxy)
        return family_transport(lib, network)

    kind = "HTTPTransport" if family.backend is None else "AsyncHTTPTransport"
    monkeypatch.setattr(lib, kind, transport)
    monkeypatch.setenv("HTTPS_PROXY", "http://env.proxy:1")
    if family.backend is None:
        with lib.Client(transport=family.front.FailoverTransport(make())) as client:
            client.post(FAL_URL, json=PROMPT)
            client.post(FAL_URL, json=PROMPT)
    else:
        door = family.front.AsyncFailoverTransport

        async def main() -> None:
            async with lib.AsyncClient(transport=door(make())) as client:
                await client.post(FAL_URL, json=PROMPT)
                await client.post(FAL_URL, json=PROMPT)

        family.run(main)
    assert made == ["http://env.proxy:1"]
    assert network.hosts == ["fal.run"] * 2

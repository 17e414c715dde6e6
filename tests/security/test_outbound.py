"""S1, S2, S4, S11, F-46: what leaves for another provider is built from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
from doors.stage import (
    DOWN,
    FAL_KEY,
    FAL_URL,
    PROMPT,
    QUEUE_URL,
    REPLICATE_KEY,
    REPLICATE_URL,
    Door,
    Network,
    Seen,
    family_transport,
    make,
    requests_adapter,
)

from failover import ConfigurationError, Failover

if TYPE_CHECKING:
    from pathlib import Path

HOME = {"fal": "fal.run", "queue": "queue.fal.run", "replicate": "api.replicate.com"}
MINE = "canary-of-the-caller"
CANARIES = {
    "authorization": f"Key {MINE}-authorization",
    "proxy-authorization": f"Basic {MINE}-proxy",
    "cookie": f"session={MINE}-cookie",
    "x-api-key": f"{MINE}-x-api-key",
    "api-key": f"{MINE}-api-key",
    "x-key": f"{MINE}-x-key",
    "xi-api-key": f"{MINE}-xi",
    "x-goog-api-key": f"{MINE}-goog",
    "x-internal-token": f"{MINE}-internal",
    "x-fal-runner-hint": f"{MINE}-hint",
    "x-app-fal-anything": f"{MINE}-app",
    "openai-organization": f"{MINE}-organization",
    "openai-project": f"{MINE}-project",
    "x-stainless-lang": f"{MINE}-stainless",
    "x-amz-security-token": f"{MINE}-amz",
    "idempotency-key": f"{MINE}-idempotency",
    "x-idempotency-key": f"{MINE}-x-idempotency",
    "referer": f"https://{MINE}.example",
    "origin": f"https://{MINE}.example",
    "user-agent": f"{MINE}-agent",
    "traceparent": f"{MINE}-trace",
}
ALLOWED = {
    "host",
    "accept",
    "accept-encoding",
    "user-agent",
    "content-type",
    "content-length",
    "authorization",
    "x-app-fal-disable-fallback",
    "x-fal-no-retry",
    "x-fal-request-timeout",
    "cancel-after",
}
CALLS = [
    pytest.param("fal", FAL_URL, PROMPT, id="fal"),
    pytest.param("queue", QUEUE_URL, PROMPT, id="fal-queue"),
    pytest.param("replicate", REPLICATE_URL, {"input": PROMPT}, id="replicate"),
]


def hops(door: Door, caller: str, url: str, body: Any, **asked: Any) -> list[Seen]:
    """The requests that reached the other provider."""
    network = Network({HOME[caller]: DOWN})
    door.send(make(), network, "POST", url, json=body, headers=dict(CANARIES), **asked)
    other = "queue.fal.run" if caller == "replicate" else "api.replicate.com"
    found = network.to(other)
    assert found
    return found


def as_bytes(seen: Seen) -> bytes:
    """A whole request."""
    head = f"{seen.method} {seen.url}\n" + "\n".join(f"{k}: {v}" for k, v in seen.headers.items())
    return head.encode() + b"\n\n" + seen.body


@pytest.mark.parametrize(("caller", "url", "body"), CALLS)
def test_s1_no_secret_of_another_leaves(door: Door, caller: str, url: str, body: Any) -> None:
    own, others = (FAL_KEY, REPLICATE_KEY) if caller == "replicate" else (REPLICATE_KEY, FAL_KEY)
    for seen in hops(door, caller, f"{url}?token={MINE}-query", body):
        raw = as_bytes(seen)
        assert others.encode() not in raw
        assert MINE.encode() not in raw
        assert raw.count(own.encode()) == 1
        assert own in seen.headers["authorization"]


@pytest.mark.parametrize(("caller", "url", "body"), CALLS)
def test_s2_only_headers_of_the_allow_list_leave(
    door: Door, caller: str, url: str, body: Any
) -> None:
    for seen in hops(door, caller, url, body):
        assert set(seen.headers) <= ALLOWED


def test_s1_the_callers_own_request_goes_out_as_it_is(door: Door) -> None:
    network = Network()
    door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=dict(CANARIES))
    sent = network.seen[0].headers
    assert {name: sent[name] for name in CANARIES} == CANARIES


def test_f46_the_session_gives_nothing_away() -> None:
    network = Network({"fal.run": DOWN})
    with requests.Session() as session:
        session.auth = (f"{MINE}-user", f"{MINE}-password")
        session.headers["x-internal-token"] = f"{MINE}-internal"
        session.cookies.set("domainless", f"{MINE}-cookie")
        session.params = {"secret": f"{MINE}-param"}
        session.cert = f"/{MINE}.pem"
        session.mount("https://", requests_adapter(network))
        make().wrap(session).post(FAL_URL, json=PROMPT)
    hop = network.to("api.replicate.com")[0]
    assert MINE.encode() not in as_bytes(hop)
    assert MINE not in repr(hop.options)
    assert hop.headers["authorization"] == f"Bearer {REPLICATE_KEY}"


def test_f46_the_client_gives_nothing_away(family: Door) -> None:
    if family.backend is not None:
        transport = family_transport(family.lib, network := Network({"fal.run": DOWN}))

        async def main() -> None:
            async with family.lib.AsyncClient(transport=transport, **_personal()) as client:
                await make().wrap(client).post(FAL_URL, json=PROMPT)

        family.run(main)
    else:
        transport = family_transport(family.lib, network := Network({"fal.run": DOWN}))
        with family.lib.Client(transport=transport, **_personal()) as client:
            make().wrap(client).post(FAL_URL, json=PROMPT)
    assert MINE.encode() in as_bytes(network.seen[0])
    assert MINE.encode() not in as_bytes(network.seen[1])
    assert set(network.seen[1].headers) <= ALLOWED


def _personal() -> dict[str, Any]:
    return {
        "auth": (f"{MINE}-user", f"{MINE}-password"),
        "headers": {"x-internal-token": f"{MINE}-internal"},
        "cookies": {"domainless": f"{MINE}-cookie"},
        "params": {"secret": f"{MINE}-param"},
    }


@pytest.mark.parametrize("kind", ["requests", "httpx"])
def test_s11_netrc_is_not_read_for_a_hop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text(
        "".join(
            f"machine {host} login {MINE} password {MINE}\n"
            for host in ("api.replicate.com", "queue.fal.run")
        )
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    network = Network({"fal.run": DOWN})
    if kind == "requests":
        with requests.Session() as session:
            session.mount("https://", requests_adapter(network))
            make().wrap(session).post(FAL_URL, json=PROMPT)
    else:
        transport = family_transport(httpx, network)
        with httpx.Client(transport=transport, auth=httpx.NetRCAuth()) as client:
            make().wrap(client).post(FAL_URL, json=PROMPT)
    hop = network.to("api.replicate.com")[0]
    assert hop.headers["authorization"] == f"Bearer {REPLICATE_KEY}"


def test_s4_a_missing_key_affects_one_provider(door: Door) -> None:
    network = Network({"api.replicate.com": DOWN})
    fo = make(replicate=None)
    got = door.send(fo, network, "POST", REPLICATE_URL, json={"input": PROMPT})
    assert got.status == 201
    assert fo.providers == ("fal",)


@pytest.mark.parametrize(
    "key", ["with space-canary", "tab\tcanary", "line\ncanary", "ünïcanary", "", 7, b"canary"]
)
def test_s4_the_value_of_a_bad_key_is_in_no_message(key: Any) -> None:
    for given in (key, [key], ["good-key", key]):
        with pytest.raises(ConfigurationError) as caught:
            Failover(fal=given)
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert "fal" in str(caught.value)


def test_s4_the_value_of_a_bad_variable_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_can ary")
    with pytest.raises(ConfigurationError, match="REPLICATE_API_TOKEN") as caught:
        Failover()
    assert "ary" not in str(caught.value).replace("REPLICATE", "")

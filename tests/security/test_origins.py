"""S3, S7, S8, S10, F-48, F-54: a key goes to its own provider's exact origins and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import fal_client
import httpx
import pytest
import replicate
from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_KEY,
    FAL_URL,
    MADE_BY_FAL,
    PROMPT,
    QUEUE_URL,
    REPLICATE_AUTH,
    REPLICATE_KEY,
    REPLICATE_URL,
    Canned,
    Door,
    Network,
    family_transport,
    make,
    prediction,
    reply,
)

from failover import ConfigurationError, Failover
from failover.events import Event, KeyWithheld

FOREIGN = [
    "https://v3.fal.media/files/a.png",
    "https://evil.example/fal.run",
    "https://fal.run.evil.example/a",
    "https://fal.run:8443/a/b",
    "https://api.replicate.com:444/v1/predictions",
    "https://queue.fal.run.:443/a",
    "https://storage.googleapis.com/a",
]
OWN = [
    (FAL_KEY, "https://rest.fal.ai/storage/auth/token"),
    (FAL_KEY, "https://rest.alpha.fal.ai/storage/upload/initiate"),
    (FAL_KEY, "https://fal.run/acme/style"),
    (FAL_KEY, "https://queue.falrun.com/acme/style/requests/a/status"),
    (REPLICATE_KEY, "https://api.replicate.com/v1/account"),
    (REPLICATE_KEY, "https://api.replicate.com/v1/files/a"),
    (REPLICATE_KEY, "https://replicate.delivery/xyz/a.png"),
    (REPLICATE_KEY, "https://stream.replicate.com/v1/a"),
]
CROSSED = [
    (REPLICATE_KEY, "https://fal.run/acme/style"),
    (REPLICATE_KEY, "https://rest.fal.ai/storage"),
    (FAL_KEY, "https://api.replicate.com/v1/account"),
    (FAL_KEY, "https://replicate.delivery/xyz/a.png"),
]


@pytest.mark.parametrize("key", [FAL_KEY, REPLICATE_KEY])
@pytest.mark.parametrize("scheme", ["Key ", "Bearer ", "Token ", ""])
def test_s3_a_foreign_origin_gets_no_key(door: Door, key: str, scheme: str) -> None:
    events: list[Event] = []
    fo, network = make(on_event=events.append), Network()
    for url in FOREIGN:
        headers = {"authorization": scheme + key, "x-mine": "kept"}
        door.send(fo, network, "GET", url, headers=headers)
        sent = network.seen[-1].headers
        assert key not in repr(sent)
        assert sent["x-mine"] == "kept"
    withheld = [event for event in events if isinstance(event, KeyWithheld)]
    assert len(withheld) == len(FOREIGN)
    assert key not in repr(events)


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-key", "xi-api-key"])
def test_s3_whatever_header_it_is_in(door: Door, header: str) -> None:
    network = Network()
    door.send(make(), network, "GET", FOREIGN[0], headers={header: REPLICATE_KEY})
    assert REPLICATE_KEY not in repr(network.seen[0].headers)


def test_s3_a_key_given_as_bytes_is_seen_too(door: Door) -> None:
    network = Network()
    value: Any = f"Bearer {REPLICATE_KEY}".encode()
    name: Any = "authorization" if door.name == "requests" else b"authorization"
    door.send(make(), network, "GET", FOREIGN[0], headers={name: value})
    assert REPLICATE_KEY not in repr(network.seen[0].headers)


@pytest.mark.parametrize(("key", "url"), OWN)
def test_s3_an_own_origin_keeps_the_key(door: Door, key: str, url: str) -> None:
    events: list[Event] = []
    network = Network()
    headers = {"authorization": f"Key {key}"}
    door.send(make(on_event=events.append), network, "GET", url, headers=headers)
    assert network.seen[0].headers["authorization"] == f"Key {key}"
    assert not any(isinstance(event, KeyWithheld) for event in events)


@pytest.mark.parametrize(("key", "url"), CROSSED)
def test_s3_no_provider_gets_anothers_key(door: Door, key: str, url: str) -> None:
    network = Network()
    door.send(make(), network, "GET", url, headers={"authorization": f"Bearer {key}"})
    assert "authorization" not in network.seen[0].headers


@pytest.mark.parametrize("url", FOREIGN)
def test_s3_a_strangers_credential_is_none_of_our_business(door: Door, url: str) -> None:
    network = Network()
    door.send(make(), network, "GET", url, headers={"authorization": "Bearer somebody-else"})
    assert network.seen[0].headers["authorization"] == "Bearer somebody-else"


def test_s3_a_key_learned_from_a_failing_call_is_guarded(door: Door) -> None:
    fo, network = make(), Network({"fal.run": DOWN})
    headers = {"authorization": "Key canary-of-the-caller:1"}
    door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=headers)
    door.send(fo, network, "GET", FOREIGN[0], headers=headers)
    assert "authorization" not in network.seen[-1].headers


def test_s3_a_key_learned_from_a_poll_is_guarded(door: Door) -> None:
    fo, network = make(), Network({"api.replicate.com": DOWN})
    made = door.send(
        fo, network, "POST", REPLICATE_URL, json={"input": PROMPT}, headers=REPLICATE_AUTH
    )
    headers = {"authorization": "Bearer canary-of-another-process"}
    url = f"https://api.replicate.com/v1/predictions/{json.loads(made.body)['id']}"
    polled = door.send(fo, network, "GET", url, headers=headers)
    output = json.loads(polled.body)["output"][0]
    door.send(fo, network, "GET", output, headers=headers)
    assert network.seen[-1].host == "v3.fal.media"
    assert "authorization" not in network.seen[-1].headers


def test_f54_a_file_of_another_provider_is_read_without_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network({"api.replicate.com": DOWN})
    transport = family_transport(httpx, network)
    monkeypatch.setattr(
        httpx.HTTPTransport,
        "handle_request",
        lambda self, request: transport.handle_request(request),
    )
    client = make().wrap(replicate.Client(api_token=REPLICATE_KEY))
    output = client.run("acme/style", input=PROMPT)
    assert output[0].url == MADE_BY_FAL["images"][0]["url"]
    assert output[0].read() == b"elsewhere"
    assert network.seen[-1].host == "v3.fal.media"
    assert "authorization" not in network.seen[-1].headers


def test_f54_a_status_address_elsewhere_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "request_id": "a",
        "response_url": "https://evil.example/r",
        "status_url": "https://evil.example/s",
        "cancel_url": "https://evil.example/c",
    }
    network = Network(
        {"queue.fal.run": reply(said), "evil.example": reply({"status": "COMPLETED", "logs": None})}
    )
    transport = family_transport(httpx, network)
    monkeypatch.setattr(
        httpx.HTTPTransport,
        "handle_request",
        lambda self, request: transport.handle_request(request),
    )
    client = make().wrap(fal_client.SyncClient(key=FAL_KEY))
    handle = client.submit("acme/style", arguments=PROMPT)
    handle.status()
    assert network.seen[-1].host == "evil.example"
    assert FAL_KEY not in repr(network.seen[-1].headers)


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.example",
        "http://fal.run",
        "http://10.0.0.1",
        "http://127.0.0.2",
        "http://localhost.example",
        "ftp://proxy.example",
        "proxy.example",
        "https://",
        "https://user:password@proxy.example",
        "https://proxy.example/?token=1",
        "https://proxy.example/#a",
        "https://proxy.example\\@fal.run",
        "https://fäl.run",
        "https://[::1",
        "https://proxy.example:port",
        "",
    ],
)
def test_s7_base_urls_are_https_and_plain(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Failover(fal=FAL_KEY, base_urls={"fal": url})
    assert "fal" in str(caught.value)
    assert FAL_KEY not in str(caught.value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_s7_loopback_may_be_http(host: str) -> None:
    fo = Failover(fal=FAL_KEY, base_urls={"fal": {"queue.fal.run": f"http://{host}/x"}})
    assert fo.sites.outbound("https://queue.fal.run").base == f"http://{host}/x"


def test_s7_a_base_url_makes_an_origin_the_keys_own(door: Door) -> None:
    fo = make(base_urls={"replicate": "https://own.proxy.example:8443/replicate"})
    network = Network({"fal.run": DOWN, "own.proxy.example": reply(prediction(["u"]), 201)})
    door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    hop = network.seen[-1]
    assert hop.url.startswith("https://own.proxy.example:8443/replicate/v1/models/acme/style/")
    assert hop.headers["authorization"] == f"Bearer {REPLICATE_KEY}"


@pytest.mark.parametrize(
    "native",
    [
        "../../account",
        "a/b",
        "a?x=1",
        "a#b",
        "a%2e%2e",
        "",
        "a" * 129,
        "a\r\nx: y",
        "ä",
        None,
        7,
        {},
    ],
)
def test_s8_an_id_that_is_no_id_reaches_no_address(door: Door, native: Any) -> None:
    job = {"request_id": native, "status": "IN_QUEUE", "status_url": "https://evil.example/s"}
    network = Network({"api.replicate.com": DOWN, "queue.fal.run": reply(job)})
    headers = {**REPLICATE_AUTH, "prefer": "wait"}
    got = door.send(make(), network, "POST", REPLICATE_URL, json={"input": PROMPT}, headers=headers)
    assert got.status == 503
    assert network.hosts == ["api.replicate.com", "queue.fal.run"]


def test_s8_addresses_in_a_reply_are_not_used(door: Door) -> None:
    class Lying(Network):
        def _as_ever(self, seen: Any) -> Canned:
            said = super()._as_ever(seen)
            if seen.method != "POST":
                return said
            urls = dict.fromkeys(("status_url", "response_url"), "https://evil.example/x")
            return reply({**json.loads(said.body), **urls})

    network = Lying({"api.replicate.com": DOWN})
    headers = {**REPLICATE_AUTH, "prefer": "wait"}
    got = door.send(make(), network, "POST", REPLICATE_URL, json={"input": PROMPT}, headers=headers)
    assert json.loads(got.body)["status"] == "succeeded"
    assert set(network.hosts) == {"api.replicate.com", "queue.fal.run"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_s10_a_redirect_of_an_alternative_is_not_followed(door: Door, status: int) -> None:
    away = Canned(status, b"", {"location": "https://evil.example/x"})
    network = Network({"fal.run": DOWN, "api.replicate.com": away})
    got = door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert (got.status, got.body) == (503, DOWN.body)
    assert network.hosts == ["fal.run", "api.replicate.com"]


def test_s10_nor_by_a_client_that_follows_redirects() -> None:
    away = Canned(307, b"", {"location": "https://evil.example/x"})
    network = Network({"fal.run": DOWN, "api.replicate.com": away})
    transport = family_transport(httpx, network)
    with httpx.Client(transport=transport, follow_redirects=True) as client:
        answer = make().wrap(client).post(FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert answer.status_code == 503
    assert "evil.example" not in network.hosts


TRAVERSALS = [
    "x/../../deployments/acme/private",
    "x/%2e%2e/%2e%2e/deployments/acme/private",
    "x//y",
    "x/y%3fz",
    "x/y%23z",
    "x/y%0d%0aX:z",
    "x/y@z",
    "x/./y",
    "x/y%00",
    "x/y\\z",
    "x/y;z",
]


@pytest.mark.parametrize("slug", TRAVERSALS)
def test_f48_a_path_that_climbs_is_nobodys_endpoint(door: Door, slug: str) -> None:
    network = Network({"fal.run": DOWN, "queue.fal.run": DOWN, "api.replicate.com": DOWN})
    for url in (f"https://fal.run/{slug}", f"https://queue.fal.run/{slug}"):
        door.send(make(), network, "POST", url, json=PROMPT, headers=FAL_AUTH)
    url = f"https://api.replicate.com/v1/models/{slug}/predictions"
    door.send(make(), network, "POST", url, json={"input": PROMPT}, headers=REPLICATE_AUTH)
    assert network.hosts == ["fal.run", "queue.fal.run", "api.replicate.com"]


@pytest.mark.parametrize(
    "version", [*TRAVERSALS, "acme/style?x", "acme/style#x", "acme/style\r\nx"]
)
def test_f48_a_version_that_climbs_is_no_endpoint(door: Door, version: str) -> None:
    network = Network({"api.replicate.com": DOWN})
    url = "https://api.replicate.com/v1/predictions"
    body = {"version": version, "input": PROMPT}
    door.send(make(), network, "POST", url, json=body, headers=REPLICATE_AUTH)
    assert network.hosts == ["api.replicate.com"]


@pytest.mark.parametrize("job", ["..", "%2e%2e", "a%2fb", "a/../b", "a?x", "a@b", "a" * 129])
def test_f48_a_job_that_climbs_is_no_job(door: Door, job: str) -> None:
    network = Network()
    url = f"{QUEUE_URL}/requests/{job}/status"
    door.send(make(), network, "GET", url, headers=FAL_AUTH)
    assert network.hosts == ["queue.fal.run"]

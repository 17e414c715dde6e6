"""Names lead to the simulators, for every client, and nothing else leaves the machine."""

from __future__ import annotations

import asyncio
import os
import socket

import httpx
import httpx2
import pytest
import requests
import trio

from failover.sim import Reply, World

URL = "https://api.replicate.com/v1/account"


def headers(world):
    return {"authorization": f"Bearer {world.secrets['replicate'][0]}"}


@pytest.mark.parametrize("library", [httpx, httpx2, requests])
def test_blocking_clients(world, library):
    assert library.get(URL, headers=headers(world)).json()["username"] == "sim"


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("run", [asyncio.run, trio.run])
def test_async_clients(world, library, run):
    async def get():
        async with library.AsyncClient() as client:
            return (await client.get(URL, headers=headers(world))).json()["username"]

    assert run(get) == "sim" if run is trio.run else run(get()) == "sim"


@pytest.mark.parametrize("library", [httpx, httpx2, requests])
def test_other_names_do_not_resolve(world, library):
    wrong = requests.ConnectionError if library is requests else library.ConnectError
    with pytest.raises(wrong):
        library.get("https://example.com/")


def test_other_addresses_are_unreachable(world):
    with socket.socket() as sock, pytest.raises(OSError, match="not simulated"):
        sock.connect(("192.0.2.1", 443))
    with socket.socket() as sock:
        assert sock.connect_ex(("192.0.2.1", 443)) != 0


def test_loopback_works_as_ever(world):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(("localhost", server.getsockname()[1])) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_everything_is_restored(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/mine.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    before = (socket.getaddrinfo, socket.socket.connect, dict(os.environ))
    with World() as world:
        assert os.environ["SSL_CERT_FILE"] == world.ca_file
        assert "HTTPS_PROXY" not in os.environ
        with world.environ():
            assert os.environ["FAL_KEY"] == world.secrets["fal"][0]
    assert (socket.getaddrinfo, socket.socket.connect, dict(os.environ)) == before
    assert "connect" not in vars(socket.socket)


def test_redirect_only_where_asked():
    genuine = socket.getaddrinfo
    with World(redirect=False) as world:
        assert socket.getaddrinfo is genuine
        with world.redirect():
            assert httpx.get(URL, headers=headers(world)).status_code == 200
        assert socket.getaddrinfo is genuine


def test_client_made_before_needs_the_context():
    client = httpx.Client()
    with World() as world, client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            client.get(URL)
        with httpx.Client(verify=world.ssl_context(), trust_env=False) as trusting:
            assert trusting.get(URL, headers=headers(world)).status_code == 200


def test_registered_host_records(world):
    evil = world.host("evil.test", lambda _: Reply.of_json(200, {"ok": True}))
    assert httpx.get("https://evil.test/x?y=1").json() == {"ok": True}
    (received,) = evil.requests
    assert (received.host, received.path, received.query) == ("evil.test", "/x", {"y": "1"})
    silent = world.host("other.test")
    assert httpx.post("https://other.test/", content=b"data").status_code == 404
    assert silent.requests[0].body == b"data"


def test_other_ports_are_closed(world):
    with pytest.raises(httpx.ConnectError):
        httpx.get("https://fal.run:8443/")


def test_plain_http_by_name_is_a_violation(world):
    httpx.get(URL.replace("https", "http"), headers=headers(world))
    assert any("plain http" in violation for violation in world.violations)


def test_plain_loopback_urls(world):
    account = httpx.get(f"{world.replicate.url}/v1/account", headers=headers(world))
    assert account.json()["username"] == "sim"
    key = {"authorization": f"Key {world.secrets['fal'][0]}"}
    prompt = {"prompt": "a fox"}
    run = httpx.post(f"{world.fal.url}/run/fal-ai/flux/dev", json=prompt, headers=key).json()
    assert httpx.get(run["images"][0]["url"]).headers["content-type"] == "image/jpeg"
    job = httpx.post(f"{world.fal.url}/queue/fal-ai/flux/dev", json=prompt, headers=key).json()
    assert job["status_url"].startswith(world.fal.url)
    assert httpx.get(job["status_url"], headers=key).status_code == 202
    prediction = httpx.post(
        f"{world.replicate.url}/v1/models/black-forest-labs/flux-schnell/predictions",
        json={"input": prompt},
        headers={**headers(world), "prefer": "wait"},
    ).json()
    assert httpx.get(prediction["output"][0]).headers["content-type"] == "image/webp"
    assert httpx.get(prediction["urls"]["get"], headers=headers(world)).status_code == 200
    assert world.violations == []


def test_unknown_plain_path_is_a_stray(world):
    assert httpx.get(f"{world.url}/nothing").status_code == 404
    assert [e.path for e in world.strays.requests] == ["/nothing"]


def test_a_world_that_is_not_running_says_so():
    with pytest.raises(RuntimeError, match="not running"):
        _ = World().url

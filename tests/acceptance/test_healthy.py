"""Nothing is wrong: every call is to the byte what it was, and nobody else is asked."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import fal_client
import httpx
import httpx2
import pytest
import replicate
import requests

import failover
from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.stage import (
    OTHER,
    POLL,
    Call,
    Got,
    Stage,
    assert_nothing_wrong,
    assert_right_pictures,
    fetched,
)

if TYPE_CHECKING:
    from failover.sim.provider import Provider

CALLS = (*fal_calls.CALLS, *replicate_calls.CALLS, *plain_calls.CALLS)
ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-hjkmnp-tv-z]{26}\b")
TOKEN = re.compile(rb"(?<=/)[0-9A-Za-z_-]{20,}(?=[/.])")


def requests_at(provider: Provider) -> list[tuple[bytes, bytes]]:
    """What a provider received, to the byte, but for ids of its own and repeated polls."""
    seen: list[tuple[bytes, bytes]] = []
    for entry in provider.requests:
        head = TOKEN.sub(
            b"TOKEN", ID.sub(b"ID", entry.request.head.replace(entry.key.encode(), b"KEY"))
        )
        told = (head, entry.body)
        if entry.phase != "poll" or told not in seen:
            seen.append(told)
    return seen


def facts(stage: Stage, got: Got) -> Any:
    """What a program got, but for addresses and ids: pictures to the byte."""
    pictures = [fetched(stage, url) for url in got.urls]
    value = got.value
    if isinstance(value, dict):
        return pictures, {name: value[name] for name in value if name not in {"images", "timings"}}
    return pictures, type(value)


def _start_over(stage: Stage, home: Provider) -> None:
    home.forget()
    stage.headers.clear()
    stage.reports.clear()


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_installed_it_changes_nothing(stage: Stage, call: Call) -> None:
    home = stage.world.providers[call.provider]
    plain = call.make(stage)
    expected = requests_at(home)
    bare = facts(stage, plain)
    _start_over(stage, home)
    with stage.installed():
        got = call.make(stage)
    assert requests_at(home) == expected
    assert facts(stage, got) == bare
    assert_right_pictures(stage, got)
    assert_untouched(stage, call)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_wrapped_it_changes_nothing(stage: Stage, call: Call) -> None:
    home = stage.world.providers[call.provider]
    plain = call.make(stage)
    expected = requests_at(home)
    bare = facts(stage, plain)
    _start_over(stage, home)
    fo = failover.Failover(on_event=stage.events.append)
    stage.dress = fo.wrap
    got = call.make(stage)
    assert not failover.is_installed()
    assert requests_at(home) == expected
    assert facts(stage, got) == bare
    assert_untouched(stage, call)
    fo.close()


def assert_untouched(stage: Stage, call: Call) -> None:
    home = stage.world.providers[call.provider]
    assert stage.world.providers[OTHER[call.provider]].requests == []
    assert (home.billed, len(home.submits)) == (1, 1)
    assert {header for header in stage.headers if header} == set()
    assert {report for report in stage.reports if report is not None} == set()
    told = {type(event).__name__ for event in stage.events}
    assert told <= {"CallMatched", "CallFinished"}
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("call", CALLS[::3], ids=str)
def test_wrapped_clients_are_rescued(stage: Stage, call: Call) -> None:
    stage.world.providers[call.provider].fail(503)
    fo = failover.Failover(on_event=stage.events.append)
    stage.dress = fo.wrap
    assert_right_pictures(stage, call.make(stage))
    assert len(stage.told("Rerouted")) == 1
    assert_nothing_wrong(stage)
    fo.close()


# --- replies, to the byte -----------------------------------------------------------------------

ODD_BODY = (
    b'{ "images" : [ {"url":"https://v3.fal.media/files/a/b.png", "x": 1.0e0} ],\n "seed": 7 }'
)
ODD_HEADERS = {
    "X-Odd": "  two  words ",
    "Content-Type": "application/json;charset=utf-8",
    "Set-Cookie": "a=b",
}


def _raw(reply: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = [(k.lower(), v) for k, v in reply.headers.items() if k.lower() != "date"]
    return reply.status_code, headers, reply.content


@pytest.mark.parametrize("lib", [httpx, httpx2, requests], ids=lambda lib: lib.__name__)
@pytest.mark.parametrize("status", [200, 201, 400, 404, 422])
def test_replies_are_handed_on_to_the_byte(stage: Stage, lib: Any, status: int) -> None:
    stage.world.fal.fail(status, body=ODD_BODY, headers=ODD_HEADERS)

    def post() -> tuple[int, list[tuple[str, str]], bytes]:
        return _raw(
            lib.post(
                plain_calls.RUN_URL,
                json=fal_calls.ARGUMENTS,
                headers=plain_calls.fal_headers(stage),
            )
        )

    bare = post()
    with stage.installed():
        assert post() == bare
    assert bare[2] == ODD_BODY
    assert stage.world.replicate.requests == []


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=lambda lib: lib.__name__)
def test_x04_once_a_stream_has_begun_nobody_else_is_asked(stage: Stage, lib: Any) -> None:
    stage.world.fal.cut("body", on="stream")
    with stage.installed(), lib.Client(headers=plain_calls.fal_headers(stage)) as client:
        url = f"{plain_calls.RUN_URL}/stream"
        with client.stream("POST", url, json=fal_calls.ARGUMENTS) as reply:
            assert reply.status_code == 200
            with pytest.raises(lib.RemoteProtocolError):
                list(reply.iter_raw())
    assert len(stage.world.fal.submits) == 1
    assert stage.world.replicate.requests == []


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=lambda lib: lib.__name__)
def test_x04_a_stream_arrives_as_it_is_sent(stage: Stage, lib: Any) -> None:
    stage.world.fal.slow(1500, on="stream")
    with stage.installed(), lib.Client(headers=plain_calls.fal_headers(stage)) as client:
        url = f"{plain_calls.RUN_URL}/stream"
        with client.stream("POST", url, json=fal_calls.ARGUMENTS) as reply:
            started = time.monotonic()
            pieces = [(time.monotonic() - started, piece) for piece in reply.iter_raw()]
    assert b"images" in b"".join(piece for _, piece in pieces)
    assert len(pieces) > 2
    assert pieces[0][0] < pieces[-1][0]
    assert stage.world.replicate.requests == []


def test_other_hosts_are_nobodys_business(stage: Stage) -> None:
    stranger = stage.world.host("api.example.com")
    headers = {"Authorization": "Bearer something", "X-Fal-Thing": "1"}
    with stage.installed():
        for lib in (httpx, httpx2, requests):
            assert (
                lib.post("https://api.example.com/v1/x", json={}, headers=headers).status_code
                == 404
            )
    assert [entry.headers["authorization"] for entry in stranger.requests] == [
        "Bearer something"
    ] * 3
    assert stage.events == []


def test_paused_and_uninstalled_it_is_not_there(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed():
        with failover.paused():
            assert _post(stage).status_code == 503
        assert _post(stage).status_code == 200
    assert _post(stage).status_code == 503
    assert len(stage.world.replicate.submits) == 1


def _post(stage: Stage) -> httpx.Response:
    return httpx.post(
        plain_calls.RUN_URL, json=fal_calls.ARGUMENTS, headers=plain_calls.fal_headers(stage)
    )


def test_a_client_made_before_the_install_is_protected_too(stage: Stage) -> None:
    with httpx.Client(headers=plain_calls.fal_headers(stage)) as client:
        assert client.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS).status_code == 200
        stage.world.fal.fail(503)
        with stage.installed():
            assert client.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS).status_code == 200
        assert client.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS).status_code == 503


def test_module_level_functions_of_both_sdks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """`fal_client.run` and `replicate.run` belong to clients that were made at import."""
    fal_client.sync_client.__dict__.pop("_client", None)
    monkeypatch.setattr(replicate.default_client, "_Client__client", None)
    monkeypatch.setattr(replicate.default_client, "poll_interval", POLL)
    stage.world.fal.fail(503)
    with stage.installed():
        output = fal_client.run(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        stage.world.heal()
        stage.world.replicate.fail(503)
        (file,) = replicate.run(replicate_calls.MODEL, input=replicate_calls.INPUT)
        assert file.read()
    fal_client.sync_client.__dict__.pop("_client").close()
    replicate.default_client._client.close()
    assert output["images"]
    assert [(e.source, e.target) for e in stage.told("Rerouted")] == [
        ("fal", "replicate"),
        ("replicate", "fal"),
    ]
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=lambda lib: lib.__name__)
def test_explicit_transports(stage: Stage, lib: Any) -> None:
    stage.world.fal.fail(503)
    fo = failover.Failover()
    door = getattr(failover, lib.__name__).FailoverTransport
    with lib.Client(transport=door(fo), headers=plain_calls.fal_headers(stage)) as client:
        reply = client.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS)
    assert reply.extensions["failover"].provider == "replicate"
    fo.close()


def test_an_explicit_adapter(stage: Stage) -> None:
    stage.world.fal.fail(503)
    fo = failover.Failover()
    with requests.Session() as session:
        session.mount("https://", failover.requests.FailoverAdapter(fo))
        reply = session.post(
            plain_calls.RUN_URL, json=fal_calls.ARGUMENTS, headers=plain_calls.fal_headers(stage)
        )
    assert reply.failover.provider == "replicate"
    fo.close()


def test_installed_and_wrapped_at_once_it_acts_once(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed() as fo:
        stage.dress = fo.wrap
        assert_right_pictures(stage, fal_calls.run(stage))
    assert len(stage.world.fal.submits) == 1
    assert len(stage.told("Rerouted")) == 1

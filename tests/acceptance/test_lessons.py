"""What rivals got wrong, driven over real sockets; each test is named for its lesson."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import fal_client
import httpx
import httpx2
import pytest
import requests

import failover
from failover.events import AttemptFailed, Rerouted

if TYPE_CHECKING:
    from collections.abc import Callable

    from failover.sim import World

RUN = "https://fal.run/fal-ai/flux/dev"
ASKED = {"prompt": "a lighthouse", "image_size": "portrait_4_3", "seed": 3, "num_images": 2}


def _options(world: World) -> dict[str, Any]:
    return {"json": ASKED, "headers": {"authorization": f"Key {world.secrets['fal'][0]}"}}


def _httpx(world: World) -> Any:
    with httpx.Client(timeout=10) as client:
        return client.post(RUN, **_options(world))


def _httpx2(world: World) -> Any:
    with httpx2.Client(timeout=10) as client:
        return client.post(RUN, **_options(world))


def _httpx_async(world: World) -> Any:
    async def call() -> Any:
        async with httpx.AsyncClient(timeout=10) as client:
            return await client.post(RUN, **_options(world))

    return asyncio.run(call())


def _requests(world: World) -> Any:
    with requests.Session() as session:
        return session.post(RUN, **_options(world), timeout=10)


CLIENTS = [_httpx, _httpx2, _httpx_async, _requests]


@pytest.mark.parametrize("call", CLIENTS)
def test_f06_the_answer_is_in_the_callers_dialect_and_of_the_url_he_asked(
    world: World, call: Callable[[World], Any]
) -> None:
    world.fal.fail(status=503)
    with failover.installed():
        response = call(world)
    assert str(response.url) == RUN
    assert str(response.request.url) == RUN
    body = response.json()
    assert [sorted(image) for image in body["images"]] == [["content_type", "file_name", "url"]] * 2
    assert "data" not in body
    assert body["seed"] == 3


def test_f18_every_client_sends_the_same_translation(world: World) -> None:
    world.fal.fail(status=503)
    for call in CLIENTS:
        with failover.installed():
            assert call(world).status_code == 200
    sent = {(entry.path, entry.body) for entry in world.replicate.submits}
    assert len(world.replicate.submits) == len(CLIENTS)
    assert len(sent) == 1


@pytest.mark.parametrize("trouble", ["refuse", "dns_failure", "bad_tls"])
@pytest.mark.parametrize("call", CLIENTS)
def test_f19_an_outage_below_http_counts_as_one(
    world: World, call: Callable[[World], Any], trouble: str
) -> None:
    getattr(world.fal, trouble)()
    with failover.installed():
        assert call(world).headers["x-failover"].startswith("provider=replicate; attempts=2")


def test_f19_a_failure_common_to_all_hosts_cools_nobody(world: World) -> None:
    world.fal.refuse()
    world.replicate.refuse()
    with failover.installed() as fo:
        for _ in range(5):
            with pytest.raises(httpx.ConnectError):
                _httpx(world)
        assert fo.status()["cooling"] == {}


@pytest.mark.parametrize("phase", ["submit", "poll", "result"])
def test_f20_only_a_failing_submit_falls_back(world: World, phase: str) -> None:
    client = fal_client.SyncClient(key=world.secrets["fal"][0])
    with failover.installed():
        if phase == "submit":
            world.fal.fail(status=500, on="submit")
            assert len(client.submit("fal-ai/flux/dev", ASKED).get()["images"]) == 2
        else:
            handle = client.submit("fal-ai/flux/dev", ASKED)
            world.fal.fail(status=500, on=phase)
            with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
                handle.get()
            assert caught.value.status_code == 500
    client._client.close()
    assert len(world.replicate.submits) == (phase == "submit")


def test_f35_jobs_at_fal_are_asked_for_by_the_address_fal_documents(world: World) -> None:
    world.replicate.fail(status=503)
    url = "https://api.replicate.com/v1/models/black-forest-labs/flux-dev/predictions"
    token = {"authorization": f"Bearer {world.secrets['replicate'][0]}", "prefer": "wait"}
    with failover.installed(), httpx.Client(timeout=10) as client:
        response = client.post(url, json={"input": {"prompt": "a lighthouse"}}, headers=token)
    assert response.json()["status"] == "succeeded"
    asked = [entry for entry in world.fal.requests if entry.phase in ("poll", "result")]
    assert asked
    assert all(entry.path.startswith("/fal-ai/flux/requests/") for entry in asked)
    assert all(entry.status in (200, 202) for entry in asked)


@pytest.mark.parametrize("call", CLIENTS)
@pytest.mark.parametrize("on_unknown", ["failover", "surface"])
def test_x03_a_reply_that_breaks_off_may_have_been_billed(
    world: World, call: Callable[[World], Any], on_unknown: Any
) -> None:
    """One hop at the most, told as a possible duplicate; none if the user says so."""
    world.fal.cut("body", on="run")
    events: list[Any] = []
    policy = failover.Policy(on_unknown=on_unknown)
    with failover.installed(policy=policy, on_event=events.append):
        if on_unknown == "failover":
            assert call(world).status_code == 200
        else:
            with pytest.raises(
                (httpx.TransportError, httpx2.TransportError, requests.RequestException)
            ):
                call(world)
    (failed,) = [event for event in events if isinstance(event, AttemptFailed)]
    assert failed.bill in ("U", "A")
    moved = [event for event in events if isinstance(event, Rerouted)]
    assert [event.possible_duplicate for event in moved] == [True] * (on_unknown == "failover")
    assert (world.fal.billed, len(world.replicate.submits)) == (1, len(moved))

"""Only a submit can be rerouted (F-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from acceptance import fal_calls, plain_calls, replicate_calls

if TYPE_CHECKING:
    from acceptance.stage import Stage


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("phase", ["poll", "result", "cancel"])
def test_f07_nothing_but_a_submit_at_fal_becomes_a_submit(
    stage: Stage, phase: str, status: int
) -> None:
    headers = plain_calls.fal_headers(stage)
    with stage.installed(), httpx.Client(headers=headers) as client:
        job = client.post(plain_calls.QUEUE_URL, json=fal_calls.ARGUMENTS).json()
        stage.world.fal.fail(status, on=phase)
        method, url = {
            "poll": ("GET", job["status_url"]),
            "result": ("GET", job["response_url"]),
            "cancel": ("PUT", job["cancel_url"]),
        }[phase]
        assert client.request(method, url).status_code == status
    assert len(stage.world.fal.submits) == 1
    assert stage.world.replicate.requests == []


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
@pytest.mark.parametrize(
    ("method", "path", "phase"),
    [
        ("GET", "/v1/predictions/{id}", "poll"),
        ("POST", "/v1/predictions/{id}/cancel", "cancel"),
        ("GET", "/v1/predictions", "any"),
        ("GET", "/v1/models/black-forest-labs/flux-schnell", "any"),
        ("GET", "/v1/account", "any"),
        ("POST", "/v1/files", "any"),
    ],
)
def test_f07_nothing_but_a_submit_at_replicate_becomes_a_submit(
    stage: Stage, method: str, path: str, phase: str, status: int
) -> None:
    headers = plain_calls.replicate_headers(stage)
    with stage.installed(), httpx.Client(headers=headers) as client:
        body = {"input": replicate_calls.INPUT}
        job = client.post(plain_calls.MODEL_URL, json=body).json()
        stage.world.replicate.fail(status, on=phase)
        url = "https://api.replicate.com" + path.format(id=job["id"])
        assert client.request(method, url).status_code == status
    assert len(stage.world.replicate.submits) == 1
    assert stage.world.fal.requests == []

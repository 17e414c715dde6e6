"""What cannot be served elsewhere is as it was, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fal_client
import pytest
import replicate

from acceptance import fal_calls, replicate_calls
from acceptance.raised import Raised

if TYPE_CHECKING:
    from acceptance.stage import Stage

HOOK = "https://hooks.example/done"


def test_x12_a_call_with_a_webhook_stays_at_fal(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with (
        stage.installed(),
        fal_calls.client_of(stage) as client,
        pytest.raises(fal_client.client.FalClientHTTPError) as caught,
    ):
        client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS, webhook_url=HOOK)
    assert caught.value.status_code == 503
    assert stage.world.replicate.requests == []
    assert [event.reason for event in stage.told("NotRerouted")] == ["webhook"]


def test_x12_a_call_with_a_webhook_stays_at_replicate(stage: Stage) -> None:
    stage.world.replicate.fail(503)
    with (
        stage.installed(),
        replicate_calls.client_of(stage) as client,
        pytest.raises(replicate.exceptions.ReplicateError) as caught,
    ):
        client.predictions.create(
            model=replicate_calls.MODEL, input=replicate_calls.INPUT, webhook=HOOK
        )
    assert caught.value.status == 503
    assert stage.world.fal.requests == []
    assert [event.reason for event in stage.told("NotRerouted")] == ["webhook"]


def test_a_deployment_that_nobody_else_has_passes_through(stage: Stage) -> None:
    stage.world.replicate.deploy("acme/pictures", replicate_calls.MODEL)
    stage.world.replicate.fail(503)
    with (
        stage.installed(),
        replicate_calls.client_of(stage) as client,
        pytest.raises(replicate.exceptions.ReplicateError) as caught,
    ):
        client.deployments.predictions.create("acme/pictures", input=replicate_calls.INPUT)
    assert caught.value.status == 503
    assert stage.world.fal.requests == []


def test_a_model_that_nobody_else_has_passes_through(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with (
        stage.installed(),
        fal_calls.client_of(stage) as client,
        pytest.raises(fal_client.client.FalClientHTTPError) as caught,
    ):
        client.run("acme/house-style", arguments=fal_calls.ARGUMENTS)
    assert caught.value.status_code == 503
    assert stage.world.replicate.requests == []


def test_without_a_key_elsewhere_the_call_is_as_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPLICATE_API_TOKEN")
    stage.world.fal.fail(503)
    (call,) = (call for call in fal_calls.CALLS if call.name == "fal.run")
    bare = Raised.by(stage, call)
    with stage.installed():
        assert Raised.by(stage, call) == bare
    assert stage.world.replicate.requests == []

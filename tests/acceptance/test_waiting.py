"""Time: a wait that runs out is no failure (X-08), and nobody waits beyond what he allowed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import fal_client
import pytest

from acceptance import fal_calls, replicate_calls
from acceptance.stage import NEVER, assert_nothing_wrong
from failover.sim import Pace

if TYPE_CHECKING:
    from acceptance.stage import Stage


def test_x08_a_wait_that_runs_out_gives_the_job(stage: Stage) -> None:
    stage.world.fal.pace = Pace(running_seconds=1.2)
    stage.world.replicate.fail(503)
    with stage.installed(), replicate_calls.client_of(stage) as client:
        prediction = client.models.predictions.create(
            replicate_calls.MODEL, input=replicate_calls.INPUT, wait=1
        )
        assert (prediction.status, prediction.output) == ("starting", None)
        prediction.wait()
        assert prediction.status == "succeeded"
    assert (stage.world.fal.billed, len(stage.world.fal.submits)) == (1, 1)
    assert_nothing_wrong(stage)


def test_x08_a_wait_that_runs_out_at_home_is_left_alone(stage: Stage) -> None:
    stage.world.replicate.pace = Pace(running_seconds=1.2)
    with stage.installed(), replicate_calls.client_of(stage) as client:
        prediction = client.models.predictions.create(
            replicate_calls.MODEL, input=replicate_calls.INPUT, wait=1
        )
        assert prediction.status == "starting"
    assert len(stage.world.replicate.submits) == 1
    assert stage.world.fal.requests == []


def test_a_blocking_caller_is_not_held_beyond_his_own_timeout(
    stage: Stage, fast_retries: None
) -> None:
    stage.world.replicate.pace = NEVER
    stage.world.fal.fail(503)
    started = time.monotonic()
    with (
        stage.installed(),
        fal_calls.client_of(stage) as client,
        pytest.raises(fal_client.client.FalClientHTTPError) as caught,
    ):
        client.run(fal_calls.APP, arguments=fal_calls.ARGUMENTS, timeout=0.8)
    assert caught.value.status_code == 503
    assert time.monotonic() - started < 1.6
    assert len(stage.world.replicate.submits) == 1
    assert stage.world.replicate.cancelled == 1
    assert_nothing_wrong(stage)

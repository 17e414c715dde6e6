"""A job that fails after it has started is never taken for a success (F-36, F-38)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fal_client
import pytest
import replicate

from acceptance import fal_calls, replicate_calls
from acceptance.raised import CALLS_BY_NAME
from acceptance.stage import assert_nothing_wrong, assert_right_pictures

if TYPE_CHECKING:
    from acceptance.stage import Stage


@pytest.mark.parametrize("cause", ["infrastructure", "policy", "input"])
@pytest.mark.parametrize("name", ["fal.run", "fal.async.run", "httpx.fal-run"])
def test_f38_a_blocking_fal_caller_never_gets_a_failed_job_for_a_success(
    stage: Stage, name: str, cause: Any
) -> None:
    stage.world.fal.fail(503)
    stage.world.replicate.job_fails(cause)
    (call,) = (call for call in CALLS_BY_NAME if call.name == name)
    with stage.installed(), pytest.raises((fal_client.client.FalClientHTTPError, AssertionError)):
        call.make(stage)
    assert len(stage.world.replicate.submits) == 1
    assert stage.told("Rerouted") == []
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("cause", ["infrastructure", "policy", "input"])
def test_f38_a_queueing_fal_caller_is_told_that_the_job_failed(stage: Stage, cause: Any) -> None:
    stage.world.fal.fail(503)
    stage.world.replicate.job_fails(cause)
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        assert isinstance(list(handle.iter_events())[-1], fal_client.Completed)
        with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
            handle.get()
    assert caught.value.status_code >= 400
    assert len(stage.world.replicate.submits) == 1
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("hidden", [False, True], ids=["told", "hidden"])
@pytest.mark.parametrize("cause", ["infrastructure", "policy"])
def test_f38_a_queueing_replicate_caller_is_told_that_the_job_failed(
    stage: Stage, cause: Any, hidden: bool
) -> None:
    stage.world.replicate.fail(503)
    stage.world.fal.job_fails(cause, hidden=hidden)
    with stage.installed(), replicate_calls.client_of(stage) as client:
        prediction = client.predictions.create(
            model=replicate_calls.MODEL, input=replicate_calls.INPUT
        )
        prediction.wait()
        assert prediction.status == "failed"
        assert isinstance(prediction.error, str)
        assert prediction.error
        assert prediction.output is None
    assert len(stage.world.fal.submits) == 1
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("hidden", [False, True], ids=["told", "hidden"])
def test_f38_a_waiting_replicate_caller_gets_his_own_providers_error(
    stage: Stage, hidden: bool
) -> None:
    stage.world.replicate.fail(503)
    stage.world.fal.job_fails("infrastructure", hidden=hidden)
    with (
        stage.installed(),
        replicate_calls.client_of(stage) as client,
        pytest.raises(replicate.exceptions.ReplicateError) as caught,
    ):
        client.run(replicate_calls.MODEL, input=replicate_calls.INPUT)
    assert caught.value.status == 503
    assert len(stage.told("Exhausted")) == 1


@pytest.mark.parametrize("end", ["aborted", "canceled"])
def test_f36_a_job_that_replicate_ended_is_over_for_a_fal_caller(stage: Stage, end: str) -> None:
    stage.world.fal.fail(503)
    stage.world.replicate.job_hangs("queued" if end == "aborted" else "running")
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        if end == "aborted":
            (job,) = stage.world.replicate.jobs.all()
            job.start_by = stage.world.clock.now() - 1.0
        else:
            (job,) = stage.world.replicate.jobs.all()
            job.cancel()
        assert isinstance(handle.status(), fal_client.Completed)
        with pytest.raises(fal_client.client.FalClientHTTPError):
            handle.get()
    assert len(stage.world.replicate.submits) == 1


@pytest.mark.parametrize("name", ["replicate.run", "replicate.async.run", "httpx.replicate-wait"])
def test_f38_a_job_that_fails_while_its_caller_is_held_is_made_elsewhere(
    stage: Stage, name: str
) -> None:
    stage.world.replicate.job_fails("infrastructure")
    (call,) = (call for call in CALLS_BY_NAME if call.name == name)
    with stage.installed():
        assert_right_pictures(stage, call.make(stage))
    assert (len(stage.world.replicate.submits), stage.world.fal.billed) == (1, 1)
    assert [event.reason for event in stage.told("Rerouted")] == ["job-failed"]
    assert_nothing_wrong(stage)


def test_f36_a_poll_that_fails_says_nothing_about_the_job(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        stage.world.replicate.fail(500, on="poll", times=1)
        assert isinstance(handle.status(), fal_client.Queued | fal_client.InProgress)
        assert handle.get()["images"]
    assert len(stage.world.replicate.submits) == 1
    assert_nothing_wrong(stage)

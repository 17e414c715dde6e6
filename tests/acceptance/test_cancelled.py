"""A cancel goes to where the job runs, and from then on the job is over for its caller."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import fal_client
import pytest

from acceptance import fal_calls, replicate_calls
from acceptance.stage import NEVER, assert_nothing_wrong, phases

if TYPE_CHECKING:
    from acceptance.stage import Stage


def _assert_cancelled_at(stage: Stage, owner: str, home: str) -> None:
    assert stage.world.providers[owner].cancelled == 1
    assert len(stage.world.providers[owner].submits) == 1
    assert phases(stage.world.providers[home]) == {"submit"}
    assert_nothing_wrong(stage)


def test_fal_client_cancels_a_job_at_replicate(stage: Stage) -> None:
    stage.world.replicate.pace = NEVER
    stage.world.fal.fail(503)
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        assert isinstance(handle.status(), fal_client.InProgress | fal_client.Queued)
        assert handle.cancel() is None
        assert isinstance(handle.status(), fal_client.Completed)
        with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
            handle.get()
    assert caught.value.status_code >= 400
    _assert_cancelled_at(stage, "replicate", "fal")


def test_fal_client_cancels_by_id_alone(stage: Stage) -> None:
    stage.world.replicate.pace = NEVER
    stage.world.fal.fail(503)

    async def calls() -> None:
        async with fal_calls.async_client_of(stage) as client:
            handle = await client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        async with fal_calls.async_client_of(stage) as client:
            await client.cancel(fal_calls.APP, handle.request_id)
            status = await client.status(fal_calls.APP, handle.request_id)
            assert isinstance(status, fal_client.Completed)

    with stage.installed():
        asyncio.run(calls())
    _assert_cancelled_at(stage, "replicate", "fal")


def test_the_replicate_sdk_cancels_a_job_at_fal(stage: Stage) -> None:
    stage.world.fal.pace = NEVER
    stage.world.replicate.fail(503)
    with stage.installed(), replicate_calls.client_of(stage) as client:
        prediction = client.predictions.create(
            model=replicate_calls.MODEL, input=replicate_calls.INPUT
        )
        assert prediction.status in {"starting", "processing"}
        prediction.cancel()
        assert prediction.status == "canceled"
        prediction.reload()
        assert prediction.status == "canceled"
        assert client.predictions.get(prediction.id).status == "canceled"
    _assert_cancelled_at(stage, "fal", "replicate")


def test_the_replicate_sdk_cancels_in_a_loop(stage: Stage) -> None:
    stage.world.fal.pace = NEVER
    stage.world.replicate.fail(503)

    async def calls() -> None:
        async with replicate_calls.async_client_of(stage) as client:
            prediction = await client.predictions.async_create(
                model=replicate_calls.MODEL, input=replicate_calls.INPUT
            )
            await prediction.async_cancel()
            assert prediction.status == "canceled"

    with stage.installed():
        asyncio.run(calls())
    _assert_cancelled_at(stage, "fal", "replicate")


def test_a_finished_job_cannot_be_cancelled(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        assert handle.get()["images"]
        with pytest.raises(fal_client.client.FalClientHTTPError, match="ALREADY_COMPLETED"):
            handle.cancel()
        assert handle.get()["images"]
    assert stage.world.replicate.billed == 1
    assert_nothing_wrong(stage)

"""Every way in which the replicate SDK asks for a picture, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import replicate
from replicate.helpers import FileOutput
from replicate.prediction import Prediction

from acceptance.pictures import size_of
from acceptance.stage import POLL, Call, Got, Stage, closing_replicate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

MODEL = "black-forest-labs/flux-schnell"
INPUT = {"prompt": "a fox", "aspect_ratio": "9:16", "seed": 7}
PATIENCE = 5.0
UNLIMITED = frozenset({"hang"})
"""Creations without a wait have no read timeout in this SDK, whatever the client's is."""


def made(stage: Stage) -> replicate.Client:
    client = replicate.Client(api_token=stage.key("replicate"), timeout=stage.timeout or 30.0)
    client.poll_interval = POLL
    return stage.dress(client)


@contextlib.contextmanager
def client_of(stage: Stage) -> Iterator[replicate.Client]:
    with closing_replicate(made(stage)) as client:
        yield client


@contextlib.asynccontextmanager
async def async_client_of(stage: Stage) -> AsyncIterator[replicate.Client]:
    client = made(stage)
    try:
        yield client
    finally:
        await client._async_client.aclose()


def waiting(stage: Stage) -> Any:
    """How long `run` shall be held: its read timeout is half a second more."""
    return True if stage.timeout is None else 1


def files(output: Any) -> Got:
    """Read the output of `run` as a program for FLUX would: a list of files that can be read."""
    assert isinstance(output, list)
    for file in output:
        assert isinstance(file, FileOutput)
        assert size_of(file.read())
    return Got(tuple(file.url for file in output), output)


def urls(output: Any) -> Got:
    assert isinstance(output, list)
    assert all(isinstance(url, str) for url in output)
    return Got(tuple(output), output)


def finished(prediction: Any) -> Got:
    assert isinstance(prediction, Prediction)
    assert (prediction.status, prediction.error or None) == ("succeeded", None)
    assert prediction.model == MODEL
    assert prediction.input == INPUT
    return urls(prediction.output)


def run(stage: Stage) -> Got:
    with client_of(stage) as client:
        return files(client.run(MODEL, input=INPUT, wait=waiting(stage)))


def run_without_wait(stage: Stage) -> Got:
    with client_of(stage) as client:
        return files(client.run(MODEL, input=INPUT, wait=False))


def run_for_urls(stage: Stage) -> Got:
    with client_of(stage) as client:
        output = client.run(MODEL, input=INPUT, wait=waiting(stage), use_file_output=False)
        return urls(output)


def create_wait(stage: Stage) -> Got:
    with client_of(stage) as client:
        prediction = client.predictions.create(model=MODEL, input=INPUT)
        prediction.wait()
        return finished(prediction)


def create_reload(stage: Stage) -> Got:
    with client_of(stage) as client:
        prediction = client.predictions.create(model=MODEL, input=INPUT)
        until = time.monotonic() + PATIENCE
        while prediction.status not in {"succeeded", "failed"} and time.monotonic() < until:
            prediction.reload()
        return finished(prediction)


def create_get(stage: Stage) -> Got:
    """Create with one client, and come back with another that knows nothing but the id."""
    with client_of(stage) as client:
        made_id = client.predictions.create(model=MODEL, input=INPUT).id
    with client_of(stage) as client:
        prediction = client.predictions.get(made_id)
        assert prediction.id == made_id
        prediction.wait()
        return finished(prediction)


def model_create(stage: Stage) -> Got:
    with client_of(stage) as client:
        prediction = client.models.predictions.create(MODEL, input=INPUT)
        prediction.wait()
        return finished(prediction)


def model_create_held(stage: Stage) -> Got:
    with client_of(stage) as client:
        prediction = client.models.predictions.create(MODEL, input=INPUT, wait=waiting(stage))
        prediction.wait()
        return finished(prediction)


def _in_loop(call: Callable[[replicate.Client, Stage], Awaitable[Got]]) -> Any:
    async def opened(stage: Stage) -> Any:
        async with async_client_of(stage) as client:
            return await call(client, stage)

    return lambda stage: asyncio.run(opened(stage))


async def _run(client: replicate.Client, stage: Stage) -> Got:
    output = await client.async_run(MODEL, input=INPUT, wait=waiting(stage))
    for file in output:
        assert size_of(await file.aread())
    return Got(tuple(file.url for file in output), output)


async def _run_without_wait(client: replicate.Client, stage: Stage) -> Got:
    return urls(await client.async_run(MODEL, input=INPUT, wait=False, use_file_output=False))


async def _create_wait(client: replicate.Client, stage: Stage) -> Got:
    prediction = await client.predictions.async_create(model=MODEL, input=INPUT)
    await prediction.async_wait()
    return finished(prediction)


async def _create_get(client: replicate.Client, stage: Stage) -> Got:
    made_id = (await client.predictions.async_create(model=MODEL, input=INPUT)).id
    async with async_client_of(stage) as another:
        prediction = await another.predictions.async_get(made_id)
        await prediction.async_wait()
        return finished(prediction)


async def _model_create(client: replicate.Client, stage: Stage) -> Got:
    prediction = await client.models.predictions.async_create(MODEL, input=INPUT)
    until = time.monotonic() + PATIENCE
    while prediction.status not in {"succeeded", "failed"} and time.monotonic() < until:
        await prediction.async_reload()
    return finished(prediction)


CALLS = (
    Call("replicate.run", "replicate", "run", run),
    Call("replicate.run-nowait", "replicate", "queue", run_without_wait, UNLIMITED),
    Call("replicate.run-urls", "replicate", "run", run_for_urls),
    Call("replicate.create-wait", "replicate", "queue", create_wait, UNLIMITED),
    Call("replicate.create-reload", "replicate", "queue", create_reload, UNLIMITED),
    Call("replicate.create-get", "replicate", "queue", create_get, UNLIMITED),
    Call("replicate.model-create", "replicate", "queue", model_create, UNLIMITED),
    Call("replicate.model-create-held", "replicate", "run", model_create_held),
    Call("replicate.async.run", "replicate", "run", _in_loop(_run)),
    Call(
        "replicate.async.run-nowait", "replicate", "queue", _in_loop(_run_without_wait), UNLIMITED
    ),
    Call("replicate.async.create-wait", "replicate", "queue", _in_loop(_create_wait), UNLIMITED),
    Call("replicate.async.create-get", "replicate", "queue", _in_loop(_create_get), UNLIMITED),
    Call("replicate.async.model-create", "replicate", "queue", _in_loop(_model_create), UNLIMITED),
)

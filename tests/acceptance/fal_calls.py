"""Every way in which fal_client asks for a picture, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import fal_client

from acceptance.stage import Call, Got, Stage, closing_fal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

APP = "fal-ai/flux/schnell"
ARGUMENTS = {"prompt": "a fox", "image_size": "portrait_16_9", "seed": 7}


@contextlib.contextmanager
def client_of(stage: Stage) -> Iterator[fal_client.SyncClient]:
    client = fal_client.SyncClient(key=stage.key("fal"), default_timeout=stage.timeout or 120.0)
    with closing_fal(stage.dress(client)) as dressed:
        yield dressed


@contextlib.asynccontextmanager
async def async_client_of(stage: Stage) -> AsyncIterator[fal_client.AsyncClient]:
    client = fal_client.AsyncClient(key=stage.key("fal"), default_timeout=stage.timeout or 120.0)
    stage.dress(client)
    try:
        yield client
    finally:
        await (await client._client).aclose()


def got(output: Any) -> Got:
    """Read an output as a program for FLUX would."""
    assert isinstance(output, dict)
    for image in output["images"]:
        assert image["url"].startswith("https://")
        assert set(image) >= {"url", "content_type"}
    return Got(tuple(image["url"] for image in output["images"]), output)


def run(stage: Stage) -> Got:
    with client_of(stage) as client:
        return got(client.run(APP, arguments=ARGUMENTS, timeout=stage.timeout))


def submit_get(stage: Stage) -> Got:
    with client_of(stage) as client:
        handle = client.submit(APP, arguments=ARGUMENTS)
        assert isinstance(handle, fal_client.SyncRequestHandle)
        status = handle.status(with_logs=True)
        assert isinstance(status, fal_client.Queued | fal_client.InProgress | fal_client.Completed)
        return got(handle.get())


def iter_events(stage: Stage) -> Got:
    with client_of(stage) as client:
        handle = client.submit(APP, arguments=ARGUMENTS)
        events = list(handle.iter_events(with_logs=True, interval=0.01))
        assert isinstance(events[-1], fal_client.Completed)
        assert events[-1].error is None
        return got(handle.get())


def subscribe(stage: Stage) -> Got:
    with client_of(stage) as client:
        return got(client.subscribe(APP, arguments=ARGUMENTS))


def subscribe_with_updates(stage: Stage) -> Got:
    seen: list[Any] = []
    with client_of(stage) as client:
        output = client.subscribe(
            APP, arguments=ARGUMENTS, with_logs=True, on_queue_update=seen.append
        )
    assert isinstance(seen[-1], fal_client.Completed)
    return got(output)


def stream(stage: Stage) -> Got:
    with client_of(stage) as client:
        return got(list(client.stream(APP, arguments=ARGUMENTS, timeout=stage.timeout))[-1])


def by_id(stage: Stage) -> Got:
    """Submit with one client, and come back with another that knows nothing but the id."""
    with client_of(stage) as client:
        request_id = client.submit(APP, arguments=ARGUMENTS).request_id
    with client_of(stage) as client:
        assert client.status(APP, request_id, with_logs=True) is not None
        return got(client.result(APP, request_id))


def _in_loop(call: Callable[[fal_client.AsyncClient, Stage], Awaitable[Any]]) -> Any:
    async def opened(stage: Stage) -> Any:
        async with async_client_of(stage) as client:
            return await call(client, stage)

    return lambda stage: got(asyncio.run(opened(stage)))


async def _run(client: fal_client.AsyncClient, stage: Stage) -> Any:
    return await client.run(APP, arguments=ARGUMENTS, timeout=stage.timeout)


async def _submit_get(client: fal_client.AsyncClient, stage: Stage) -> Any:
    handle = await client.submit(APP, arguments=ARGUMENTS)
    assert isinstance(handle, fal_client.AsyncRequestHandle)
    assert await handle.status() is not None
    return await handle.get()


async def _iter_events(client: fal_client.AsyncClient, stage: Stage) -> Any:
    handle = await client.submit(APP, arguments=ARGUMENTS)
    events = [event async for event in handle.iter_events(with_logs=True, interval=0.01)]
    assert isinstance(events[-1], fal_client.Completed)
    return await handle.get()


async def _subscribe(client: fal_client.AsyncClient, stage: Stage) -> Any:
    seen: list[Any] = []
    output = await client.subscribe(APP, arguments=ARGUMENTS, on_queue_update=seen.append)
    assert isinstance(seen[-1], fal_client.Completed)
    return output


async def _stream(client: fal_client.AsyncClient, stage: Stage) -> Any:
    events = [
        event async for event in client.stream(APP, arguments=ARGUMENTS, timeout=stage.timeout)
    ]
    return events[-1]


async def _by_id(client: fal_client.AsyncClient, stage: Stage) -> Any:
    request_id = (await client.submit(APP, arguments=ARGUMENTS)).request_id
    async with async_client_of(stage) as another:
        assert await another.status(APP, request_id) is not None
        return await another.result(APP, request_id)


CALLS = (
    Call("fal.run", "fal", "run", run),
    Call("fal.submit", "fal", "queue", submit_get),
    Call("fal.iter_events", "fal", "queue", iter_events),
    Call("fal.subscribe", "fal", "queue", subscribe),
    Call("fal.subscribe-updates", "fal", "queue", subscribe_with_updates),
    Call("fal.stream", "fal", "stream", stream),
    Call("fal.by-id", "fal", "queue", by_id),
    Call("fal.async.run", "fal", "run", _in_loop(_run)),
    Call("fal.async.submit", "fal", "queue", _in_loop(_submit_get)),
    Call("fal.async.iter_events", "fal", "queue", _in_loop(_iter_events)),
    Call("fal.async.subscribe", "fal", "queue", _in_loop(_subscribe)),
    Call("fal.async.stream", "fal", "stream", _in_loop(_stream)),
    Call("fal.async.by-id", "fal", "queue", _in_loop(_by_id)),
)

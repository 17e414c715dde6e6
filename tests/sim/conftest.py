"""The real SDKs, talking to the simulated providers, closed when the test ends."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import fal_client
import pytest
import replicate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from failover.sim import World


@pytest.fixture
def fal(world: World) -> Iterator[fal_client.SyncClient]:
    client = fal_client.SyncClient(key=world.secrets["fal"][0])
    yield client
    client._client.close()


@pytest.fixture
def afal(world: World) -> Callable[[], AbstractAsyncContextManager[fal_client.AsyncClient]]:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[fal_client.AsyncClient]:
        client = fal_client.AsyncClient(key=world.secrets["fal"][0])
        try:
            yield client
        finally:
            await (await client._client).aclose()

    return opened


def _replicate(world: World) -> replicate.Client:
    client = replicate.Client(api_token=world.secrets["replicate"][0])
    client.poll_interval = 0.01
    return client


@pytest.fixture
def rep(world: World) -> Iterator[replicate.Client]:
    client = _replicate(world)
    yield client
    client._client.close()


@pytest.fixture
def arep(world: World) -> Callable[[], AbstractAsyncContextManager[replicate.Client]]:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[replicate.Client]:
        client = _replicate(world)
        try:
            yield client
        finally:
            await client._async_client.aclose()

    return opened


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the waiting out of fal_client's retries."""
    monkeypatch.setattr("fal_client.client._get_retry_delay", lambda *_, **__: 0.0)

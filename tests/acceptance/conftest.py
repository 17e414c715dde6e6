"""Fixtures of the acceptance tests: a quick world, and a program in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import failover
from acceptance.stage import Stage, quick
from failover.sim import World

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREIGN = ("FAL_", "REPLICATE_", "FAILOVER_", "OPENAI_")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Simulated providers with quick jobs, their keys in the environment and nothing else there."""
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    with World() as world, world.environ():
        quick(world)
        yield world


@pytest.fixture
def stage(world: World) -> Iterator[Stage]:
    """A program without failover, until the test says otherwise."""
    yield Stage(world)
    assert not failover.is_installed()


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the waiting out of fal_client's retries."""
    monkeypatch.setattr("fal_client.client._get_retry_delay", lambda *_, **__: 0.0)

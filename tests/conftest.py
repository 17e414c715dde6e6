"""Fixtures for every test: a world of simulated providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from failover.sim import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    """Simulated providers under their own names, with valid keys in the environment."""
    with World() as world, world.environ():
        yield world

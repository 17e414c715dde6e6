"""Fixtures of the front doors' tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import failover
from doors.stage import DOORS, FAMILY, Door, Network, make

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDER_VARIABLES = ("FAL_", "REPLICATE_", "FAILOVER_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _clean_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without keys and proxies in the environment; leave nothing installed."""
    for name in list(os.environ):
        if name.upper().startswith(PROVIDER_VARIABLES):
            monkeypatch.delenv(name)
    yield
    failover.uninstall()


@pytest.fixture(params=DOORS, ids=str)
def door(request: pytest.FixtureRequest) -> Door:
    """Every library in every colour."""
    return request.param


@pytest.fixture(params=FAMILY, ids=str)
def family(request: pytest.FixtureRequest) -> Door:
    """Httpx and httpx2 in every colour."""
    return request.param


@pytest.fixture
def fo() -> Iterator[failover.Failover]:
    """Settings with a canary key for each provider and a catalog of one model."""
    made = make()
    yield made
    made.close()


@pytest.fixture
def network() -> Network:
    """A network on which everybody is well."""
    return Network()

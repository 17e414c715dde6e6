"""What the store tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.register_assert_rewrite("store_contract")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()

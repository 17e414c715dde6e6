"""A Redis that is full, frozen, read-only, gone, or no Redis at all is a `StoreError` in time."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from redis_server import RedisBench, RedisServer
from store_bench import JOB, SCOPE, against

from failover.errors import StoreError
from failover.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis


@pytest.fixture
def bench(redis_server: RedisServer) -> Iterator[RedisBench]:
    bench = RedisBench(redis_server)
    yield bench
    bench.store.close()


@contextmanager
def _setting(admin: redis.Redis, name: str, value: str) -> Iterator[None]:
    before = admin.config_get(name)[name]
    admin.config_set(name, value)
    try:
        yield
    finally:
        admin.config_set(name, before)


def test_a_full_server_is_a_store_error(bench: RedisBench) -> None:
    bench.store.standings()
    with (
        _setting(bench.admin, "maxmemory", "1"),
        pytest.raises(StoreError, match=r"OutOfMemoryError|OOM"),
    ):
        bench.store.save_job(JOB, 60.0)
    bench.store.save_job(JOB, 60.0)


def test_a_read_only_server_is_a_store_error(bench: RedisBench) -> None:
    bench.admin.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(StoreError, match="ReadOnlyError"):
            bench.store.note_failure(against())
    finally:
        bench.admin.replicaof("NO", "ONE")
    assert bench.store.note_failure(against()).opened


def test_a_refused_connection_is_a_store_error_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        store = RedisStore.from_url(f"redis://127.0.0.1:{closed.getsockname()[1]}/0")
        started = time.monotonic()
        with pytest.raises(StoreError, match="ConnectionError"):
            store.standings()
        assert time.monotonic() - started < 0.25
        with pytest.raises(StoreError):
            store.now()


def test_a_frozen_server_is_waited_for_no_longer_than_the_limit(bench: RedisBench) -> None:
    store = RedisStore.from_url(bench.server.url)
    store.standings()
    bench.server.signal(signal.SIGSTOP)
    try:
        for verb in (store.standings, lambda: store.find_job(JOB.id)):
            started = time.monotonic()
            with pytest.raises(StoreError, match="TimeoutError"):
                verb()
            assert 0.2 < time.monotonic() - started < 0.5
    finally:
        bench.server.signal(signal.SIGCONT)
    assert store.standings() == ()
    store.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"-MOVED 3999 127.0.0.1:1\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-NOSCRIPT No matching script\r\n",
        b"-WRONGPASS invalid username-password pair\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b":not a number\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"*1\r\n$1\r\nx\r\n",
        b"*-7\r\n",
        b"*3\r\n$1\r\n1\r\n$1\r\nx\r\n$1\r\ny\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\xff\xfe",
        b"",
    ],
)
def test_garbage_from_a_server_is_a_store_error(reply: bytes) -> None:
    with _liar(reply) as port:
        store = RedisStore.from_url(f"redis://127.0.0.1:{port}/0?protocol=2")
        for verb in (
            lambda: store.note_failure(against()),
            lambda: store.find_job(JOB.id),
            store.standings,
            store.now,
        ):
            _answers_or_fails(verb)
        with pytest.raises(StoreError):
            store.admit(SCOPE, 30.0)
        store.close()


def _answers_or_fails(verb: object) -> None:
    started, said = time.monotonic(), "redis: "
    try:
        verb()
    except StoreError as error:
        said = str(error)
    assert said.startswith("redis: ")
    assert time.monotonic() - started < 0.9


@contextmanager
def _liar(reply: bytes) -> Iterator[int]:
    """Serve the same reply to whatever is said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(5)
                try:
                    while connection.recv(65536):
                        connection.sendall(reply or b"")
                except OSError:
                    return

        threads = []

        def accept() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            accepting.join(5)
            for thread in threads:
                thread.join(6)

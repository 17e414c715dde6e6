"""A real redis-server on a free loopback port, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import redis
from store_bench import Clock

from failover.stores.redis import RedisStore

if TYPE_CHECKING:
    from pathlib import Path
    from signal import Signals

    from failover.stores.contract import Store

PATIENT = "?socket_timeout=10&socket_connect_timeout=10"  # for machines that are busy otherwise
PASSWORD = "canary-password-nobody-may-find"


class RedisServer:
    """One server process.

    Args:
        folder: where it may write.
        tls: its command line options for TLS, if it is to listen with TLS as well.
    """

    def __init__(self, folder: Path, tls: list[str] | None = None) -> None:
        self._folder = folder
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; a port that somebody else has just taken is no reason to fail."""
        if shutil.which("redis-server") is None:
            pytest.fail("these tests need a redis-server; run: apt-get install -y redis-server")
        for _ in range(5):
            if self._started():
                return
        pytest.fail("redis-server did not start")

    def _started(self) -> bool:
        self.port, self.tls_port = _free_ports()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.admin = redis.Redis(port=self.port)
        options = (
            f"--port {self.port} --bind 127.0.0.1 --appendonly no --dir {self._folder}".split()
        )
        if self._tls is not None:
            options += ["--tls-port", str(self.tls_port), *self._tls]
        self._process = subprocess.Popen(
            ["redis-server", *options, "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"Ready to accept connections" in line:
                return True
        self.stop()
        return False

    def signal(self, number: Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        if self._process is not None:
            self.admin.close()
            assert self._process.stdout is not None
            self._process.kill()
            self._process.stdout.close()
            self._process.wait(10)
            self._process = None


@dataclass
class RedisRecipe:
    url: str

    def open(self) -> Store:
        return RedisStore.from_url(self.url)


class RedisBench:
    """Redis' clock can't be moved, so its records are moved the other way."""

    persistent = True

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.admin = server.admin
        self.admin.flushall()
        self.store = RedisStore.from_url(server.url + PATIENT)
        self.clock = Clock()

    def advance(self, seconds: float) -> None:
        self.clock.ahead += seconds
        for scope, text in self.admin.hgetall("{failover}:standings").items():
            row = json.loads(text)
            for name in ("set_at", "lease", "expires"):
                row[name] = max(0.0, row[name] - seconds) if row[name] else 0.0
            self.admin.hset("{failover}:standings", scope, json.dumps(row))
        for key in self.admin.scan_iter("{failover}:job:*"):
            self.admin.pexpire(key, max(0, self.admin.pttl(key) - round(seconds * 1000)))

    def recipe(self) -> RedisRecipe:
        return RedisRecipe(self.server.url + PATIENT)

    def spoil(self, scope: str, row: bytes) -> None:
        assert self.admin.hset("{failover}:standings", scope, row) == 0

    def spoil_job(self, id: str, row: bytes) -> None:
        assert self.admin.set(f"{{failover}}:job:{id}", row, xx=True)

    def rows(self) -> list[bytes]:
        jobs = [self.admin.get(key) for key in self.admin.scan_iter("{failover}:job:*")]
        return [*self.admin.hgetall("{failover}:standings").values(), *filter(None, jobs)]

    def raw(self) -> bytes:
        return b"\n".join([*self.rows(), *self.admin.scan_iter()])


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]

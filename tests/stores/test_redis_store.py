"""The store in a real Redis: the contract, and what is particular to a server."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
import redis
import redis.asyncio
import trustme
from redis_server import PASSWORD, RedisBench, RedisServer
from store_bench import JOB, RULE, against, known
from store_contract import SharedContract, StoreContract

from failover.errors import ConfigurationError, StoreError
from failover.stores import contract, redis_scripts
from failover.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from failover.stores.contract import Store

STANDINGS = "{failover}:standings"


@pytest.fixture
def bench(redis_server: RedisServer) -> Iterator[RedisBench]:
    bench = RedisBench(redis_server)
    yield bench
    bench.store.close()


class TestRedisStore(StoreContract, SharedContract):
    @pytest.fixture
    def bench(self, bench: RedisBench) -> RedisBench:
        return bench

    @pytest.fixture
    def store_to_fill(self, bench: RedisBench) -> Store:
        return bench.store

    def test_it_is_shared(self, bench: RedisBench) -> None:
        assert bench.store.shared is True


class TestClientOfTheUsers(StoreContract):
    """One that decodes replies is as good, and stays the user's."""

    @pytest.fixture
    def bench(self, redis_server: RedisServer) -> Iterator[RedisBench]:
        bench = RedisBench(redis_server)
        client = redis.Redis(port=redis_server.port, decode_responses=True)
        bench.store = RedisStore(client)
        yield bench
        bench.store.close()
        assert client.ping()
        client.close()


def test_the_clock_is_the_servers(bench: RedisBench) -> None:
    seconds, micros = bench.admin.time()
    first = bench.store.now()
    assert 0.0 <= first - (seconds + micros / 1e6) < 1.0
    bench.admin.config_resetstat()
    assert bench.store.now() >= first
    assert bench.admin.info("commandstats").get("cmdstat_time") is None
    opened = bench.store.note_failure(against())
    assert abs(opened.set_at - bench.store.now()) < 1.0


def test_every_key_shares_a_hash_tag_and_expires(bench: RedisBench) -> None:
    bench.store.note_failure(against())
    bench.store.save_job(JOB, 60.0)
    assert sorted(bench.admin.keys()) == [b"{failover}:job:" + JOB.id.encode(), STANDINGS.encode()]
    assert 0 < bench.admin.pttl(f"{{failover}}:job:{JOB.id}") <= 60_000
    assert 0 < bench.admin.pttl(STANDINGS) <= contract.RETENTION * 1000


def test_another_prefix_is_another_store(bench: RedisBench) -> None:
    bench.store.note_failure(against())
    other = RedisStore.from_url(bench.server.url, prefix="staging")
    assert other.standings() == ()
    assert repr(other) == "RedisStore(prefix='{staging}')"
    other.close()


def test_a_server_that_forgot_the_scripts_is_told_them_again(bench: RedisBench) -> None:
    bench.store.note_failure(against(rule=RULE))
    bench.admin.script_flush()
    assert bench.store.note_failure(against(rule=RULE)).count == 2
    bench.admin.config_resetstat()
    assert bench.store.note_failure(against(rule=RULE)).count == 3
    calls = bench.admin.info("commandstats")
    assert calls["cmdstat_evalsha"]["calls"] == 1
    assert "cmdstat_eval" not in calls


def test_scopes_are_bounded(bench: RedisBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(redis_scripts._CONSTANTS, "MAX_SCOPES", 20)
    redis_scripts.script.cache_clear()
    try:
        for number in range(50):
            bench.store.note_failure(against(f"model:fal/{number}"))
        scopes = {standing.scope for standing in bench.store.standings()}
    finally:
        redis_scripts.script.cache_clear()
    assert 18 <= len(scopes) <= 20
    assert {"model:fal/49", "model:fal/40"} <= scopes
    assert "model:fal/0" not in scopes


def test_a_key_of_another_type_is_a_store_error(bench: RedisBench) -> None:
    keys = [STANDINGS, f"{{failover}}:job:{JOB.id}"]
    for key in keys:
        bench.admin.rpush(key, "somebody else's")
    with pytest.raises(StoreError, match="redis: "):
        bench.store.note_failure(against())
    with pytest.raises(StoreError, match="redis: ResponseError WRONGTYPE"):
        bench.store.find_job(JOB.id)
    assert [bench.admin.lrange(key, 0, -1) for key in keys] == [[b"somebody else's"]] * 2


def test_acl_users_and_passwords_pass_through_and_are_never_shown(
    bench: RedisBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    bench.admin.execute_command("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~*", "+@all")
    try:
        url = f"redis://app:{PASSWORD}@127.0.0.1:{bench.server.port}/0"
        store = RedisStore.from_url(url)
        assert store.note_failure(against()).opened
        shown = [repr(store), str(vars(store)), caplog.text]
        store.close()
        for wrong in (
            url.replace("app:", "nobody:"),
            url.replace(f":{bench.server.port}/", ":1/"),
        ):
            with pytest.raises(StoreError) as caught:
                RedisStore.from_url(wrong).standings()
            shown += [_everything(caught.value), caplog.text]
    finally:
        bench.admin.acl_deluser("app")
    assert not [text for text in shown if PASSWORD in text]


def _everything(error: BaseException) -> str:
    """What an error reporter collects: the chain, and the variables of every frame."""
    collected = traceback.TracebackException.from_exception(error, capture_locals=True)
    inside = [frame for frame in collected.stack if "stores" in frame.filename]
    assert collected.__cause__ is None
    assert collected.__context__ is None
    own = [frame for frame in inside if "test_redis_store" not in frame.filename]
    return str(error) + str(error.args) + str([frame.locals for frame in own])


def test_tls_passes_through(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    files = {"cert": "cert.pem", "key": "key.pem", "ca-cert": "ca.pem"}
    options = [part for name, file in files.items() for part in (f"--tls-{name}-file", file)]
    server = RedisServer(tmp_path, [*options, "--tls-auth-clients", "no"])
    server.start()
    try:
        trusted = RedisStore.from_url(
            f"rediss://127.0.0.1:{server.tls_port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
        )
        assert trusted.note_failure(against()).opened
        trusted.close()
        with pytest.raises(StoreError, match="ConnectionError"):
            RedisStore.from_url(f"rediss://127.0.0.1:{server.tls_port}/0").standings()
    finally:
        server.stop()


def test_an_async_client_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not async"):
        RedisStore(redis.asyncio.Redis())


def test_a_url_the_driver_can_not_read_is_refused() -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1:6379/0?socket_timeout=soon"
    with pytest.raises(ConfigurationError, match="can't read") as caught:
        RedisStore.from_url(url)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_row_only_python_finds_unreadable_is_a_store_error_once(bench: RedisBench) -> None:
    with pytest.raises(StoreError, match="can't be read"):
        bench.store.note_failure(against(reason="a\u202eb"))
    assert known(bench.store) is None
    assert bench.store.note_failure(against()).opened

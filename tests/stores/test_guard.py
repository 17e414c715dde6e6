"""The store that never fails: the contract around each store, and what it does in an outage."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from redis_server import RedisBench, RedisServer
from store_bench import JOB, RULE, SCOPE, Clock, against, known
from store_contract import LEASE, StoreContract

from failover.core.health import Entry
from failover.errors import StoreError
from failover.stores.guard import ERRORS, JITTER, PAUSE, GuardedStore
from failover.stores.memory import MemoryStore
from failover.stores.redis import RedisStore
from failover.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from failover.stores.contract import Store

LONG_ENOUGH = PAUSE * (1.0 + JITTER) + 0.01


def never(verb: str, error: Exception) -> None:
    raise AssertionError(f"{verb}: {error!r}")


class _Bench:
    """A guarded store with nothing wrong."""

    persistent = False  # what was saved here is known with its input

    def __init__(self, inner: Store, clock: Clock) -> None:
        self.clock = clock
        self.store = GuardedStore(inner, never, clock=clock, limit=10.0)

    def advance(self, seconds: float) -> None:
        self.clock.ahead += seconds


class TestGuardedMemory(StoreContract):
    @pytest.fixture
    def bench(self) -> _Bench:
        clock = Clock()
        return _Bench(MemoryStore(clock=clock), clock)


class TestGuardedSqlite(StoreContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[_Bench]:
        clock = Clock()
        bench = _Bench(SqliteStore(tmp_path / "failover.db", clock=clock, timeout=5.0), clock)
        yield bench
        bench.store.close()


class TestGuardedRedis(StoreContract):
    @pytest.fixture
    def bench(self, redis_server: RedisServer) -> Iterator[RedisBench]:
        bench = RedisBench(redis_server)
        bench.persistent = False
        bench.store = GuardedStore(bench.store, never, clock=bench.clock, limit=10.0)
        yield bench
        bench.store.close()


class Flaky:
    """A store with outages, and a clock that stands still unless it is moved."""

    shared = True

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.asked = 0
        self.trouble: BaseException | None = None
        self.slow = 0.0
        self.within: threading.Event | None = None
        self.go_on: threading.Event | None = None
        self.memory = MemoryStore(clock=self.clock)
        self.told: list[tuple[str, Exception]] = []
        self.guarded = GuardedStore(self, self.tell, clock=self.clock)

    def clock(self) -> float:
        return self.time

    def tell(self, verb: str, error: Exception) -> None:
        self.told.append((verb, error))

    def now(self) -> float:
        return self.time

    def close(self) -> None:
        self._asked()

    def __getattr__(self, verb: str) -> object:
        def ask(*arguments: object) -> object:
            self._asked()
            return getattr(self.memory, verb)(*arguments)

        return ask

    def _asked(self) -> None:
        self.asked += 1
        self.time += self.slow
        if self.within is not None and self.go_on is not None:
            self.within.set()
            assert self.go_on.wait(10)
        if self.trouble is not None:
            raise self.trouble

    def fail(self) -> None:
        """Begin an outage, and have it noticed."""
        self.trouble = StoreError("down")
        for _ in range(ERRORS):
            self.guarded.find_job("unknown")

    def recover(self) -> None:
        """End it, and let the pause pass."""
        self.trouble = None
        self.time += LONG_ENOUGH


@pytest.fixture
def flaky() -> Flaky:
    return Flaky()


def test_three_errors_in_a_row_and_the_store_is_left_alone(flaky: Flaky) -> None:
    flaky.trouble = StoreError("down")
    for number in range(10):
        assert flaky.guarded.admit(SCOPE, LEASE).entry is Entry.GO
        assert flaky.asked == min(number + 1, ERRORS)
    flaky.recover()
    assert flaky.guarded.standings() == ()
    assert flaky.asked == ERRORS + 1


def test_errors_that_are_not_in_a_row_are_forgiven(flaky: Flaky) -> None:
    for _ in range(5):
        flaky.trouble = StoreError("hiccup")
        for _ in range(ERRORS - 1):
            flaky.guarded.standings()
        flaky.trouble = None
        flaky.guarded.standings()
    assert flaky.asked == 5 * ERRORS


def test_one_timeout_is_enough(flaky: Flaky) -> None:
    flaky.trouble, flaky.slow = StoreError("timeout"), 0.25
    for _ in range(5):
        flaky.guarded.standings()
    assert flaky.asked == 1


def test_a_late_answer_counts_but_the_store_is_left_alone(flaky: Flaky) -> None:
    flaky.memory.save_job(JOB, 60.0)
    flaky.slow = 0.3
    assert flaky.guarded.find_job(JOB.id) == JOB
    assert [str(error) for _, error in flaky.told] == ["took 0.30 s"]
    assert flaky.guarded.find_job(JOB.id) is None
    assert flaky.asked == 1


def test_a_store_that_stays_down_is_tried_once_each_pause(flaky: Flaky) -> None:
    flaky.fail()
    for number in range(5):
        flaky.time += LONG_ENOUGH
        for _ in range(10):
            flaky.guarded.standings()
        assert flaky.asked == ERRORS + number + 1


def test_while_one_tries_all_others_stay_with_memory(flaky: Flaky) -> None:
    flaky.fail()
    flaky.recover()
    flaky.within, flaky.go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        trial = pool.submit(flaky.guarded.standings)
        assert flaky.within.wait(10)
        asked = flaky.asked
        for _ in range(10):
            flaky.guarded.standings()
        assert flaky.asked == asked
        flaky.go_on.set()
        assert trial.result() == ()
    flaky.within = None
    flaky.guarded.standings()
    assert flaky.asked == asked + 1


def test_an_answer_from_before_the_outage_does_not_end_it(flaky: Flaky) -> None:
    flaky.within, flaky.go_on = threading.Event(), threading.Event()
    within, go_on = flaky.within, flaky.go_on
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(flaky.guarded.standings)
        assert within.wait(10)
        flaky.within = None
        flaky.fail()
        asked = flaky.asked
        flaky.trouble = None
        go_on.set()
        assert late.result() == ()
    flaky.guarded.standings()
    assert flaky.asked == asked


def test_an_outage_forgets_no_cooldown(flaky: Flaky) -> None:
    flaky.memory.note_failure(against("host:seen"))
    flaky.guarded.standings()
    flaky.guarded.note_failure(against("host:own"))
    flaky.fail()
    for scope in ("host:seen", "host:own"):
        assert flaky.guarded.admit(scope, LEASE).entry is Entry.REFUSED
    assert {standing.scope for standing in flaky.guarded.standings()} == {"host:seen", "host:own"}
    flaky.time += 11.0
    assert flaky.guarded.admit("host:seen", LEASE).entry is Entry.PROBE
    assert flaky.guarded.admit("host:seen", LEASE).entry is Entry.REFUSED


def test_an_outage_forgets_no_generation(flaky: Flaky) -> None:
    flaky.memory.note_failure(against("host:probed"))
    flaky.memory.note_failure(against("host:closed"))
    flaky.guarded.standings()
    flaky.time += 11.0
    probe = flaky.guarded.admit("host:probed", LEASE)
    assert probe.entry is Entry.PROBE
    other = flaky.guarded.admit("host:closed", LEASE)
    assert flaky.guarded.note_success({"host:closed": other.generation}) == ("host:closed",)
    flaky.fail()
    assert flaky.guarded.admit("host:probed", LEASE).entry is Entry.REFUSED
    failed = flaky.guarded.note_failure(against("host:probed", generation=probe.generation))
    assert (failed.generation, failed.level) == (probe.generation + 1, 2)
    again = flaky.guarded.note_failure(against("host:closed", generation=other.generation))
    assert (again.generation, again.level) == (other.generation + 1, 2)


def test_what_was_written_meanwhile_is_handed_in(flaky: Flaky) -> None:
    flaky.guarded.standings()
    flaky.fail()
    opened = flaky.guarded.note_failure(against(asked=100.0, reason="429"))
    flaky.guarded.save_job(JOB, 600.0)
    assert flaky.guarded.find_job(JOB.id) == JOB
    flaky.recover()
    assert [standing.scope for standing in flaky.guarded.standings()] == [SCOPE]
    handed = known(flaky.memory)
    assert handed is not None
    assert handed.reason == "429"
    end = opened.set_at + opened.length
    assert handed.set_at + handed.length == pytest.approx(end, abs=1e-3)
    assert flaky.memory.find_job(JOB.id) == JOB
    assert flaky.memory.time_left(JOB.id) == pytest.approx(600.0 - LONG_ENOUGH, abs=1e-3)


@pytest.mark.parametrize(("theirs", "ours"), [(200.0, 100.0), (100.0, 200.0)])
def test_of_two_opinions_the_later_end_wins(flaky: Flaky, theirs: float, ours: float) -> None:
    flaky.fail()
    flaky.guarded.note_failure(against(asked=ours))
    flaky.memory.note_failure(against(asked=theirs))
    end = flaky.time + 200.0
    flaky.recover()
    flaky.guarded.standings()
    merged = known(flaky.memory)
    assert merged is not None
    assert merged.set_at + merged.length == pytest.approx(end, abs=1e-3)


def test_what_has_ended_meanwhile_is_not_handed_in(flaky: Flaky) -> None:
    flaky.fail()
    flaky.guarded.note_failure(against("host:over"))
    flaky.guarded.note_failure(against("host:served", asked=100.0))
    assert flaky.guarded.note_success({"host:served": 1}) == ("host:served",)
    flaky.time += 11.0
    flaky.recover()
    assert flaky.guarded.standings() == ()
    assert flaky.memory.standings() == ()


def test_one_error_alone_is_handed_in_with_the_next_verb(flaky: Flaky) -> None:
    flaky.trouble = StoreError("hiccup")
    assert flaky.guarded.note_failure(against()).opened
    flaky.trouble = None
    assert flaky.guarded.admit(SCOPE, LEASE).entry is Entry.REFUSED
    assert known(flaky.memory) is not None


def test_much_is_handed_in_a_little_at_a_time(flaky: Flaky) -> None:
    flaky.fail()
    for number in range(20):
        flaky.guarded.save_job(replace(JOB, id=str(number)), 600.0)
    flaky.recover()
    flaky.slow = 0.03
    flaky.guarded.standings()
    assert 0 < len(flaky.memory._jobs) < 20
    for _ in range(10):
        flaky.guarded.standings()
    assert len(flaky.memory._jobs) == 20


def test_closing_hands_in_what_is_left(flaky: Flaky) -> None:
    flaky.fail()
    flaky.guarded.save_job(JOB, 600.0)
    flaky.trouble = None
    flaky.guarded.close()
    assert flaky.memory.find_job(JOB.id) == JOB


def test_a_job_moved_by_another_process_is_not_hidden(flaky: Flaky) -> None:
    flaky.guarded.save_job(JOB, 60.0)
    moved = replace(JOB, provider="google", input={})
    flaky.memory.save_job(moved, 60.0)
    assert flaky.guarded.find_job(JOB.id) == moved
    flaky.memory.save_job(replace(JOB, input={}), 60.0)
    assert flaky.guarded.find_job(JOB.id) == JOB


@pytest.mark.parametrize(
    "trouble", [StoreError("down"), ValueError("a defect"), OSError(28, "full"), KeyError("x")]
)
def test_no_verb_raises(flaky: Flaky, trouble: Exception) -> None:
    guarded = flaky.guarded
    assert guarded.now() == flaky.time
    flaky.trouble = trouble
    for _ in range(3):
        assert guarded.standings() == ()
        assert guarded.note_failure(against("host:fal", rule=RULE)).count > 0
        assert guarded.admit(SCOPE, LEASE).entry is Entry.GO
        assert guarded.release(SCOPE, 0) is None
        assert guarded.note_success({"host:fal": 0}) == ()
        assert guarded.find_job(JOB.id) is None
        assert guarded.close() is None
    assert guarded.now() == flaky.time
    assert flaky.told[0] == ("standings", trouble)


def test_a_clock_that_fails_goes_on(flaky: Flaky) -> None:
    class Broken(Flaky):
        def now(self) -> float:
            raise StoreError("down")

    broken = Broken()
    before = broken.guarded.now()
    broken.time += 10.0
    assert broken.guarded.now() == before + 10.0
    assert abs(before - time.time()) < 60.0
    assert broken.told[0][0] == "now"


def test_an_interrupt_is_not_swallowed(flaky: Flaky) -> None:
    flaky.trouble = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        flaky.guarded.standings()
    flaky.trouble = None
    assert flaky.guarded.standings() == ()


def test_a_trial_that_is_interrupted_does_not_block_the_next(flaky: Flaky) -> None:
    flaky.fail()
    flaky.recover()
    flaky.trouble = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        flaky.guarded.standings()
    flaky.recover()
    asked = flaky.asked
    flaky.guarded.standings()
    assert flaky.asked == asked + 1


def test_failures_are_told_at_most_once_a_second(flaky: Flaky) -> None:
    flaky.trouble = StoreError("down")
    for _ in range(3):
        flaky.guarded.standings()
    assert len(flaky.told) == 1
    flaky.time += LONG_ENOUGH
    flaky.guarded.standings()
    assert len(flaky.told) == 2


def test_a_callback_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    flaky = Flaky()
    flaky.trouble = StoreError("down")
    guarded = GuardedStore(flaky, never, clock=flaky.clock)
    with caplog.at_level(logging.ERROR, "failover"):
        assert guarded.standings() == ()
    assert "on_failure" in caplog.text


def test_a_child_leaves_the_handing_in_to_its_parent(flaky: Flaky) -> None:
    flaky.fail()
    flaky.guarded.save_job(JOB, 600.0)
    flaky.recover()
    child = os.fork()
    if not child:
        flaky.guarded.standings()
        handed_in = flaky.memory.find_job(JOB.id) is not None
        found = flaky.guarded.find_job(JOB.id) == JOB
        os._exit(0 if found and not handed_in else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    flaky.guarded.standings()
    assert flaky.memory.find_job(JOB.id) == JOB


def test_a_frozen_redis_is_waited_for_once(redis_server: RedisServer) -> None:
    bench = RedisBench(redis_server)
    bench.store.close()
    inner = RedisStore.from_url(redis_server.url)
    told: list[tuple[str, Exception]] = []
    clock = Clock()
    guarded = GuardedStore(inner, lambda *what: told.append(what), clock=clock)
    guarded.note_failure(against(asked=600.0))
    redis_server.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert guarded.admit(SCOPE, LEASE).entry is Entry.REFUSED
        first = time.monotonic() - started
        started = time.monotonic()
        for _ in range(100):
            assert guarded.admit(SCOPE, LEASE).entry is Entry.REFUSED
        guarded.note_failure(against("host:fal", asked=600.0))
        guarded.save_job(JOB, 600.0)
        rest = time.monotonic() - started
    finally:
        redis_server.signal(signal.SIGCONT)
    assert 0.2 < first < 0.5
    assert rest < 0.1
    assert [verb for verb, _ in told] == ["admit"]
    clock.ahead += LONG_ENOUGH
    assert {standing.scope for standing in guarded.standings()} == {SCOPE, "host:fal"}
    other = RedisStore.from_url(redis_server.url)
    assert known(other, "host:fal") is not None
    assert other.find_job(JOB.id) == replace(JOB, input={})
    other.close()
    guarded.close()


def test_a_locked_file_is_waited_for_once(tmp_path: Path) -> None:
    path = tmp_path / "failover.db"
    told: list[tuple[str, Exception]] = []
    inner = SqliteStore(path)
    guarded = GuardedStore(inner, lambda *what: told.append(what))
    guarded.note_failure(against())
    with inner._connection._locked(), ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        assert pool.submit(guarded.note_failure, against("host:a")).result().opened
        first = time.monotonic() - started
        started = time.monotonic()
        for number in range(50):
            pool.submit(guarded.note_failure, against(f"host:{number}")).result()
        rest = time.monotonic() - started
    assert 0.2 < first < 0.5
    assert rest < 0.1
    assert len(told) == 1
    guarded.close()

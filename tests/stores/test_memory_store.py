"""The store in this process alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_bench import JOB, SCOPE, Clock, against, known
from store_contract import StoreContract

from failover.core.health import Standing
from failover.stores.contract import MAX_SCOPES
from failover.stores.memory import MemoryStore


class MemoryBench:
    persistent = False

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)

    def advance(self, seconds: float) -> None:
        self.clock.ahead += seconds


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def bench(self) -> MemoryBench:
        return MemoryBench()

    def test_it_is_not_shared(self, bench: MemoryBench) -> None:
        assert bench.store.shared is False


def test_the_oldest_jobs_go_first() -> None:
    store = MemoryStore(max_jobs=3)
    for number in range(5):
        store.save_job(replace(JOB, id=str(number)), 60.0)
    assert [store.find_job(str(number)) is None for number in range(5)] == [
        True,
        True,
        *[False] * 3,
    ]


def test_scopes_are_bounded() -> None:
    store = MemoryStore()
    for number in range(MAX_SCOPES + 10):
        store.note_failure(against(f"model:fal/{number}"))
    left = {standing.scope for standing in store.standings()}
    assert len(left) == MAX_SCOPES
    assert "model:fal/9" not in left
    assert "model:fal/10" in left


def test_of_two_opinions_the_later_end_wins() -> None:
    store = MemoryStore(clock=lambda: 1000.0)
    store.note_failure(against())
    shorter = Standing(SCOPE, 1, 1, 1000.0, 5.0, "429", 7)
    longer = Standing(SCOPE, 1, 1, 990.0, 60.0, "429", 7)
    store.adopt([shorter])
    assert known(store).length == 10.0
    store.adopt([longer, Standing("host:fal", 1, 1, 1000.0, 5.0, "connect", 1)])
    assert known(store) == longer
    assert known(store, "host:fal") is not None


def test_the_time_left_of_a_job_is_known() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.save_job(JOB, 60.0)
    clock.ahead = 20.0
    assert 39.0 < store.time_left(JOB.id) <= 40.0
    assert store.time_left("unknown") == 0.0


def test_repr_shows_no_content() -> None:
    store = MemoryStore()
    store.save_job(JOB, 60.0)
    assert repr(store) == "MemoryStore(0 scopes, 1 jobs)"

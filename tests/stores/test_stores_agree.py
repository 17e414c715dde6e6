"""One machine of random verbs over memory, SQLite and Redis: each answer is the same in all three.

Redis has a clock of its own that nobody moves, so times agree within what the machine took, and
time passes in steps that no rule sits on the edge of.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis_server import RedisBench, RedisServer
from store_bench import JOB, Clock, against

from failover.core.health import Rule
from failover.stores.memory import MemoryStore
from failover.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from failover.core.health import Admission, Standing
    from failover.stores.contract import Store

T = TypeVar("T")
SLACK = 3.0  # seconds that one run may take
SCOPES = st.sampled_from(["model:fal/a", "key-model:fal/k/ü"])
RULES = st.sampled_from([Rule(1, 97.0, 301.0), Rule(2, 97.0, 3607.0)])
AGE = st.sampled_from([0, 0, 0, 1, 2])  # generations behind the newest one
STEPS = [-1.0, 41.0, 131.0, 403.0, 1511.0, 40_009.0]


class Agreement(RuleBasedStateMachine):
    """The three stores, driven alike."""

    server: RedisServer

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.redis = RedisBench(self.server)
        self.newest: dict[str, int] = {}
        self.stores: list[Store] = [
            MemoryStore(clock=self.clock),
            SqliteStore(Path(self.folder.name) / "failover.db", clock=self.clock, timeout=10.0),
            self.redis.store,
        ]

    def same(
        self, verb: Callable[[Store], T], parts: Callable[[T, float], tuple[object, list[float]]]
    ) -> T:
        """Compare the answers: one part exactly, the other as moments."""
        answers = [verb(store) for store in self.stores]
        nows = [store.now() for store in self.stores]
        (exact, moments), *others = map(parts, answers, nows)
        for their_exact, their_moments in others:
            assert their_exact == exact
            assert their_moments == pytest.approx(moments, abs=SLACK)
        return answers[0]

    def generation(self, scope: str, age: int) -> int:
        """The newest generation of a scope, or one before it."""
        return max(0, self.newest.get(scope, 0) - age)

    @rule(
        scope=SCOPES,
        how=RULES,
        asked=st.sampled_from([None, None, 0.0, 37.0, 613.0, 9e9]),
        age=AGE,
        jitter=st.sampled_from([1.0, 1.25]),
    )
    def note_failure(
        self, scope: str, how: Rule, asked: float | None, age: int, jitter: float
    ) -> None:
        generation = self.generation(scope, age)
        evidence = against(scope, how, asked=asked, generation=generation, jitter=jitter)
        standing = self.same(lambda store: store.note_failure(evidence), _standing)
        self.newest[scope] = standing.generation

    @rule(ages=st.dictionaries(SCOPES, AGE, min_size=1))
    def note_success(self, ages: dict[str, int]) -> None:
        scopes = {scope: self.generation(scope, age) for scope, age in ages.items()}
        self.same(lambda store: store.note_success(scopes), _exact)

    @rule(scope=SCOPES, lease=st.sampled_from([31.0, 331.0]))
    def admit(self, scope: str, lease: float) -> None:
        admission = self.same(lambda store: store.admit(scope, lease), _admission)
        self.newest[scope] = admission.generation

    @rule(scope=SCOPES, age=AGE)
    def release(self, scope: str, age: int) -> None:
        generation = self.generation(scope, age)
        self.same(lambda store: store.release(scope, generation), _exact)

    @rule(id=st.sampled_from("ab"), ttl=st.sampled_from([67.0, 5003.0]), cancelled=st.booleans())
    def save_job(self, id: str, ttl: float, *, cancelled: bool) -> None:
        job = replace(JOB, id=id, cancelled=cancelled, input={})
        self.same(lambda store: store.save_job(job, ttl), _exact)

    @rule(id=st.sampled_from("ab"))
    def find_job(self, id: str) -> None:
        self.same(lambda store: store.find_job(id), _exact)

    @rule(seconds=st.sampled_from(STEPS))
    def time_passes(self, seconds: float) -> None:
        self.clock.ahead += seconds
        self.redis.advance(seconds)

    @invariant()
    def standings_agree(self) -> None:
        self.same(lambda store: store.standings(), _standings)

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()


def _standings(standings: Iterable[Standing], now: float) -> tuple[object, list[float]]:
    """In any order; times as seconds from now."""
    exact: list[object] = []
    moments: list[float] = []
    for standing in sorted(standings, key=lambda one: one.scope):
        exact.append(replace(standing, set_at=0.0, length=0.0, lease=0.0))
        exact.append((standing.opened, standing.set_at > 0, standing.lease > 0))
        moments += [standing.set_at, standing.set_at + standing.length, standing.lease]
    return exact, [moment - now if moment else 0.0 for moment in moments]


def _standing(standing: Standing, now: float) -> tuple[object, list[float]]:
    return _standings((standing,), now)


def _admission(admission: Admission, now: float) -> tuple[object, list[float]]:
    return (admission.entry, admission.generation), [admission.seconds]


def _exact(answer: object, now: float) -> tuple[object, list[float]]:
    return answer, []


@pytest.mark.timeout(60)
def test_memory_sqlite_and_redis_give_the_same_answers(redis_server: RedisServer) -> None:
    machine = type("Agreement", (Agreement,), {"server": redis_server})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

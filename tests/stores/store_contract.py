"""The contract of `failover.stores.contract.Store` as tests; every store inherits them.

A subclass provides a fixture `bench`. Those whose data other processes see inherit
`SharedContract` as well.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import store_workers
from store_bench import AT_ONCE, JOB, PROMPT, RULE, SCOPE, against, known

from failover.core.health import SERVER_CAP, Entry, Rule
from failover.core.types import Job, Mode
from failover.errors import StoreError
from failover.stores.contract import RETENTION

if TYPE_CHECKING:
    from store_bench import Bench

    from failover.stores.contract import Store

LEASE = 30.0
BOUND = 40.0  # seconds that other processes may take
CORRUPT_ROWS = [
    b"",
    b"\xff\xfe\x00garbage",
    b"null",
    b"[]",
    b'{"canary":',
    b"[" * 1500,
    b'{"v":1}',
    b'{"v":0}',
    b'{"v":"1"}',
    b'{"v":1,"count":-1,"level":0,"set_at":0,"length":0,"reason":"","generation":0,"lease":0,"cap":300}',
    b'{"v":1,"count":1,"level":99,"set_at":1,"length":9,"reason":"","generation":1,"lease":0,"cap":300}',
    b'{"v":1,"count":1,"level":1,"set_at":1,"length":1e11,"reason":"","generation":1,"lease":0,"cap":300}',
    b'{"v":1,"count":1,"level":1,"set_at":NaN,"length":9,"reason":"","generation":1,"lease":0,"cap":300}',
    b'{"v":1,"count":1,"level":1,"set_at":1,"length":9,"reason":7,"generation":1,"lease":0,"cap":300}',
    b'{"v":1,"count":1,"level":1,"set_at":1,"length":9,"reason":"","generation":1,"lease":0,"cap":0}',
    b'{"v":1,"count":true,"level":1,"set_at":1,"length":9,"reason":"","generation":1,"lease":0,"cap":3}',
    b"x" * 100_000,
]


class StoreContract:
    """What holds for every store."""

    @pytest.fixture
    def store(self, bench: Bench) -> Store:
        return bench.store

    def test_nothing_is_known_at_first(self, store: Store) -> None:
        assert store.standings() == ()
        assert store.admit(SCOPE, LEASE).entry is Entry.GO
        assert store.note_success({SCOPE: 0}) == ()
        store.release(SCOPE, 0)
        assert store.find_job(JOB.id) is None
        assert store.standings() == ()

    def test_consecutive_failures_open_a_scope(self, store: Store) -> None:
        counts = [store.note_failure(against(rule=RULE)).count for _ in range(2)]
        assert counts == [1, 2]
        assert store.admit(SCOPE, LEASE).entry is Entry.GO
        opened = store.note_failure(against(rule=RULE, reason="500"))
        assert (opened.count, opened.level, opened.length, opened.reason) == (3, 1, 10.0, "500")
        assert known(store) == opened
        refused = store.admit(SCOPE, LEASE)
        assert refused.entry is Entry.REFUSED
        assert refused.generation == opened.generation == 1
        assert 9.0 < refused.seconds <= 10.0

    def test_a_success_starts_the_count_again(self, store: Store) -> None:
        store.note_failure(against(rule=RULE))
        assert known(store) is not None
        assert store.note_success({SCOPE: 0}) == ()
        assert known(store) is None
        assert store.note_failure(against(rule=RULE)).count == 1

    def test_an_expired_scope_admits_one_prober(self, bench: Bench) -> None:
        store = bench.store
        opened = store.note_failure(against())
        bench.advance(10.5)
        probe = store.admit(SCOPE, LEASE)
        assert probe.entry is Entry.PROBE
        assert probe.generation == opened.generation + 1
        second = store.admit(SCOPE, LEASE)
        assert second.entry is Entry.REFUSED
        assert LEASE - 1 < second.seconds <= LEASE

    def test_a_lease_that_runs_out_lets_the_next_one_probe(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        bench.advance(10.5)
        first = store.admit(SCOPE, LEASE)
        bench.advance(LEASE + 0.5)
        second = store.admit(SCOPE, LEASE)
        assert second.entry is Entry.PROBE
        assert second.generation == first.generation + 1
        assert store.note_success({SCOPE: first.generation}) == ()
        assert store.note_success({SCOPE: second.generation}) == (SCOPE,)

    def test_a_probe_given_back_is_free_at_once(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        bench.advance(10.5)
        probe = store.admit(SCOPE, LEASE)
        store.release(SCOPE, probe.generation - 1)
        assert store.admit(SCOPE, LEASE).entry is Entry.REFUSED
        store.release(SCOPE, probe.generation)
        assert store.admit(SCOPE, LEASE).entry is Entry.PROBE

    def test_a_failed_probe_doubles_the_cooldown(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        lengths = []
        for _ in range(6):
            bench.advance(400.0)
            probe = store.admit(SCOPE, LEASE)
            assert probe.entry is Entry.PROBE
            lengths.append(store.note_failure(against(generation=probe.generation)).length)
        assert lengths == [20.0, 40.0, 80.0, 160.0, 300.0, 300.0]

    def test_a_good_probe_closes_and_the_generation_stays(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        bench.advance(10.5)
        probe = store.admit(SCOPE, LEASE)
        assert store.note_success({SCOPE: probe.generation, "other": 0}) == (SCOPE,)
        (closed,) = store.standings()  # for its generation: a report without it would be too old
        assert (closed.opened, closed.count, closed.generation) == (False, 0, probe.generation)
        admission = store.admit(SCOPE, LEASE)
        assert admission.entry is Entry.GO
        assert admission.generation == probe.generation

    def test_the_level_outlives_a_short_recovery_and_falls_with_health(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        bench.advance(10.5)
        generation = store.admit(SCOPE, LEASE).generation
        store.note_success({SCOPE: generation})
        again = store.note_failure(against(generation=generation))
        assert (again.level, again.length) == (2, 20.0)
        bench.advance(20.5)
        generation = store.admit(SCOPE, LEASE).generation
        store.note_success({SCOPE: generation})
        bench.advance(300.5)
        later = store.note_failure(against(generation=generation))
        assert (later.level, later.length) == (2, 20.0)

    def test_reports_of_an_older_generation_change_nothing(self, bench: Bench) -> None:
        store = bench.store
        opened = store.note_failure(against())
        for _ in range(100):
            assert store.note_failure(against()) == opened
        bench.advance(10.5)
        store.admit(SCOPE, LEASE)
        late = store.note_failure(against())
        assert (late.count, late.level, late.generation) == (1, 1, 2)
        assert store.note_success({SCOPE: 0}) == ()
        assert known(store) == late
        assert store.admit(SCOPE, LEASE).entry is Entry.REFUSED

    def test_what_the_server_asks_for_is_never_cut_short(self, store: Store) -> None:
        opened = store.note_failure(against(asked=120.0, jitter=1.25))
        assert opened.length == 150.0
        assert store.note_failure(against(asked=60.0)).length == 150.0
        longer = store.note_failure(against(asked=400.0)).length
        assert 400.0 <= longer < 401.0
        capped = store.note_failure(against("host:fal", asked=1e9))
        assert capped.length == SERVER_CAP

    def test_the_servers_word_opens_below_the_threshold(self, store: Store) -> None:
        assert store.note_failure(against(rule=RULE, asked=5.0)).opened

    def test_scopes_do_not_touch_each_other(self, store: Store) -> None:
        store.note_failure(against("key:fal/a"))
        assert store.admit("key:fal/b", LEASE).entry is Entry.GO
        store.note_failure(against("key:fal/b"))
        assert {standing.scope for standing in store.standings()} == {"key:fal/a", "key:fal/b"}
        assert set(store.note_success({"key:fal/a": 1, "key:fal/b": 0})) == {"key:fal/a"}

    def test_f25_a_cooldown_ends(self, bench: Bench) -> None:
        """A store whose cooldown came back in another kind of time served nobody ever after."""
        store = bench.store
        opened = store.note_failure(against())
        read = known(store)
        assert read == opened
        assert read is not None
        assert isinstance(read.set_at, float)
        assert 9.0 < read.remaining(store.now()) <= 10.0
        bench.advance(10.5)
        read = known(store)
        assert read is not None
        assert read.remaining(store.now()) == 0.0
        assert store.admit(SCOPE, LEASE).entry is Entry.PROBE

    def test_a_clock_set_back_blocks_nobody(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        bench.advance(-3600.0)
        assert store.admit(SCOPE, LEASE).entry is Entry.PROBE

    def test_a_clock_set_back_a_little_closes_no_scope_again(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        bench.advance(10.5)
        generation = store.admit(SCOPE, LEASE).generation
        assert store.note_success({SCOPE: generation}) == (SCOPE,)
        bench.advance(-1.0)
        assert store.admit(SCOPE, LEASE).entry is Entry.GO
        assert store.note_failure(against(generation=generation)).opened

    def test_standings_are_forgotten(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against(asked=SERVER_CAP))
        store.note_failure(against("host:fal", rule=RULE))
        bench.advance(RETENTION - 5.0)
        assert len(store.standings()) == 2
        store.note_failure(against("host:fal", rule=RULE))
        bench.advance(6.0)
        assert [standing.scope for standing in store.standings()] == ["host:fal"]
        assert store.admit(SCOPE, LEASE) == store.admit("never:seen", LEASE)

    def test_jobs_are_found_until_they_expire(self, bench: Bench) -> None:
        store = bench.store
        store.save_job(JOB, 60.0)
        expected = replace(JOB, input={}) if bench.persistent else JOB
        assert store.find_job(JOB.id) == expected
        assert store.find_job(JOB.id[:-1]) is None
        bench.advance(59.0)
        assert store.find_job(JOB.id) == expected
        bench.advance(2.0)
        assert store.find_job(JOB.id) is None

    def test_the_last_save_of_a_job_counts(self, bench: Bench) -> None:
        store = bench.store
        store.save_job(JOB, 10.0)
        store.save_job(replace(JOB, provider="google", cancelled=True, version="v" * 64), 60.0)
        bench.advance(30.0)
        found = store.find_job(JOB.id)
        assert found is not None
        assert (found.provider, found.cancelled, found.version) == ("google", True, "v" * 64)
        store.save_job(JOB, 10.0)
        bench.advance(11.0)
        assert store.find_job(JOB.id) is None

    @pytest.mark.parametrize("mode", list(Mode))
    def test_every_mode_of_a_job_survives(self, store: Store, mode: Mode) -> None:
        store.save_job(replace(JOB, mode=mode), 60.0)
        found = store.find_job(JOB.id)
        assert found is not None
        assert found.mode is mode

    @pytest.mark.parametrize(
        "name",
        ["", " ", "ümläut/日本語/🙂", "'; DROP TABLE job; --", "a\nb\tc", 'q"\\', "x" * 1000],
    )
    def test_names_are_only_names(self, store: Store, name: str) -> None:
        store.note_failure(against(name))
        assert [standing.scope for standing in store.standings()] == [name]
        assert store.admit(name, LEASE).entry is Entry.REFUSED
        if name.isprintable():
            store.save_job(replace(JOB, id=name), 60.0)
            found = store.find_job(name)
            assert found is not None
            assert found.id == name

    def test_many_threads_lose_no_update(self, store: Store) -> None:
        rule = Rule(threshold=10**6, base=1.0, cap=1.0)
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda _: store.note_failure(against(rule=rule)), range(400)):
                pass
        found = known(store)
        assert found is not None
        assert found.count == 400

    def test_many_threads_one_prober(self, bench: Bench) -> None:
        scopes = [f"host:{number}" for number in range(20)]
        for scope in scopes:
            bench.store.note_failure(against(scope))
        bench.advance(11.0)
        with ThreadPoolExecutor(8) as pool:
            admitted = list(pool.map(lambda s: bench.store.admit(s, LEASE).entry, scopes * 8))
        assert admitted.count(Entry.PROBE) == 20
        assert admitted.count(Entry.REFUSED) == 140

    def test_closing_is_no_end(self, store: Store) -> None:
        opened = store.note_failure(against())
        store.close()
        store.close()
        assert known(store) == opened

    def test_a_fork_with_the_lock_held_hangs_nobody(self, store: Store) -> None:
        """A thread that is in the middle of a verb does not exist in the child."""
        store.note_failure(against(rule=RULE))
        stop = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            busy = [pool.submit(store_workers.count_until, store, stop) for _ in range(2)]
            children = [
                _in_fork(lambda: store.note_failure(against("host:child"))) for _ in range(8)
            ]
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            stop.set()
        assert codes == [0] * 8
        total = sum(done.result() for done in busy)
        found = known(store)
        assert found is not None
        assert found.count == total + 1


class SharedContract:
    """What holds for a store that other processes see as well."""

    @pytest.mark.parametrize("method", ["spawn", "fork"])
    def test_another_process_reads_what_was_written(self, bench: Bench, method: str) -> None:
        opened = bench.store.note_failure(against(asked=120.0))
        bench.store.save_job(JOB, 60.0)
        arguments = [(bench.recipe(), SCOPE, JOB.id)]
        with multiprocessing.get_context(method).Pool(1) as pool:
            [(standing, job)] = pool.starmap_async(store_workers.read, arguments).get(BOUND)
        assert standing == opened
        assert job == replace(JOB, input={})

    def test_eight_processes_lose_no_update(self, bench: Bench) -> None:
        assert bench.store.standings() == ()
        with multiprocessing.get_context("spawn").Pool(8) as pool:
            failures = pool.starmap_async(
                store_workers.count, [(bench.recipe(), SCOPE, 500)] * 8, chunksize=1
            ).get(BOUND)
        assert failures == [[]] * 8
        found = known(bench.store)
        assert found is not None
        assert found.count == 4000

    def test_eight_processes_one_prober_for_each_expired_scope(self, bench: Bench) -> None:
        scopes = [f"model:fal/{number}" for number in range(100)]
        for scope in scopes:
            bench.store.note_failure(against(scope))
        bench.advance(11.0)
        context = multiprocessing.get_context("spawn")
        with context.Manager() as manager, context.Pool(8) as pool:
            start = manager.Barrier(8)
            rounds = pool.starmap_async(
                store_workers.probe, [(bench.recipe(), scopes, start)] * 8, chunksize=1
            ).get(BOUND)
        probed = sorted(scope for won in rounds for scope in won)
        assert probed == sorted(scopes)

    def test_no_prompt_is_at_rest(self, bench: Bench) -> None:
        bench.store.save_job(JOB, 60.0)
        bench.store.note_failure(against())
        raw = bench.raw()
        assert JOB.native.encode() in raw
        assert PROMPT.encode() not in raw
        assert b"prompt" not in raw

    @pytest.mark.parametrize("row", CORRUPT_ROWS, ids=range(len(CORRUPT_ROWS)))
    def test_a_corrupt_row_is_absent_and_goes(self, bench: Bench, row: bytes) -> None:
        store = bench.store
        for step in (
            lambda: store.standings() == (),
            lambda: store.admit(SCOPE, LEASE).entry is Entry.GO,
            lambda: store.note_success({SCOPE: 0}) == (),
            lambda: store.release(SCOPE, 0) is None,
            lambda: store.note_failure(against(rule=RULE)).count == 1,
        ):
            store.note_failure(against())
            bench.spoil(SCOPE, row)
            assert step()
            assert row not in bench.rows()

    @pytest.mark.parametrize("row", [*CORRUPT_ROWS, b'{"v":1,"id":"another"}'])
    def test_a_corrupt_job_is_absent_and_goes(self, bench: Bench, row: bytes) -> None:
        bench.store.save_job(JOB, 60.0)
        bench.spoil_job(JOB.id, row)
        assert bench.store.find_job(JOB.id) is None
        assert row == b"" or row not in bench.rows()
        bench.store.save_job(JOB, 60.0)
        assert bench.store.find_job(JOB.id) is not None

    def test_a_row_of_a_newer_version_is_absent_and_stays(self, bench: Bench) -> None:
        store = bench.store
        store.note_failure(against())
        store.save_job(JOB, 60.0)
        row = b'{"v":2,"shape":"unknown"}'
        bench.spoil(SCOPE, row)
        bench.spoil_job(JOB.id, row)
        assert store.standings() == ()
        assert store.admit(SCOPE, LEASE).entry is Entry.GO
        assert store.find_job(JOB.id) is None
        assert bench.rows().count(row) == 2
        assert store.note_failure(against()).count == 1

    @pytest.mark.parametrize("huge", [replace(JOB, target="x" * 20_000)])
    def test_a_record_too_large_is_refused(self, store_to_fill: Store, huge: Job) -> None:
        with pytest.raises(StoreError, match="too large"):
            store_to_fill.save_job(huge, 60.0)

    def test_rules_of_another_size_are_kept(self, bench: Bench) -> None:
        opened = bench.store.note_failure(against(rule=replace(AT_ONCE, base=3000.0, cap=1800.5)))
        assert (opened.length, opened.cap) == (1800.5, 1800.5)
        assert known(bench.store) == opened


def _in_fork(work: object) -> int:
    """Run something in a forked child; its exit status is 0 when it went well."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)

"""Cooldowns: how they open, how long they last, who may probe, and that no clock can wedge them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.core.health import (
    CLOCK_SLACK,
    MAX_LEVEL,
    SERVER_CAP,
    Admission,
    Entry,
    Evidence,
    Rule,
    Standing,
    admit,
    after_failure,
    after_success,
    merge,
    release,
)

SCOPE = "model:fal/fal-ai/flux/dev"
RULE = Rule(3, 10.0, 300.0)
ONCE = Rule(1, 10.0, 300.0)
NOW = 1_000_000.0
LEASE = 30.0

TIMES = st.floats(0.0, 1e9)
RULES = st.builds(
    Rule, st.integers(1, 10), st.floats(0.1, 600.0), st.sampled_from([60.0, 300.0, 3600.0])
)
EVIDENCE = st.builds(
    Evidence,
    scope=st.just(SCOPE),
    reason=st.sampled_from(["429", "500", "timeout"]),
    rule=RULES,
    asked=st.none() | st.floats(0.0, 1e6),
    jitter=st.floats(1.0, 1.25),
    generation=st.integers(0, 5),
)
STANDINGS = st.builds(
    Standing,
    scope=st.just(SCOPE),
    count=st.integers(0, 20),
    level=st.integers(0, MAX_LEVEL),
    set_at=TIMES,
    length=st.just(0.0) | st.floats(0.1, SERVER_CAP * 1.25),
    generation=st.integers(0, 5),
    lease=st.just(0.0) | TIMES,
    cap=st.sampled_from([60.0, 300.0, 3600.0]),
)


def bad(
    rule: Rule = ONCE, asked: float | None = None, jitter: float = 1.0, generation: int = 0
) -> Evidence:
    return Evidence(SCOPE, "500", rule, asked, jitter, generation)


def opened(at: float = NOW) -> Standing:
    return after_failure(None, bad(), at)


def test_nothing_opens_before_the_threshold() -> None:
    standing = None
    for count in (1, 2):
        standing = after_failure(standing, bad(RULE), NOW)
        assert (standing.count, standing.opened, standing.remaining(NOW)) == (count, False, 0.0)
    standing = after_failure(standing, bad(RULE), NOW)
    assert standing.opened
    assert (standing.length, standing.level, standing.generation) == (10.0, 1, 1)
    assert standing.reason == "500"


def test_a_success_between_failures_starts_the_count_again() -> None:
    standing = after_failure(None, bad(RULE), NOW)
    standing = after_failure(standing, bad(RULE), NOW)
    standing = after_success(standing, 0, NOW)
    assert standing.count == 0
    assert not after_failure(standing, bad(RULE), NOW).opened


def test_what_the_server_asks_opens_at_once_and_counts_when_it_is_longer() -> None:
    assert after_failure(None, bad(RULE, asked=17.0), NOW).length == 17.0
    assert after_failure(None, bad(RULE, asked=3.0), NOW).length == 10.0
    assert after_failure(None, bad(RULE, asked=1e9), NOW).length == SERVER_CAP


def test_the_length_doubles_with_each_failed_probe_up_to_the_cap() -> None:
    standing, now, lengths = opened(), NOW, []
    for _ in range(9):
        lengths.append(standing.length)
        now += standing.length
        admission, probing = admit(standing, LEASE, now)
        assert admission.entry is Entry.PROBE
        assert probing is not None
        standing = after_failure(probing, bad(generation=admission.generation), now)
    assert lengths == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0, 300.0]
    assert standing.level == MAX_LEVEL


def test_the_level_falls_by_one_for_each_cap_length_of_health() -> None:
    standing = replace(opened(), level=3)
    closed = after_success(standing, standing.generation, NOW)
    assert (closed.opened, closed.level) == (False, 3)
    for health, length in [(0.0, 80.0), (299.0, 80.0), (300.0, 40.0), (650.0, 20.0), (9e9, 10.0)]:
        assert after_failure(closed, bad(generation=1), NOW + health).length == length
    assert after_failure(closed, bad(generation=1), NOW - 500.0).length == 80.0


def test_a_hundred_late_failures_raise_the_level_once() -> None:
    standing = opened()
    for _ in range(100):
        standing = after_failure(standing, bad(generation=0), NOW + 1.0)
    assert (standing.level, standing.generation, standing.length) == (1, 1, 10.0)


def test_a_late_failure_with_the_servers_own_words_prolongs() -> None:
    standing = after_failure(opened(), bad(asked=60.0), NOW + 1.0)
    assert standing.remaining(NOW + 1.0) == 60.0
    assert standing.level == 1
    assert after_failure(standing, bad(asked=5.0), NOW + 2.0) == standing


def test_an_old_failure_does_not_open_what_has_closed_since() -> None:
    closed = after_success(opened(), 1, NOW + 11.0)
    assert after_failure(closed, bad(generation=0), NOW + 12.0) == closed


def test_an_old_success_does_not_close() -> None:
    standing = opened()
    assert after_success(standing, 0, NOW + 1.0) == standing
    assert not after_success(standing, 1, NOW + 1.0).opened


def test_one_prober_and_everybody_else_is_refused() -> None:
    standing = opened()
    assert admit(None, LEASE, NOW) == (Admission(Entry.GO), None)
    admission, _ = admit(standing, LEASE, NOW + 4.0)
    assert (admission.entry, admission.seconds) == (Entry.REFUSED, 6.0)
    admission, probing = admit(standing, LEASE, NOW + 10.0)
    assert (admission.entry, admission.generation) == (Entry.PROBE, 2)
    for after in (0.0, 10.0, 29.9):
        refused, same = admit(probing, LEASE, NOW + 10.0 + after)
        assert refused.entry is Entry.REFUSED
        assert refused.seconds == pytest.approx(LEASE - after)
        assert same == probing
    admission, _ = admit(probing, LEASE, NOW + 10.0 + LEASE)
    assert (admission.entry, admission.generation) == (Entry.PROBE, 3)


def test_a_probe_given_back_goes_to_the_next_and_only_its_owner_gives_it_back() -> None:
    _, probing = admit(opened(), LEASE, NOW + 10.0)
    assert probing is not None
    assert release(probing, 1) == probing
    admission, _ = admit(release(probing, 2), LEASE, NOW + 11.0)
    assert admission.entry is Entry.PROBE


def test_a_good_probe_closes() -> None:
    admission, probing = admit(opened(), LEASE, NOW + 10.0)
    assert probing is not None
    closed = after_success(probing, admission.generation, NOW + 12.0)
    assert (closed.opened, closed.count, closed.lease) == (False, 0, 0.0)
    assert admit(closed, LEASE, NOW + 12.0)[0] == Admission(Entry.GO, 2)


@given(standing=st.none() | STANDINGS, evidence=EVIDENCE, now=TIMES)
def test_a_failure_never_shortens(
    standing: Standing | None, evidence: Evidence, now: float
) -> None:
    before = standing.remaining(now) if standing else 0.0
    after = after_failure(standing, evidence, now)
    assert after.remaining(now) >= before * (1 - 1e-9) - 1e-3


@given(standing=st.none() | STANDINGS, evidence=EVIDENCE, now=TIMES)
def test_a_fresh_opening_is_within_its_bounds(
    standing: Standing | None, evidence: Evidence, now: float
) -> None:
    after = after_failure(standing, evidence, now)
    if standing is not None and after.generation == standing.generation:
        return  # it counted, or came late
    if not after.opened:
        assert after.count < evidence.rule.threshold
        return
    asked = min(evidence.asked or 0.0, SERVER_CAP)
    assert after.set_at == now
    assert after.length >= asked
    assert after.length >= min(evidence.rule.base, evidence.rule.cap)
    assert after.length <= max(evidence.rule.cap, asked) * evidence.jitter
    assert 1 <= after.level <= MAX_LEVEL


@given(standing=STANDINGS, now=st.floats(-1e12, 1e12))
def test_no_clock_jump_blocks_for_longer_than_the_length(standing: Standing, now: float) -> None:
    left = standing.remaining(now)
    assert 0.0 <= left <= standing.length + CLOCK_SLACK
    age = now - standing.set_at
    if not -CLOCK_SLACK <= age < standing.length:
        assert left == 0.0


@given(standing=STANDINGS, lease=st.floats(1.0, 330.0), now=TIMES)
def test_an_open_scope_admits_one_prober_and_no_lease_lasts_longer_than_asked(
    standing: Standing, lease: float, now: float
) -> None:
    admission, kept = admit(standing, lease, now)
    if not standing.opened:
        assert admission == Admission(Entry.GO, standing.generation)
        assert kept == standing
    elif admission.entry is Entry.PROBE:
        assert kept is not None
        assert kept.generation == standing.generation + 1 == admission.generation
        again, _ = admit(kept, lease, now)
        assert again.entry is Entry.REFUSED
        assert again.seconds <= lease * (1 + 1e-6) + 1e-3
    else:
        assert admission.entry is Entry.REFUSED
        assert 0 < admission.seconds <= max(standing.length + CLOCK_SLACK, lease)
        assert kept == standing


@given(a=STANDINGS, b=STANDINGS)
def test_merging_keeps_the_later_end_in_either_order(a: Standing, b: Standing) -> None:
    end = max(a.set_at + a.length, b.set_at + b.length)
    for merged in (merge(a, b), merge(b, a)):
        assert merged in (a, b)
        assert merged.set_at + merged.length == end
    assert merge(a, a) == a


@given(a=STANDINGS, b=STANDINGS, c=STANDINGS)
def test_merging_may_be_grouped_at_will(a: Standing, b: Standing, c: Standing) -> None:
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    assert left.set_at + left.length == right.set_at + right.length


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["bad", "good", "admit", "release"]), st.floats(0.0, 600.0)),
        max_size=40,
    )
)
def test_whatever_happens_a_scope_can_be_used_again(steps: list[tuple[str, float]]) -> None:
    standing: Standing | None = None
    now, generation = NOW, 0
    for step, seconds in steps:
        now += seconds
        known = standing.generation if standing else 0
        if step == "bad":
            standing = after_failure(standing, bad(generation=generation), now)
        elif step == "admit":
            admission, standing = admit(standing, LEASE, now)
            generation = admission.generation
        elif standing is not None:
            if step == "good":
                standing = after_success(standing, generation, now)
            else:
                standing = release(standing, generation)
        assert (standing.generation if standing else 0) >= known
    later = now + ONCE.cap * 1.25 + LEASE
    assert admit(standing, LEASE, later)[0].entry in (Entry.GO, Entry.PROBE)

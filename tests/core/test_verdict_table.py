"""The table as a whole: it answers everything, and keeps its promises everywhere."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.core.types import Cause, Phase, Trouble
from failover.core.verdict import Action, Bill, Facts, Verdict, judge, table

DOCS = Path(__file__).parents[2] / "docs"
STATUSES = (None, *range(100, 600))
FLAGS = tuple(itertools.product((True, False), repeat=2))


@pytest.fixture(scope="module")
def everything() -> list[tuple[Facts, Verdict]]:
    """Every status and trouble in every phase, for every cause, at both kinds of provider."""
    ends = [(status, None) for status in STATUSES] + [(None, trouble) for trouble in Trouble]
    return [
        (found, judge(found))
        for (status, trouble), cause, phase, (own, bad) in itertools.product(
            ends, Cause, Phase, FLAGS
        )
        for found in [Facts(status, trouble, cause, phase, own, 45.0, malformed=bad)]
    ]


def test_every_end_of_a_send_has_a_verdict(everything: list[tuple[Facts, Verdict]]) -> None:
    assert len(everything) == (501 + len(Trouble)) * len(Cause) * len(Phase) * 4
    for _, verdict in everything:
        assert isinstance(verdict.bill, Bill)
        assert isinstance(verdict.action, Action)
        assert (verdict.scope is None) == (verdict.rule is None)
        assert verdict.neutral == (verdict.scope is None and verdict.action is not Action.DONE)
        assert verdict.reason


def test_promises_that_hold_everywhere(everything: list[tuple[Facts, Verdict]]) -> None:
    for found, verdict in everything:
        if verdict.action is Action.DONE:
            assert found.status is not None
            assert 200 <= found.status < 300
            assert verdict.bill is Bill.ACCEPTED
        if verdict.action is Action.SKIP:
            assert not found.own
            assert verdict.neutral
            assert verdict.bill in (Bill.NOT_SENT, Bill.REFUSED)
        if found.trouble is None and found.cause is Cause.POLICY:
            assert verdict.action is Action.SURFACE, "a laxer provider would be sought"
        if found.trouble is None and found.cause in (Cause.POLICY, Cause.CANCELLED):
            assert verdict.neutral
        if found.phase is not Phase.SUBMIT and found.trouble is not None:
            assert verdict.action is Action.SURFACE, "a poll never fails over"
        if found.phase is Phase.CANCEL:
            assert verdict.action in (Action.SURFACE, Action.DONE)
        if found.own and found.phase is Phase.SUBMIT and found.cause is Cause.VALIDATION:
            assert found.trouble is not None or verdict.action is Action.SURFACE


def test_not_sent_is_never_said_of_a_reply_to_a_whole_request(
    everything: list[tuple[Facts, Verdict]],
) -> None:
    for found, verdict in everything:
        if verdict.bill is Bill.NOT_SENT and found.trouble is None:
            assert found.status in (408, 425)


def test_every_row_decides_something(everything: list[tuple[Facts, Verdict]]) -> None:
    met = {verdict.row for _, verdict in everything}
    more = [
        Facts(429, None, Cause.RATE, Phase.SUBMIT, True, 1.0, names_model=True),
        Facts(404, None, Cause.NOT_FOUND, Phase.SUBMIT, True, 1.0, worked=True),
        Facts(503, None, Cause.UNSPECIFIED, Phase.SUBMIT, True, 1.0, asked=2.0),
    ]
    assert met | {judge(found).row for found in more} == set(table().by_id)


def test_row_names_are_unique_and_the_last_row_takes_everything() -> None:
    rows = table().rows
    assert len(table().by_id) == len(rows)
    last = rows[-1]
    assert (last.signals, last.phases, last.causes, last.flags, last.job) == (
        None,
        None,
        None,
        (),
        False,
    )


@given(
    status=st.none() | st.integers(),
    trouble=st.none() | st.sampled_from(Trouble),
    cause=st.sampled_from(Cause),
    phase=st.sampled_from(Phase),
    own=st.booleans(),
    seconds=st.floats(),
    asked=st.none() | st.floats(),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_judge_never_raises(
    status: int | None,
    trouble: Trouble | None,
    cause: Cause,
    phase: Phase,
    own: bool,
    seconds: float,
    asked: float | None,
    flags: tuple[bool, bool, bool],
) -> None:
    malformed, names_model, worked = flags
    found = Facts(
        status, trouble, cause, phase, own, seconds, malformed, asked, names_model, worked
    )
    verdict = judge(found)
    assert verdict == judge(found)
    assert verdict.row in table().by_id


def test_the_documentation_is_up_to_date() -> None:
    written = runpy.run_path(str(DOCS / "outcomes.py"))["page"]()
    assert (DOCS / "outcomes.md").read_text("utf-8") == written

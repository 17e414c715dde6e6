"""A call whose provider fails at submit, served by the other: what must hold, whoever it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acceptance.stage import OTHER, assert_nothing_wrong, assert_right_pictures, phases

if TYPE_CHECKING:
    from acceptance.failures import Failure
    from acceptance.stage import Call, Got, Stage

ASSETS = "asset"


def assert_rescued(stage: Stage, call: Call, failure: Failure) -> None:
    """Make a call under a failure, and check everything about it."""
    primary = stage.world.providers[call.provider]
    stage.world.providers[OTHER[call.provider]]
    stage.timeout = failure.timeout
    failure.strike(primary)
    with stage.installed():
        got = call.make(stage)
    primary.heal()
    assert_right_pictures(stage, got)
    assert_money(stage, call, failure)
    assert_owner_only(stage, call)
    assert_told(stage, call, failure)
    assert_report(stage, call, failure, got)
    assert_nothing_wrong(stage)


def assert_money(stage: Stage, call: Call, failure: Failure) -> None:
    """One generation elsewhere, one submit at home that failed, and never another."""
    primary = stage.world.providers[call.provider]
    other = stage.world.providers[OTHER[call.provider]]
    assert (other.billed, len(other.submits)) == (1, 1)
    assert len(primary.submits) == int(failure.arrives)
    assert primary.billed <= int(failure.unknown)


def assert_owner_only(stage: Stage, call: Call) -> None:
    """Polls, results and cancels go to where the job runs, and nowhere else."""
    primary = stage.world.providers[call.provider]
    assert phases(primary) <= {"submit", ASSETS}


def assert_told(stage: Stage, call: Call, failure: Failure) -> None:
    """Exactly one reroute is told, with what happened."""
    (event,) = stage.told("Rerouted")
    assert (event.source, event.target) == (call.provider, OTHER[call.provider])
    assert re.fullmatch(failure.reason, event.reason), event
    assert event.model == "flux-schnell"
    assert event.attempt == 2
    assert 0 < event.seconds < 10
    assert event.possible_duplicate is failure.unknown
    assert stage.told("Exhausted") == []


def assert_report(stage: Stage, call: Call, failure: Failure, got: Got) -> None:
    """A plain client's reply carries the header and the report."""
    for header, report in zip(stage.headers, stage.reports, strict=True):
        other = OTHER[call.provider]
        pattern = f"provider={other}; attempts=2; reason={call.provider}:(?:{failure.reason})"
        assert re.fullmatch(pattern, header), header
        assert (report.provider, report.attempts, report.model) == (other, 2, "flux-schnell")
        assert report.possible_duplicate is failure.unknown
        assert [f.provider for f in report.failures] == [call.provider]
    assert "x-failover" not in str(got.value)

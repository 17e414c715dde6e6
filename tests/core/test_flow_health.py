"""Cooling, probing and evidence as a call meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import FAL, REPLICATE, VERSION, World
from script import Script, run
from talk import (
    BLOCK,
    F_RESULT,
    F_SUBMITTED,
    INPUT,
    R_DONE,
    R_STARTING,
    WAYS,
    Way,
    fal_run,
    gone,
    replicate,
    reply,
)

from failover.core.health import Standing
from failover.core.types import Reply, Trouble
from failover.events import CooldownEnded, CooldownStarted, Exhausted, Rerouted

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
ERROR = reply(500, {"detail": "no"})
MODEL = f"model:fal/{FAL.slug}"
THERE = f"model:replicate/{REPLICATE.slug}"
OWN_SCOPES = ("host:fal", MODEL, "key:fal/f1", f"key-model:fal/f1/{FAL.slug}")
OTHER_SCOPES = (
    "host:replicate",
    THERE,
    "key:replicate/r1",
    f"key-model:replicate/r1/{REPLICATE.slug}",
)


def _expired(scope: str, *, lease: float = 0.0) -> World:
    """A world in which one scope has served its time."""
    world = World()
    world.health.standings[scope] = Standing(
        scope, 3, 1, world.time - 60.0, 10.0, "500", generation=4, lease=lease
    )
    return world


@EVERY_WAY
def test_a_cooling_provider_is_spared(way: Way) -> None:
    world = World()
    world.health.cool(f"host:{way.provider}", 30.0)
    answer, script = run(world, way.request, *way.served)
    assert "forward" not in script.lines
    assert answer.report is not None
    head = f"provider={way.other}; attempts=1; reason={way.provider}:cooling"
    assert answer.report.header == head
    assert not answer.report.possible_duplicate
    (rerouted,) = script.of(Rerouted)
    assert (rerouted.reason, rerouted.attempt) == ("cooling", 1)


@pytest.mark.parametrize("scope", OWN_SCOPES)
def test_each_scope_keeps_a_call_away(scope: str) -> None:
    world = World()
    world.health.cool(scope, 30.0)
    _, script = run(world, fal_run(), R_STARTING, R_DONE)
    assert script.sends[0].startswith("send replicate")


@pytest.mark.parametrize("scope", OTHER_SCOPES)
def test_each_scope_keeps_a_call_from_an_alternative(scope: str) -> None:
    world = World()
    world.health.cool(scope, 30.0)
    answer, script = run(world, fal_run(), ERROR)
    assert answer.reply is ERROR
    assert script.sends == ["forward"]


def test_a_cooling_key_makes_way_for_the_callers_other_key() -> None:
    world = World()
    world.pool["fal"] = ("f1", "f2")
    world.health.cool("key:fal/f1", 30.0)
    answer, script = run(world, fal_run(), F_RESULT)
    assert script.lines == ["forward with f2"]
    assert answer.reply is F_RESULT
    assert answer.report is not None
    assert answer.report.header == "provider=fal; attempts=1; reason=fal:cooling"


@EVERY_WAY
def test_when_everything_cools_there_is_one_pass_through(way: Way) -> None:
    world = World()
    world.health.cool("host:fal", 30.0)
    world.health.cool("host:replicate", 30.0)
    answer, script = run(world, way.request, way.own)
    assert answer.reply is way.own
    assert answer.report is None
    assert script.lines == ["forward"]
    answer, script = run(world, way.request, ERROR)
    assert answer.reply is ERROR
    assert answer.report is None
    assert script.sends == ["forward"]
    assert script.of(Exhausted) == []


def test_a_pass_through_does_not_lengthen_what_is_known() -> None:
    world = World()
    world.health.cool(MODEL, 30.0)
    world.health.cool("host:replicate", 30.0)
    before = world.health.standings[MODEL]
    _, script = run(world, fal_run(), ERROR)
    assert f"failure {MODEL} 500" in script.lines
    assert script.of(CooldownStarted) == []
    assert world.health.standings[MODEL] == before


def test_others_failing_while_the_own_provider_cools_are_in_the_report() -> None:
    world = World()
    world.health.cool(MODEL, 30.0)
    answer, script = run(world, fal_run(), reply(503), F_RESULT)
    assert answer.reply is F_RESULT
    assert answer.report is not None
    trail = "fal:cooling,replicate:503"
    assert answer.report.header == f"provider=fal; attempts=2; reason={trail}"
    assert script.of(Exhausted) == []


# --- probing -------------------------------------------------------------------------------------


def test_a_probe_that_serves_closes_the_scope() -> None:
    world = _expired(MODEL)
    answer, script = run(world, fal_run(), F_RESULT)
    assert script.lines == [
        f"admit {MODEL}",
        "forward",
        f"success {MODEL}",
        "emit CooldownEnded",
    ]
    assert answer.report is None
    (ended,) = script.of(CooldownEnded)
    assert (ended.scope, ended.provider) == (MODEL, "fal")
    assert not world.health.standings[MODEL].opened


def test_a_probe_that_fails_opens_the_scope_for_longer() -> None:
    world = _expired(MODEL)
    _, script = run(world, fal_run(), ERROR, R_STARTING, R_DONE)
    assert script.lines[:5] == [
        f"admit {MODEL}",
        "forward",
        f"failure {MODEL} 500",
        "emit CooldownStarted 500",
        f"release {MODEL}",
    ]
    standing = world.health.standings[MODEL]
    assert standing.level == 2
    assert 20.0 <= standing.length <= 25.0
    assert standing.generation == 6


def test_a_probe_without_an_opinion_lets_the_next_call_probe() -> None:
    world = _expired(MODEL)
    invalid = reply(422, {"detail": "no"})
    answer, script = run(world, fal_run(), invalid)
    assert answer.reply is invalid
    assert script.lines == [f"admit {MODEL}", "forward", f"release {MODEL}"]
    assert world.health.standings[MODEL].lease == 0.0
    _, script = run(world, fal_run(), F_RESULT)
    assert script.lines[0] == f"admit {MODEL}"


def test_while_somebody_probes_others_go_elsewhere() -> None:
    world = _expired(MODEL, lease=1100.0)
    answer, script = run(world, fal_run(), R_STARTING, R_DONE)
    assert script.lines[:2] == [f"admit {MODEL}", f"send replicate/r1 POST {_path()}"]
    assert answer.report is not None
    assert answer.report.header.endswith("reason=fal:cooling")


def test_a_probe_is_given_back_when_another_scope_refuses() -> None:
    world = _expired("host:fal")
    world.health.cool(MODEL, 30.0)
    _, script = run(world, fal_run(), R_STARTING, R_DONE)
    assert script.lines[:2] == ["admit host:fal", "release host:fal"]
    assert world.health.standings["host:fal"].lease == 0.0


def test_an_alternative_is_probed_in_the_same_way() -> None:
    world = _expired(THERE)
    answer, script = run(world, fal_run(), ERROR, R_STARTING, R_DONE)
    assert f"admit {THERE}" in script.lines
    assert script.lines[-3:-1] == [f"success {THERE}", "emit CooldownEnded"]
    assert answer.report is not None


def test_a_probe_of_an_alternative_is_given_back_when_nothing_can_be_sent() -> None:
    world = _expired(THERE)
    answer, script = run(world, fal_run({**INPUT, "mask": "m"}), ERROR)
    assert answer.reply is ERROR
    assert script.lines[-3:] == [f"admit {THERE}", "emit NotRerouted essential", f"release {THERE}"]


# --- evidence ------------------------------------------------------------------------------------


def test_three_errors_in_a_row_cool_and_the_fourth_call_goes_elsewhere() -> None:
    world = World()
    for count in (1, 2, 3):
        _, script = run(world, fal_run(), ERROR, R_STARTING, R_DONE)
        assert len(script.of(CooldownStarted)) == (count == 3)
    (started,) = script.of(CooldownStarted)
    assert (started.scope, started.provider, started.reason) == (MODEL, "fal", "500")
    assert 10.0 <= started.seconds <= 12.5
    _, script = run(world, fal_run(), R_STARTING, R_DONE)
    assert script.sends[0].startswith("send replicate")


def test_a_success_in_between_starts_the_count_again() -> None:
    world = World()
    for end in (ERROR, ERROR):
        run(world, fal_run(), end, R_STARTING, R_DONE)
    _, script = run(world, fal_run(), F_RESULT)
    assert script.lines == ["forward", f"success {MODEL}"]
    assert world.health.standings[MODEL].count == 0
    _, script = run(world, fal_run(), F_RESULT)
    assert script.lines == ["forward"]
    _, script = run(world, fal_run(), ERROR, R_STARTING, R_DONE)
    assert script.of(CooldownStarted) == []


def test_a_server_is_left_alone_as_long_as_it_asks() -> None:
    world = World()
    busy = reply(429, {"detail": "slow down"}, retry_after="120")
    run(world, fal_run(), busy, R_STARTING, R_DONE)
    assert 120.0 <= world.health.standings["key:fal/f1"].length <= 150.0


def test_what_other_processes_know_is_read_first() -> None:
    world = World()
    world.health.shared = True
    _, script = run(world, fal_run(), F_RESULT)
    assert script.lines == ["read health", "forward"]


def _after_a_while(world: World) -> Callable[[object], Reply]:
    """An error that took so long that the view of the store has become stale again."""

    def answer(_: object) -> Reply:
        world.health.shared = True
        return ERROR

    return answer


@EVERY_WAY
def test_what_other_processes_know_is_read_again_before_another_provider_is_asked(way: Way) -> None:
    world = World()
    world.health.shared = True
    _, script = run(world, way.request, _after_a_while(world), *way.served)
    again = script.lines.index("read health", 1)
    sent = next(n for n, text in enumerate(script.lines) if text.startswith(f"send {way.other}"))
    assert script.lines.index("forward") < again < sent


def test_what_other_processes_know_is_read_again_before_a_pass_through() -> None:
    world = World()
    world.health.cool("host:fal", 60.0)
    _, script = run(world, fal_run(), _after_a_while(world), F_RESULT)
    assert script.lines[-2:] == ["read health", "forward"]


def test_a_late_failure_of_an_old_generation_changes_nothing() -> None:
    world = World()
    request = fal_run()

    def meanwhile_others_failed(_: object) -> Reply:
        world.health.cool(MODEL, 30.0)
        return ERROR

    _, script = run(world, request, meanwhile_others_failed, *BLOCK.served)
    assert f"failure {MODEL} 500" in script.lines
    assert script.of(CooldownStarted) == []
    assert world.health.standings[MODEL].level == 1


def test_silence_counts_once_another_provider_has_answered() -> None:
    world = World()
    for _ in range(2):
        _, script = run(world, fal_run(), gone(Trouble.READ_TIMEOUT, 61.0), R_STARTING, R_DONE)
    submitted = script.lines.index(f"send replicate/r1 POST {_path()}")
    assert script.lines.index(f"failure {MODEL} timeout") == submitted + 1
    assert [event.scope for event in script.of(CooldownStarted)] == [MODEL]


def test_silence_counts_at_once_where_another_has_answered_lately() -> None:
    world = World()
    world.memory.note_reached("replicate", world.time)
    _, script = run(world, fal_run(), gone(Trouble.CONNECT), R_STARTING, R_DONE)
    assert script.lines[:2] == ["forward", "failure host:fal connect"]


def test_when_nobody_can_be_reached_nobody_is_blamed() -> None:
    world = World()
    lost = gone(Trouble.CONNECT)
    answer, script = run(world, fal_run(), lost, gone(Trouble.CONNECT))
    assert answer.reply is lost
    assert not [text for text in script.lines if text.startswith("failure")]
    assert world.health.clear


def _path() -> str:
    return f"/v1/models/{REPLICATE.slug}/predictions"


def test_the_script_itself_minds_unexpected_sends() -> None:
    with pytest.raises(AssertionError, match="nobody expected forward"):
        run(World(), fal_run())
    assert Script(World(), []).sends == []


def test_a_call_that_names_a_version_counts_for_its_model() -> None:
    request = replicate({"version": VERSION, "input": INPUT}, "/v1/predictions")
    world = World()
    _, script = run(world, request, ERROR, F_SUBMITTED)
    assert f"failure {THERE} 500" in script.lines
    world.health.cool(THERE, 30.0)
    _, script = run(world, request, F_SUBMITTED)
    assert script.sends == [f"send fal/f1 POST /{FAL.slug}"]
    world.health.cool("host:fal", 30.0)
    _, script = run(world, request, ERROR)
    assert f"failure {THERE} 500" in script.lines


def test_a_probe_has_a_little_more_time_than_the_longest_call() -> None:
    world = _expired(MODEL)
    leases: list[float] = []

    def probing(_: object) -> Reply:
        leases.append(world.health.standings[MODEL].lease - world.time)
        return F_RESULT

    run(world, fal_run(), probing)
    assert leases == [330.0]


def test_a_probe_of_an_alternative_without_an_opinion_is_given_back() -> None:
    world = _expired(THERE)
    _, script = run(world, fal_run(), ERROR, reply(422, {"detail": "no"}))
    assert f"release {THERE}" in script.lines
    assert world.health.standings[THERE].lease == 0.0


def test_an_answer_of_the_own_provider_proves_the_network() -> None:
    _, script = run(World(), fal_run(), ERROR, gone(Trouble.CONNECT))
    assert "failure host:replicate connect" in script.lines


def test_another_own_key_that_serves_closes_what_was_open() -> None:
    world = _expired("key:fal/f2")
    world.pool["fal"] = ("f1", "f2")
    _, script = run(world, fal_run(), reply(429), F_RESULT)
    assert script.lines[-3:] == ["forward with f2", "success key:fal/f2", "emit CooldownEnded"]


def test_an_answer_proves_the_network_for_ten_seconds() -> None:
    at_once = ["forward", "failure host:fal connect"]
    for later, proven in ((10.0, True), (10.5, False)):
        world = World()
        _, first = run(world, fal_run(), ERROR, R_STARTING, R_DONE)
        assert first.sends[-1].startswith("send replicate")
        world.time = world.memory.reached["replicate"] + later - 1.0
        _, script = run(world, fal_run(), gone(Trouble.CONNECT), R_STARTING, R_DONE)
        assert (script.lines[:2] == at_once) is proven

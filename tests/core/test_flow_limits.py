"""What a call may cost at most: sends, time, repeats after an outcome that nobody knows."""

from __future__ import annotations

import pytest
from fakes import PROMPT, World
from script import run
from talk import (
    BLOCK,
    CREATED,
    QUEUED,
    R_DONE,
    R_STARTING,
    WAITED,
    WAYS,
    Way,
    fal_run,
    fal_submit,
    gone,
    reply,
)

from failover.core.types import NoReply, Reply, Trouble
from failover.events import Exhausted, NotRerouted, Rerouted

EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
ERROR = reply(500, {"detail": "no"})


def _reasons(script: object) -> list[str]:
    return [event.reason for event in script.of(NotRerouted)]  # type: ignore[attr-defined]


@EVERY_WAY
def test_one_attempt_means_one_send(way: Way) -> None:
    answer, script = run(World(attempts=1), way.request, ERROR)
    assert answer.reply is ERROR
    assert script.sends == ["forward"]
    assert _reasons(script) == ["attempts"]


@EVERY_WAY
def test_attempts_bound_the_sends(way: Way) -> None:
    world = World(attempts=2)
    world.pool = {"fal": ("f1", "f2"), "replicate": ("r1", "r2")}
    answer, script = run(world, way.request, ERROR, reply(429))
    assert answer.reply is ERROR
    assert len(script.sends) == 2
    assert _reasons(script) == ["attempts"]


@EVERY_WAY
def test_when_everybody_fails_the_caller_hears_his_own_provider(way: Way) -> None:
    answer, script = run(World(), way.request, ERROR, reply(503))
    assert answer.reply is ERROR
    assert answer.report is not None
    trail = f"reason={way.provider}:500,{way.other}:503"
    assert answer.report.header == f"provider={way.provider}; attempts=2; {trail}"
    (exhausted,) = script.of(Exhausted)
    assert exhausted.attempts == (f"{way.provider}:500", f"{way.other}:503")
    assert script.of(Rerouted) == []


@EVERY_WAY
def test_one_repeat_after_an_unknown_outcome_and_no_more(way: Way) -> None:
    world = World(attempts=5)
    world.pool[way.other] = ("k1", "k2", "k3")
    silence = gone(Trouble.READ_TIMEOUT)
    answer, script = run(world, way.request, silence, gone(Trouble.RESET))
    assert answer.reply is silence
    assert len(script.sends) == 2
    assert answer.report is not None
    assert answer.report.possible_duplicate
    assert [failure.bill for failure in answer.report.failures] == ["U", "U"]


@EVERY_WAY
def test_refusals_after_an_unknown_outcome_may_go_on(way: Way) -> None:
    world = World(attempts=5)
    world.pool[way.other] = ("k1", "k2")
    answer, script = run(world, way.request, gone(Trouble.RESET), reply(429), *way.served)
    assert answer.report is not None
    assert answer.report.provider == way.other
    assert answer.report.attempts == 3
    assert answer.report.possible_duplicate
    (rerouted,) = script.of(Rerouted)
    assert rerouted.possible_duplicate


@EVERY_WAY
def test_an_unknown_outcome_elsewhere_counts_too(way: Way) -> None:
    world = World(attempts=5, substitutes={"schnell": ("pro",)})
    answer, script = run(world, way.request, ERROR, reply(504), reply(502))
    assert answer.reply is ERROR
    assert len(script.sends) == 3
    assert answer.report is not None
    assert answer.report.possible_duplicate


def test_a_body_that_breaks_after_the_headers_is_one_hop_and_said_so() -> None:
    cut = Reply(200, {"content-type": "application/json"}, b'{"images": [{"ur', truncated=True)
    answer, script = run(World(), fal_run(), cut, R_STARTING, R_DONE)
    assert answer.report is not None
    assert answer.report.possible_duplicate
    assert [failure.bill for failure in answer.report.failures] == ["U"]
    (rerouted,) = script.of(Rerouted)
    assert rerouted.possible_duplicate
    answer, script = run(World(), fal_run(), cut, cut)
    assert answer.reply is cut
    assert script.sends[1:] == ["send replicate/r1 POST " + script.sent[0].request.path]


def test_a_cut_body_that_parses_is_still_cut() -> None:
    cut = Reply(200, {}, b'{"images": []}', truncated=True)
    answer, _ = run(World(), fal_run(), cut, R_STARTING, R_DONE)
    assert answer.report is not None
    assert answer.report.header.endswith("reason=fal:malformed")


def test_an_output_without_any_known_part_is_no_success() -> None:
    world = World()
    world.outputs = frozenset({"images", "seed"})
    empty = reply(200, {"detail": "accepted"})
    answer, _ = run(world, fal_run(), empty, R_STARTING, R_DONE)
    assert answer.report is not None
    assert answer.report.header.endswith("reason=fal:malformed")
    whole = reply(200, {"seed": 1})
    answer, _ = run(world, fal_run(), whole)
    assert answer.reply is whole
    answer, _ = run(World(), fal_run(), empty)
    assert answer.reply is empty


# --- time ----------------------------------------------------------------------------------------


@EVERY_WAY
def test_no_time_left_means_no_further_send(way: Way) -> None:
    late = reply(500, {"detail": "no"}, seconds=9.0)
    for world, request in (
        (World(deadline=10.0), way.request),
        (World(), way.limited(10.0)),
    ):
        answer, script = run(world, request, late)
        assert answer.reply is late
        assert script.sends == ["forward"]
        assert _reasons(script) == ["deadline"]


@EVERY_WAY
def test_a_callers_timeout_buys_the_same_time_again(way: Way) -> None:
    request = way.limited(30.0)
    answer, script = run(World(), request, gone(Trouble.READ_TIMEOUT, 30.0), *way.served)
    assert answer.report is not None
    assert answer.report.header.endswith("attempts=2; reason=" + way.provider + ":timeout")
    assert script.sent[0].timeout == 30.0
    assert script.world.time <= 1000.0 + 60.0


def test_a_deadline_of_the_user_wins_over_the_callers_timeout() -> None:
    request = BLOCK.limited(5.0)
    answer, script = run(World(deadline=60.0), request, ERROR, *BLOCK.served)
    assert answer.report is not None
    assert script.sent[0].timeout == 30.0
    assert script.sent[0].request.headers["cancel-after"] == "60s"


def test_a_blocked_caller_is_not_kept_longer_than_he_waits() -> None:
    processing = BLOCK.served[1]
    cancelled: list[str] = []

    def forever(effect: object) -> Reply:
        path = effect.request.path  # type: ignore[attr-defined]
        if path.endswith("/cancel"):
            cancelled.append(path)
        return processing

    world = World()
    answer, script = run(world, BLOCK.limited(20.0), ERROR, R_STARTING, forever)
    assert answer.reply is ERROR
    assert cancelled == ["/v1/predictions/rep0/cancel"]
    assert 1019.0 <= world.time <= 1022.0
    assert answer.report is not None
    assert answer.report.header.endswith("reason=fal:500,replicate:deadline")
    assert "failure model:replicate/black-forest-labs/flux-schnell deadline" in script.lines


def test_without_any_limit_a_job_elsewhere_has_the_policys() -> None:
    world = World(job_deadline=40.0)
    running = BLOCK.served[1]
    answer, _ = run(world, fal_run(), ERROR, R_STARTING, lambda _: running)
    assert answer.reply is ERROR
    assert 1040.0 <= world.time <= 1043.0


def test_a_waiting_caller_gets_a_ticket_when_his_wait_is_over() -> None:
    submitted, running, *_ = WAITED.served
    request = WAITED.request._replace(headers={**WAITED.request.headers, "prefer": "wait=5"})
    world = World()
    answer, script = run(world, request, ERROR, submitted, lambda _: running)
    assert isinstance(answer.reply, Reply)
    body = answer.reply.json()
    assert (answer.reply.status, body["status"]) == (202, "starting")
    assert answer.reply.headers["preference-applied"] == "wait=5"
    assert 1004.9 <= world.time <= 1006.5
    assert script.lines[-2:] == ["save job at fal", "emit Rerouted 500"]
    assert [job.native for job in world.jobs.values()] == ["fal0"]


def test_a_waiting_caller_who_timed_out_is_not_held_to_his_old_wait() -> None:
    request = WAITED.limited(60.5)
    world = World()
    answer, _ = run(world, request, gone(Trouble.READ_TIMEOUT, 60.5), *WAITED.served)
    assert isinstance(answer.reply, Reply)
    assert answer.reply.json()["status"] == "succeeded"


def test_a_queueing_caller_gets_his_ticket_at_once() -> None:
    for way in (QUEUED, CREATED):
        world = World()
        answer, script = run(world, way.request, ERROR, *way.served)
        assert "sleep" not in script.lines
        (job,) = world.jobs.values()
        assert (job.caller, job.provider, job.key) == (way.provider, way.other, f"{way.other[0]}1")
        assert job.input == {"prompt": PROMPT}
        assert isinstance(answer.reply, Reply)
        assert answer.reply.json().get("status") in ("IN_QUEUE", "starting")


# --- the SDK's own repeats -----------------------------------------------------------------------


@EVERY_WAY
def test_an_sdk_that_sends_again_starts_no_second_chain(way: Way) -> None:
    world = World()
    run(world, way.request, ERROR, reply(503))
    again = reply(500, {"detail": "still no"})
    answer, script = run(world, way.request, again)
    assert answer.reply is again
    assert script.lines == ["emit NotRerouted resubmit", "forward unread"]


@pytest.mark.parametrize(
    ("agent", "sends"),
    [("fal-client/1.0.3 (python)", []), ("python-httpx/0.28", ["forward unread"])],
)
@pytest.mark.parametrize("last", [gone(Trouble.RESET), reply(503)], ids=["both unknown", "first"])
def test_fal_client_is_stopped_after_an_unknown_outcome(
    agent: str, sends: list[str], last: Reply | NoReply
) -> None:
    world = World()
    request = fal_run(headers={"user-agent": agent})
    run(world, request, gone(Trouble.RESET), last)
    again = [gone(Trouble.RESET)] if sends else []
    answer, script = run(world, request, *again)
    assert script.sends == sends
    if not sends:
        assert isinstance(answer.reply, Reply)
        assert answer.reply.status == 504
        assert "nginx" not in answer.reply.body.decode()


def test_after_outcomes_that_cost_nothing_an_sdk_may_send_again() -> None:
    headers = {**fal_run().headers, "user-agent": "fal-client/1.0.3 (python)"}
    for request in (fal_run()._replace(headers=headers), fal_submit()._replace(headers=headers)):
        world = World()
        run(world, request, ERROR, reply(503))
        answer, script = run(world, request, ERROR)
        assert answer.reply is ERROR
        assert script.lines == ["emit NotRerouted resubmit", "forward unread"]


def test_a_resubmit_that_is_served_is_the_last() -> None:
    world = World()
    run(world, fal_run(), ERROR, reply(503))
    served = reply(200, {"images": []})
    answer, script = run(world, fal_run(), served)
    assert answer.reply is served
    assert script.lines == ["emit NotRerouted resubmit", "forward unread"]


@EVERY_WAY
def test_another_task_is_no_resubmit(way: Way) -> None:
    world = World()
    run(world, way.request, ERROR, reply(503))
    world.caller = "task-2"
    answer, _ = run(world, way.request, ERROR, *way.served)
    assert answer.report is not None
    assert answer.report.provider == way.other


def test_a_call_that_everybody_failed_while_its_own_provider_cooled_is_remembered_too() -> None:
    world = World()
    world.health.cool("host:fal", 60.0)
    last = reply(429, {"detail": "no"})
    answer, script = run(world, fal_run(), ERROR, last)
    assert answer.reply is last
    assert script.sends[-1] == "forward"
    (exhausted,) = script.of(Exhausted)
    assert exhausted.attempts == ("fal:cooling", "replicate:500", "fal:429")
    _, script = run(world, fal_run(), last)
    assert script.sends == ["forward unread"]


@EVERY_WAY
@pytest.mark.parametrize("verbose", [False, True])
def test_a_deadline_bounds_the_send_to_the_callers_own_provider(way: Way, *, verbose: bool) -> None:
    _, script = run(World(deadline=20.0, verbose=verbose), way.request, ERROR, *way.served)
    assert script.limits == [20.0]


@EVERY_WAY
@pytest.mark.parametrize("verbose", [False, True])
def test_without_a_deadline_the_first_send_is_as_long_as_the_caller_waits(
    way: Way, *, verbose: bool
) -> None:
    _, script = run(World(verbose=verbose), way.request, ERROR, *way.served)
    assert script.limits == [None]

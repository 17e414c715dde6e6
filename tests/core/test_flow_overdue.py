"""A job elsewhere that is not done when its caller can wait no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import FAL_PRO, World
from script import Script, Step, run
from talk import (
    F_COMPLETED,
    F_RESULT,
    F_RUNNING,
    F_SUBMITTED,
    FAL_OUTPUT,
    PREDICTION,
    R_CANCELED,
    R_DONE,
    R_PROCESSING,
    R_STARTING,
    fal_run,
    gone,
    r_failed,
    reply,
)

from failover.core.effects import Effect, Send
from failover.core.types import NoReply, Reply, Trouble

if TYPE_CHECKING:
    from failover.core.report import Answer

ERROR = reply(500, {"detail": "no"})
OVER = reply(400, {"status": "ALREADY_COMPLETED"})
POLICY = reply(422, {"detail": [{"type": "content_policy_violation", "msg": "flagged"}]})


def _overdue(running: Reply, *steps: Step) -> tuple[Answer, Script]:
    """Run a blocking call whose first job elsewhere keeps running until it is cancelled."""
    rest = list(steps)

    def poll(effect: Effect) -> Reply | NoReply:
        assert isinstance(effect, Send)
        polling = effect.request.method == "GET" and len(rest) == len(steps)
        step = running if polling else rest.pop(0)
        assert not callable(step)
        return step

    first = R_STARTING if running is R_PROCESSING else F_SUBMITTED
    if running is R_PROCESSING:
        world = World(job_deadline=20.0, substitutes={"schnell": ("pro",)})
    else:
        world = World(job_deadline=20.0, substitutes={"schnell": ("pro",)}, providers=("fal",))
    answer, script = run(world, fal_run(), ERROR, first, poll)
    assert rest == []
    return answer, script


def _cancel_of(script: Script) -> int:
    (at,) = [number for number, text in enumerate(script.sends) if text.endswith("/cancel")]
    return at


def _header(answer: Answer) -> str:
    assert answer.report is not None
    return answer.report.header


def test_it_is_cancelled_and_the_next_candidate_is_asked() -> None:
    answer, script = _overdue(R_PROCESSING, R_CANCELED, F_SUBMITTED, F_COMPLETED, F_RESULT)
    assert isinstance(answer.reply, Reply)
    assert answer.reply.json() == FAL_OUTPUT
    assert _header(answer) == "provider=fal; attempts=3; reason=fal:500,replicate:deadline"
    assert script.sends[_cancel_of(script) + 1] == f"send fal/f1 POST /{FAL_PRO.slug}"
    assert answer.report is not None
    assert answer.report.possible_duplicate


def test_a_result_that_arrived_meanwhile_is_used() -> None:
    answer, _ = _overdue(R_PROCESSING, R_DONE)
    assert isinstance(answer.reply, Reply)
    assert answer.reply.json() == FAL_OUTPUT
    assert _header(answer) == "provider=replicate; attempts=2; reason=fal:500"
    answer, script = _overdue(F_RUNNING, OVER, F_COMPLETED, F_RESULT)
    assert isinstance(answer.reply, Reply)
    assert answer.reply.json() == FAL_OUTPUT
    assert [text.split()[-2] for text in script.sends[-3:]] == ["PUT", "GET", "GET"]


def test_a_refusal_that_arrived_meanwhile_is_not_shopped_around() -> None:
    answer, script = _overdue(F_RUNNING, OVER, F_COMPLETED, POLICY)
    assert answer.reply is ERROR
    assert "POST" not in "".join(script.sends[_cancel_of(script) :])
    answer, script = _overdue(R_PROCESSING, r_failed("NSFW content detected."))
    assert answer.reply is ERROR
    assert _cancel_of(script) == len(script.sends) - 1
    assert _header(answer).endswith("replicate:policy")


def test_a_job_that_had_not_even_started_costs_nothing() -> None:
    aborted = reply(200, {**PREDICTION, "status": "aborted"})
    answer, _ = _overdue(R_PROCESSING, aborted, F_SUBMITTED, F_COMPLETED, F_RESULT)
    assert answer.report is not None
    assert not answer.report.possible_duplicate


@pytest.mark.parametrize(
    "unclear",
    [gone(Trouble.READ_TIMEOUT), ERROR, R_PROCESSING, reply(404, {"detail": "Not found."})],
    ids=["silence", "error", "still running", "denied"],
)
def test_an_unclear_cancel_is_a_possible_duplicate(unclear: Step) -> None:
    answer, _ = _overdue(R_PROCESSING, unclear, F_SUBMITTED, F_COMPLETED, F_RESULT)
    assert _header(answer) == "provider=fal; attempts=3; reason=fal:500,replicate:deadline"
    assert answer.report is not None
    assert answer.report.possible_duplicate


def test_a_result_still_out_of_reach_is_given_up() -> None:
    answer, script = _overdue(F_RUNNING, OVER, F_COMPLETED, gone(Trouble.RESET))
    assert answer.reply is ERROR
    assert "PUT" in script.sends[-3]

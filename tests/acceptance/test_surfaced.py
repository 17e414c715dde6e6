"""What is the caller's own fault, or everybody's failure, reaches him as his provider said it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fal_client
import pytest
import replicate

from acceptance import fal_calls, replicate_calls
from acceptance.raised import CALLS_BY_NAME, Raised
from acceptance.stage import OTHER, Call, assert_nothing_wrong

if TYPE_CHECKING:
    from collections.abc import Callable

    from acceptance.stage import Stage
    from failover.sim.provider import Provider


@dataclass(frozen=True)
class Refusal:
    """A failure that no other provider would mend."""

    name: str
    strike: Callable[[Provider], object]

    def __str__(self) -> str:
        return self.name


REFUSALS = (
    Refusal("422", lambda p: p.fail(422)),
    Refusal("policy", lambda p: p.fail(422, kind="policy") if p.name == "fal" else p.fail(422)),
    Refusal("404", lambda p: p.fail(404)),
    Refusal("400", lambda p: p.fail(400, body={"detail": "Bad request"})),
    Refusal("413", lambda p: p.fail(413)),
    Refusal("405", lambda p: p.fail(405)),
)
CALLS = tuple(
    call
    for call in (*fal_calls.CALLS, *replicate_calls.CALLS)
    if call.name
    in {
        "fal.run",
        "fal.submit",
        "fal.async.run",
        "fal.async.subscribe",
        "replicate.run",
        "replicate.create-wait",
        "replicate.async.run",
    }
)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_refusal_for_the_callers_sake_is_his(stage: Stage, call: Call, refusal: Refusal) -> None:
    primary = stage.world.providers[call.provider]
    refusal.strike(primary)
    bare = Raised.by(stage, call)
    sent = len(primary.submits)
    with stage.installed():
        assert Raised.by(stage, call) == bare
    assert len(primary.submits) == 2 * sent
    assert stage.world.providers[OTHER[call.provider]].requests == []
    assert stage.told("Rerouted") == []
    assert stage.told("Exhausted") == []
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("kind", ["policy", "input", "nsfw"])
@pytest.mark.parametrize("name", ["replicate.run", "replicate.run-nowait", "replicate.async.run"])
def test_a_prediction_that_failed_for_the_callers_sake_is_his(
    stage: Stage, name: str, kind: str
) -> None:
    (call,) = (call for call in CALLS_BY_NAME if call.name == name)
    if kind == "nsfw":
        stage.world.replicate.job_fails("policy", kind="nsfw")
    else:
        stage.world.replicate.job_fails(kind)
    bare = Raised.by(stage, call)
    assert bare.kind is replicate.exceptions.ModelError
    with stage.installed():
        assert Raised.by(stage, call) == bare
    assert len(stage.world.replicate.submits) == 2
    assert stage.world.fal.requests == []
    assert stage.told("Rerouted") == []


@pytest.mark.parametrize("cause", ["policy", "input"])
def test_a_fal_job_that_failed_for_the_callers_sake_is_his(stage: Stage, cause: Any) -> None:
    stage.world.fal.job_fails(cause)
    (call,) = (call for call in CALLS_BY_NAME if call.name == "fal.submit")
    bare = Raised.by(stage, call)
    assert (bare.kind, bare.status) == (fal_client.client.FalClientHTTPError, 422)
    with stage.installed():
        assert Raised.by(stage, call) == bare
    assert stage.world.replicate.requests == []

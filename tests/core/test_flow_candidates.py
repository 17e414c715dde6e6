"""Who is asked after the caller's own provider, who is not, and why."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FAL_PRO, REPLICATE, REPLICATE_PRO, VERSION, TinyCatalog, World
from script import run
from talk import (
    F_COMPLETED,
    F_RESULT,
    F_SUBMITTED,
    FAL_OUTPUT,
    INPUT,
    PREDICTION,
    R_CANCELED,
    R_DONE,
    R_STARTING,
    WAYS,
    Way,
    fal,
    fal_run,
    fal_submit,
    gone,
    r_failed,
    replicate,
    reply,
)

from failover.core.types import Endpoint, Reply, Request, Target, Trouble
from failover.events import NotRerouted, ParamsDropped, Rerouted

EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
ERROR = reply(500, {"detail": "no"})
BUSY = reply(429, {"detail": "no"})
THERE = f"POST /v1/models/{REPLICATE.slug}/predictions"


def _pools() -> World:
    world = World(attempts=9)
    world.pool = {"fal": ("f1", "f2", "f3"), "replicate": ("r1", "r2")}
    return world


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_that_is_refused_makes_way_for_the_callers_others_first() -> None:
    for status in (401, 402, 429):
        _, script = run(_pools(), fal_run(), reply(status), BUSY, BUSY, BUSY, R_STARTING, R_DONE)
        assert [text.removesuffix(THERE).strip() for text in script.sends[:5]] == [
            "forward",
            "forward with f2",
            "forward with f3",
            "send replicate/r1",
            "send replicate/r2",
        ]


@EVERY_WAY
def test_another_own_key_serves_as_it_came(way: Way) -> None:
    answer, script = run(_pools(), way.request, BUSY, way.own)
    assert answer.reply is way.own
    assert answer.report is not None
    head = f"provider={way.provider}; attempts=2; reason={way.provider}:429"
    assert answer.report.header == head
    assert script.sends == ["forward", f"forward with {way.provider[0]}2"]
    assert script.of(Rerouted) == []


def test_another_own_key_that_answers_rubbish_has_not_served() -> None:
    for rubbish in (Reply(200, {}, b"<html>"), Reply(200, {}, b"{}", truncated=True)):
        world = _pools()
        answer, _ = run(world, fal_run(), BUSY, rubbish, R_STARTING, R_DONE)
        assert answer.report is not None
        trail = "fal:429,fal:malformed"
        assert answer.report.header == f"provider=replicate; attempts=3; reason={trail}"
        assert answer.report.possible_duplicate


def test_another_own_key_that_is_told_off_ends_the_call() -> None:
    answer, script = run(_pools(), fal_run(), BUSY, reply(422, {"detail": "no"}))
    assert answer.reply is BUSY
    assert script.sends == ["forward", "forward with f2"]


def test_another_own_key_that_meets_silence_is_a_possible_duplicate() -> None:
    answer, _ = run(_pools(), fal_run(), BUSY, gone(Trouble.RESET), R_STARTING, R_DONE)
    assert answer.report is not None
    assert answer.report.possible_duplicate


def test_keys_of_the_caller_do_not_help_against_his_providers_faults() -> None:
    for status in (500, 403):
        _, script = run(_pools(), fal_run(), reply(status), R_STARTING, R_DONE)
        assert script.sends[1] == f"send replicate/r1 {THERE}"


def test_an_alternatives_other_key_is_tried_only_where_it_helps() -> None:
    _, script = run(_pools(), fal_run(), ERROR, BUSY, R_STARTING, R_DONE)
    assert script.sends[1:3] == [f"send replicate/r1 {THERE}", f"send replicate/r2 {THERE}"]
    answer, script = run(_pools(), fal_run(), ERROR, ERROR)
    assert answer.reply is ERROR
    assert script.sends[1:] == [f"send replicate/r1 {THERE}"]


def test_a_caller_without_a_key_has_no_other_own_key() -> None:
    request = fal_run()._replace(headers={})
    _, script = run(_pools(), request, reply(401), R_STARTING, R_DONE)
    assert script.sends[1] == f"send replicate/r1 {THERE}"


# --- the chain -----------------------------------------------------------------------------------


def test_substitutes_come_after_the_same_model_and_only_if_the_user_says_so() -> None:
    world = World(attempts=9, substitutes={"schnell": ("pro",)})
    answer, script = run(world, fal_run(), ERROR, ERROR, ERROR, R_STARTING, R_DONE)
    assert script.sends[1] == f"send replicate/r1 {THERE}"
    assert script.sends[2] == f"send fal/f1 POST /{FAL_PRO.slug}"
    assert script.sends[3] == f"send replicate/r1 POST /v1/models/{REPLICATE_PRO.slug}/predictions"
    (rerouted,) = script.of(Rerouted)
    assert rerouted.model == "pro"
    assert answer.report is not None
    assert answer.report.header.endswith("reason=fal:500,replicate:500,fal:500")


def test_a_substitute_that_can_not_be_called_is_not_tried() -> None:
    world = World(attempts=9, substitutes={"schnell": ("pro",)})
    lost = Endpoint("replicate", "acme/no-version", "image", official=False)
    world.catalog.endpoints_of = lambda model: (lost,)  # type: ignore[method-assign]
    _, script = run(world, fal_run(), ERROR, ERROR)
    assert script.sends == ["forward", f"send replicate/r1 {THERE}"]


def test_the_users_order_of_providers_holds() -> None:
    world = World(substitutes={"schnell": ("pro",)}, providers=("replicate", "fal"), attempts=9)
    _, script = run(world, fal_run(), ERROR, ERROR, ERROR, ERROR)
    owners = [text.split("/")[0] for text in script.sends]
    assert owners == ["forward", "send replicate", "send replicate", "send fal"]


@pytest.mark.parametrize(
    "refused",
    [
        r_failed("NSFW content detected. Try running it again, or try a different prompt."),
        r_failed("The input or output was flagged as sensitive. (E005)"),
        reply(422, {"detail": [{"type": "content_policy_violation"}]}),
    ],
    ids=["nsfw", "e005", "fal"],
)
def test_a_policy_refusal_elsewhere_ends_the_call(refused: Reply) -> None:
    world = World(attempts=9, substitutes={"schnell": ("pro",)})
    if refused.status == 200:
        steps = [ERROR, R_STARTING, refused]
        answer, script = run(world, fal_run(), *steps)
    else:
        answer, script = run(world, replicate(wait=60), ERROR, refused)
    assert answer.reply is ERROR
    assert answer.report is not None
    assert answer.report.header.endswith(":policy")
    submits = [text for text in script.sends if "GET" not in text]
    assert len(submits) == 2


def test_what_an_alternative_can_not_take_is_no_ones_fault() -> None:
    for status in (400, 404, 415, 422):
        world = World(substitutes={"schnell": ("pro",)})
        answer, script = run(world, fal_run(), ERROR, reply(status), F_SUBMITTED, *_F_REST)
        assert answer.report is not None
        assert answer.report.header.endswith(f"reason=fal:500,replicate:{status}")
        assert not [text for text in script.lines if text.startswith("failure model:replicate")]


_F_REST = (reply(200, {"status": "COMPLETED"}), F_RESULT)


def test_a_job_that_fails_elsewhere_leads_on() -> None:
    ends = {
        "Director: unexpected error handling prediction (E6716)": "R",
        "CUDA out of memory": "A",
        "Prediction interrupted; please retry (code: PA)": "R",
    }
    for error, bill in ends.items():
        world = World(substitutes={"schnell": ("pro",)})
        answer, _ = run(world, fal_run(), ERROR, R_STARTING, r_failed(error), F_SUBMITTED, *_F_REST)
        assert answer.report is not None
        assert answer.report.header.endswith("reason=fal:500,replicate:job-failed")
        assert answer.report.failures[-1].bill == bill


def test_a_job_that_fails_for_its_input_ends_the_call() -> None:
    world = World(substitutes={"schnell": ("pro",)})
    answer, _ = run(world, fal_run(), ERROR, R_STARTING, r_failed("ValueError: width"))
    assert answer.reply is ERROR


def test_a_job_that_ends_without_media_counts_as_malformed() -> None:
    empty = reply(200, {**PREDICTION, "status": "succeeded", "output": []})
    answer, script = run(World(), fal_run(), ERROR, R_STARTING, empty)
    assert answer.reply is ERROR
    assert f"failure model:replicate/{REPLICATE.slug} malformed" in script.lines
    at_once = reply(201, {**PREDICTION, "status": "succeeded", "output": None})
    answer, script = run(World(), fal_run(), ERROR, at_once)
    assert answer.reply is ERROR
    assert answer.report is not None
    assert answer.report.header.endswith("replicate:malformed")


def test_an_alternative_may_be_done_at_once() -> None:
    at_once = R_DONE._replace(status=201)
    answer, script = run(World(), fal_run(), ERROR, at_once)
    assert isinstance(answer.reply, Reply)
    assert answer.reply.json() == FAL_OUTPUT
    assert "sleep" not in script.lines
    assert "save job at replicate" not in script.lines


def test_a_job_cancelled_elsewhere_is_not_served() -> None:
    answer, _ = run(World(), fal_run(), ERROR, R_STARTING, R_CANCELED)
    assert answer.reply is ERROR


def test_a_cut_submit_reply_elsewhere_is_an_unknown_outcome() -> None:
    cut = R_STARTING._replace(truncated=True)
    answer, _ = run(World(), fal_run(), ERROR, cut)
    assert answer.reply is ERROR
    assert answer.report is not None
    assert answer.report.failures[-1].bill == "U"


# --- what can't be carried -----------------------------------------------------------------------


def test_what_is_lost_on_the_way_is_told() -> None:
    request = fal_run({**INPUT, "loras": ["x"], "size": 500})
    answer, script = run(World(), request, ERROR, R_STARTING, R_DONE)
    (told,) = script.of(ParamsDropped)
    assert (told.dropped, told.changed) == (("loras",), ("size: 500 to 512",))
    assert answer.report is not None
    assert (answer.report.dropped, answer.report.changed) == (told.dropped, told.changed)
    assert script.lines[-2:] == ["emit Rerouted 500", "emit ParamsDropped"]


def _reasons(world: World, request: Request) -> list[tuple[str, str | None, str | None]]:
    answer, script = run(world, request, ERROR)
    assert answer.reply is ERROR
    assert answer.report is None
    assert script.sends == ["forward"]
    return [(event.reason, event.target, event.parameter) for event in script.of(NotRerouted)]


def test_a_refusal_of_the_catalog_names_the_parameter() -> None:
    masked = fal_run({**INPUT, "mask": "data:,"})
    assert _reasons(World(), masked) == [("essential", "replicate", "mask")]
    exact = fal_run({**INPUT, "loras": []})
    assert _reasons(World(fidelity="exact"), exact) == [("fidelity", "replicate", "loras")]


def test_calls_that_only_their_own_provider_can_serve() -> None:
    hook = {"input": INPUT, "webhook": "https://me.example/hook"}
    io = {"x-fal-store-io": "0"}
    cases: list[tuple[str, Request]] = [
        ("webhook", fal_submit()._replace(query="fal_webhook=https%3A%2F%2Fme.example")),
        ("webhook", replicate(hook)),
        ("headers", fal(f"/{'fal-ai/flux/schnell'}", headers=io)),
        ("body", fal_run()._replace(body=b"--boundary")),
        ("body", fal_run([1])),
        ("body", fal_run()._replace(body=None, replayable=False)),
        ("body", replicate({"input": "text"})),
        ("body", replicate({"input": INPUT}, "/v1/predictions")),
        ("no-equivalent", fal("/fal-ai/never-heard-of")),
        ("no-equivalent", fal_run({**INPUT, "unheard_of": 1})),
        ("no-equivalent", fal_run({**INPUT, "only_here": 1})),
        ("no-equivalent", replicate({"version": "d" * 64, "input": INPUT}, "/v1/predictions")),
    ]
    for reason, request in cases:
        assert _reasons(World(), request) == [(reason, None, None)], request.path


def test_without_a_key_elsewhere_the_reason_is_said() -> None:
    world = World()
    world.pool["replicate"] = ()
    assert _reasons(world, fal_run()) == [("no-key", None, None)]
    assert _reasons(World(providers=("fal",)), fal_run()) == [("no-key", None, None)]


# --- versions ------------------------------------------------------------------------------------


def _versioned(named: str) -> Any:
    world = World()
    world.memory.note_version("e" * 64, REPLICATE.slug)
    request = replicate({"version": named, "input": INPUT}, "/v1/predictions")
    answer, script = run(world, request, ERROR, F_SUBMITTED)
    assert script.sends[1] == "send fal/f1 POST /fal-ai/flux/schnell"
    assert isinstance(answer.reply, Reply)
    return world, answer.reply.json()


def test_a_version_id_finds_its_model() -> None:
    for named in (VERSION, "e" * 64, f"{REPLICATE.slug}:{VERSION}", REPLICATE.slug):
        world, body = _versioned(named)
        version = named.rpartition(":")[2] if named != REPLICATE.slug else None
        assert body["model"] == REPLICATE.slug
        assert body["version"] == (version or "hidden")
        assert world.memory.rerouted == ({version} if version else set())


def test_another_own_key_helps_with_a_model_that_has_no_name() -> None:
    answer, script = run(_pools(), fal_run({**INPUT, "unheard_of": 1}), BUSY, F_RESULT)
    assert answer.reply is F_RESULT
    assert script.sends == ["forward", "forward with f2"]


# --- how others are asked ------------------------------------------------------------------------


def test_only_a_last_candidate_may_take_its_time() -> None:
    create = replicate(wait=60)
    for attempts, impatient in ((2, None), (3, "1")):
        _, script = run(World(attempts=attempts), create, ERROR, F_SUBMITTED, *_F_REST)
        assert script.sent[0].request.headers.get("x-fal-no-retry") == impatient


def test_a_finished_jobs_server_error_is_a_failed_job() -> None:
    broken = reply(503, {"detail": "GPU error"})
    completed = reply(200, {"status": "COMPLETED"})
    steps = (ERROR, F_SUBMITTED, completed, broken)
    answer, _ = run(World(), replicate(wait=60), *steps)
    assert answer.reply is ERROR
    assert answer.report is not None
    assert answer.report.header.endswith("reason=replicate:500,fal:job-failed")


def test_a_connection_refused_slowly_is_not_tried_again() -> None:
    _, script = run(World(), fal_run(), gone(Trouble.CONNECT, 0.25), R_STARTING, R_DONE)
    assert script.sends[:2] == ["forward", f"send replicate/r1 {THERE}"]


# --- several addresses of one model ---------------------------------------------------------------

ALIAS = Endpoint("replicate", "official/flux-schnell", "image", official=True)


class TwoAddresses(TinyCatalog):
    """Replicate serves the model under two addresses."""

    def targets(self, source: Endpoint, input: Any) -> tuple[Target, ...]:
        return (*super().targets(source, input), Target("schnell", ALIAS))


def _at_two_addresses() -> World:
    world = World(attempts=9)
    world.catalog = TwoAddresses()
    world.pool = {"fal": ("f1",), "replicate": ("r1", "r2")}
    return world


def test_a_model_that_failed_is_not_tried_under_another_address_of_its_provider() -> None:
    _, script = run(_at_two_addresses(), fal_run(), ERROR, ERROR)
    assert script.sends == ["forward", f"send replicate/r1 {THERE}"]


def test_another_address_is_tried_when_the_first_did_not_take_the_call() -> None:
    steps = (ERROR, reply(404, {"detail": "no"}), R_STARTING, R_DONE)
    _, script = run(_at_two_addresses(), fal_run(), *steps)
    elsewhere = "POST /v1/models/official/flux-schnell/predictions"
    assert script.sends[:3] == [
        "forward",
        f"send replicate/r1 {THERE}",
        f"send replicate/r1 {elsewhere}",
    ]


# --- a job that fails while its caller is held ----------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "aborted"])
def test_a_held_job_that_failed_by_its_providers_fault_is_made_elsewhere(status: str) -> None:
    error = "Prediction interrupted; please retry (code: PA)"
    held = reply(201, {**PREDICTION, "status": status, "error": error})
    answer, script = run(World(), replicate(wait=5), held, F_SUBMITTED, F_COMPLETED, F_RESULT)
    assert isinstance(answer.reply, Reply)
    assert answer.reply.json()["status"] == "succeeded"
    (event,) = script.of(Rerouted)
    assert event.reason == "job-failed"


@pytest.mark.parametrize("error", ["NSFW content detected.", "Invalid prompt (E006)", "odd words"])
def test_a_held_job_that_failed_by_its_callers_fault_is_his(error: str) -> None:
    held = reply(201, {**PREDICTION, "status": "failed", "error": error})
    answer, script = run(World(), replicate(wait=5), held)
    assert answer.reply is held
    assert script.sends == ["forward"]

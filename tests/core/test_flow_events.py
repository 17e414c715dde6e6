"""What listeners hear of a call: in the order it happens, and nothing that is the caller's."""

from __future__ import annotations

from dataclasses import asdict

from fakes import FAL, PROMPT, SECRET, World
from script import Script, run
from talk import (
    F_RESULT,
    INPUT,
    R_DONE,
    R_STARTING,
    fal,
    fal_run,
    gone,
    replicate,
    reply,
)

from failover.core.types import Request, Trouble
from failover.events import AttemptFailed, CallFinished, CallMatched, Event

ERROR = reply(500, {"detail": "no"})


def _told(script: Script) -> list[str]:
    words = {"CallFinished": "outcome", "CallMatched": "endpoint"}
    return [
        f"{type(event).__name__} {getattr(event, words.get(type(event).__name__, 'reason'), '')}"
        for event in script.events
    ]


def test_a_call_that_moves_is_told_in_order() -> None:
    world = World(verbose=True)
    request = fal_run({**INPUT, "loras": []})
    _, script = run(world, request, ERROR, R_STARTING, R_DONE)
    assert _told(script) == [
        f"CallMatched {FAL.slug}",
        "AttemptFailed 500",
        "Rerouted 500",
        "ParamsDropped ",
        "CallFinished rerouted",
    ]
    assert script.lines.index("emit AttemptFailed 500") < script.lines.index(
        "send replicate/r1 POST /v1/models/black-forest-labs/flux-schnell/predictions"
    )
    assert len({event.call_id for event in script.events if hasattr(event, "call_id")}) == 1
    times = [event.at for event in script.events]
    assert times == sorted(times)
    matched, *_, finished = script.events
    assert isinstance(matched, CallMatched)
    assert matched.at == 1.7e9 + 1000.0
    assert isinstance(finished, CallFinished)
    assert (finished.model, finished.provider, finished.attempts) == ("schnell", "replicate", 2)
    assert finished.seconds == world.time - 1000.0


def test_how_a_call_ends_is_one_word() -> None:
    def ends(world: World, *steps: object, request: Request | None = None) -> str:
        _, script = run(world, request or fal_run(), *steps)  # type: ignore[arg-type]
        (finished,) = script.of(CallFinished)
        return f"{finished.outcome} by {finished.provider}"

    def cooling() -> World:
        world = World(verbose=True)
        world.health.cool("host:fal", 30.0)
        world.health.cool("host:replicate", 30.0)
        return world

    pool = World(verbose=True)
    pool.pool["fal"] = ("f1", "f2")
    assert ends(World(verbose=True), F_RESULT) == "served by fal"
    assert ends(pool, reply(429), F_RESULT) == "served by fal"
    assert ends(World(verbose=True), reply(422)) == "surfaced by fal"
    assert ends(World(verbose=True), ERROR, R_STARTING, R_DONE) == "rerouted by replicate"
    assert ends(World(verbose=True), ERROR, ERROR) == "exhausted by fal"
    assert ends(World(verbose=True), ERROR, request=fal("/a/b")) == "exhausted by fal"
    assert ends(cooling(), F_RESULT) == "passed-through by fal"
    assert ends(cooling(), ERROR) == "exhausted by fal"


def test_routine_is_told_only_to_those_who_listen() -> None:
    _, script = run(World(), fal_run(), F_RESULT)
    assert script.events == []
    _, script = run(World(), fal_run(), ERROR, R_STARTING, R_DONE)
    assert _told(script) == ["Rerouted 500"]
    _, script = run(World(), fal_run(), ERROR, ERROR)
    assert _told(script) == ["Exhausted "]


def test_every_attempt_is_told_with_its_number_and_bill() -> None:
    world = World(verbose=True)
    _, script = run(world, fal_run(), gone(Trouble.RESET, 2.5), reply(422, {"detail": "no"}))
    first, second = script.of(AttemptFailed)
    assert (first.attempt, first.provider, first.bill, first.status) == (1, "fal", "U", None)
    assert first.seconds == 2.5
    assert (second.attempt, second.provider, second.bill) == (2, "replicate", "R")
    assert second.status == 422


def test_no_event_holds_a_prompt_a_key_or_a_providers_words() -> None:
    words = f"the prompt {PROMPT} with {SECRET}-f1 was refused"
    world = World(verbose=True)
    world.pool = {"fal": ("f1", "f2"), "replicate": ("r1", "r2")}
    steps = [reply(code, {"detail": words}) for code in (429, 429, 429, 429)]
    world.settings = World(attempts=9, verbose=True).settings
    for request in (fal_run(), replicate(wait=5), fal("/a/b"), fal_run({**INPUT, "mask": PROMPT})):
        _, script = run(world, request, steps[0], lambda _: steps[1])
        texts = [value for event in script.events for value in _texts(event)]
        assert texts
        assert not [text for text in texts if PROMPT in text or SECRET in text]
        assert not [text for text in texts if len(text) > 80]


def _texts(event: Event) -> list[str]:
    values = asdict(event).values()
    flat = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [value for value in flat if isinstance(value, str)]

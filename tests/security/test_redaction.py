"""S12 to S16: no key in anything that can be shown, logged, pickled or collected from a crash."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pkgutil
import pprint
import re
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_KEY,
    FAL_URL,
    PROMPT,
    REPLICATE_AUTH,
    REPLICATE_KEY,
    REPLICATE_URL,
    Canned,
    Door,
    Network,
    make,
    prediction,
    reply,
)

import failover
from failover.keys import KeyRing, Secret, key_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover import Failover
    from failover.events import Event

SECRETS = (FAL_KEY, REPLICATE_KEY, "canary-caller")
CALLER = {"authorization": "Key canary-caller"}
HOSTILE = 'evil\r\nx-injected: 1\x1b[31m\u202e"; provider=none; <script>\x00' + "A" * 5000


def shown(thing: Any) -> Iterator[str]:
    """Every way in which a value may be shown."""
    yield repr(thing)
    yield str(thing)
    yield f"{thing}"
    yield pprint.pformat(thing)
    yield repr(vars(thing)) if hasattr(thing, "__dict__") else ""
    yield pprint.pformat(vars(thing)) if hasattr(thing, "__dict__") else ""
    for name in dir(thing):
        if not name.startswith("_"):
            value = getattr(thing, name, None)
            yield "" if callable(value) else repr(value)


def used(fo: Failover) -> Failover:
    """Settings after a call that taught them the caller's own key."""
    door = Door("httpx", None)
    network = Network({"fal.run": DOWN})
    door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=CALLER)
    return fo


def things(fo: Failover) -> list[Any]:
    """Every object a user, or his crash reporter, may hold."""
    runtime = fo.runtime
    front = failover.httpx
    return [
        fo,
        fo.keyring,
        fo.policy,
        fo.sites,
        fo.telling,
        fo.status(),
        fo.secrets,
        fo.secret_texts,
        runtime,
        runtime.settings,
        runtime.health,
        runtime.memory,
        front.FailoverTransport(fo),
        front.AsyncFailoverTransport(fo),
        failover.requests.FailoverAdapter(fo),
        Secret(FAL_KEY),
    ]


def test_s12_nothing_shows_a_key(fo: Failover) -> None:
    for thing in things(used(fo)):
        for text in shown(thing):
            for secret in SECRETS:
                assert secret not in text, (type(thing), secret)


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_s12_what_holds_a_key_is_neither_pickled_nor_copied(fo: Failover, act: Any) -> None:
    for thing in (fo, fo.keyring, Secret(FAL_KEY), fo.secrets, fo.secret_texts):
        with pytest.raises(TypeError) as caught:
            act(thing)
        assert not any(secret in str(caught.value) for secret in SECRETS)


def test_s12_a_secret_is_known_by_an_id_that_gives_nothing_away() -> None:
    secret = Secret(FAL_KEY)
    assert secret.id == key_id(FAL_KEY)
    assert re.fullmatch(r"[0-9a-f]{16}", secret.id)
    assert repr(secret) == f"Secret({secret.id})"
    assert secret.reveal() == FAL_KEY
    assert not hasattr(secret, "__dict__")


def test_s12_ids_tell_keys_apart() -> None:
    ring = KeyRing({"fal": ["one-key", "two-key", "one-key"]}, {})
    assert len(ring.ids("fal")) == 2
    assert ring.credential("fal", ring.ids("fal")[1]) == "Key two-key"
    with pytest.raises(KeyError):
        ring.credential("fal", "no such id")
    with pytest.raises(KeyError):
        ring.credential("replicate", ring.ids("fal")[0])


def crashes(door: Door, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str]) -> list[str]:
    """What a crash reporter would collect from an error of ours at one place."""
    collected: list[str] = []

    class Reporter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            collected.append(record.getMessage())
            if record.exc_info and record.exc_info[1]:
                collected.append(full(record.exc_info[1]))

    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("planted")

    reporter = Reporter()
    logging.getLogger().addHandler(reporter)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(*where, broken)
            network = Network({"fal.run": DOWN})
            door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    finally:
        logging.getLogger().removeHandler(reporter)
    return collected


def full(error: BaseException) -> str:
    """A traceback with the local variables of our own frames, as crash reporters collect it."""
    stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    ours = [frame for frame in stack if "/failover/" in frame.filename]
    lines = [f"{frame.name}: {frame.locals}" for frame in ours]
    lines += [str(error), repr(error.args), *getattr(error, "__notes__", [])]
    return "\n".join(lines)


PLACES = [
    "failover._sites.Sites.may_carry",
    "failover._sites.Sites.outbound",
    "failover.core.walk.Walk.failed",
    "failover.core.elsewhere.candidates",
    "failover.dialects.replicate.Replicate.submit",
    "failover.dialects.replicate.Replicate.read",
    "failover.dialects.fal.Fal.answer",
    "failover.dialects.fal.Fal.cause",
    "failover.keys.KeyRing.credential",
]


@pytest.mark.parametrize("place", PLACES)
def test_s13_a_crash_of_ours_shows_no_key(
    door: Door, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    module, _, name = place.rpartition(".")
    collected = crashes(door, monkeypatch, (pkgutil.resolve_name(module), name))
    assert any("planted" in text for text in collected)
    for text in collected:
        for secret in SECRETS:
            assert secret not in text


def test_s13_the_callers_own_exception_holds_no_key_of_ours(door: Door) -> None:
    error = door.error("read-timeout")("his own")
    network = Network({"fal.run": error, "api.replicate.com": door.error("reset")})
    with pytest.raises(type(error)) as caught:
        door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    chain: BaseException | None = caught.value
    while chain is not None:
        text = full(chain)
        assert not any(secret in text for secret in SECRETS)
        chain = chain.__cause__ or chain.__context__


def test_s14_no_logger_at_debug_says_a_key_or_a_prompt(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    fo = make(on_event=events.append)
    for answers in ({}, {"fal.run": DOWN}, {"fal.run": DOWN, "api.replicate.com": DOWN}):
        network = Network(answers)
        body = {"prompt": "canary-prompt"}
        door.send(fo, network, "POST", f"{FAL_URL}?q=canary-query", json=body, headers=FAL_AUTH)
        door.send(
            fo, network, "GET", "https://v3.fal.media/x", headers={"x-api-key": REPLICATE_KEY}
        )
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("failover")]
    everything = "\n".join(r.getMessage() for r in caplog.records)
    assert any("failover.rerouted" in line for line in ours)
    assert any("failover.key_withheld" in line for line in ours)
    for secret in SECRETS:
        assert secret not in everything
        assert secret not in repr(events)
    assert "canary-prompt" not in everything + repr(events)
    assert "canary-query" not in "\n".join(ours) + repr(events)


def test_s15_the_header_is_built_from_our_own_words(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    kind = {
        "content-type": "application/json",
        "x-fal-error-type": re.sub(r"[^ -~]", "", HOSTILE)[:200],
        "retry-after": "1; provider=none",
    }
    said = json.dumps({"detail": HOSTILE, "error_type": HOSTILE, "status": HOSTILE})
    hostile = Canned(503, said.encode(), kind)
    fo = make()
    network = Network({"fal.run": hostile, "api.replicate.com": hostile})
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    header = got.headers["x-failover"]
    assert re.fullmatch(r"provider=[a-z]+; attempts=\d; reason=([a-z]+:[a-z0-9-]+,?)+", header)
    assert got.body == hostile.body
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("failover")]
    assert ours
    for line in ours:
        assert line.isprintable()
        assert line.isascii()
        assert len(line) < 600
        assert "evil" not in line


def test_s15_a_hostile_prediction_reaches_only_the_caller(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failed = {**prediction(None, "failed"), "error": HOSTILE, "logs": HOSTILE}
    network = Network({"fal.run": DOWN, "api.replicate.com": reply(failed, 201)})
    got = door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert re.fullmatch(r"[ -~]+", got.headers["x-failover"])
    assert "x-injected" not in got.headers
    for record in caplog.records:
        if record.name.startswith("failover"):
            assert "evil" not in record.getMessage()


def test_s15_a_hostile_slug_is_escaped_in_the_log(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    network = Network({"api.replicate.com": DOWN})
    body = {"version": "acme/" + HOSTILE, "input": PROMPT}
    url = "https://api.replicate.com/v1/predictions"
    door.send(make(), network, "POST", url, json=body, headers=REPLICATE_AUTH)
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("failover")]
    for line in lines:
        assert line.isprintable(), line
        assert len(line) < 600


def test_s16_labels_are_names_of_our_own(door: Door) -> None:
    events: list[Any] = []
    network = Network({"api.replicate.com": DOWN, "queue.fal.run": DOWN})
    door.send(
        make(on_event=events.append),
        network,
        "POST",
        REPLICATE_URL,
        json={"input": PROMPT},
        headers=REPLICATE_AUTH,
    )
    for event in events:
        for name in ("provider", "source", "target", "reason", "bill", "outcome"):
            value = getattr(event, name, None)
            assert value is None or re.fullmatch(r"[a-zA-Z0-9-]{1,40}", value), (event, name)
        scope = getattr(event, "scope", "host:fal")
        assert re.fullmatch(r"(host|model|key|key-model):[a-z]+(/[\w./-]+)?", scope)

"""Everybody fails: the caller gets what his own provider said, and no storm (F-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import replicate
import requests

from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.raised import Raised
from acceptance.stage import OTHER, assert_nothing_wrong

if TYPE_CHECKING:
    from acceptance.stage import Stage

LAST_WORD = "x-failover"


@pytest.mark.parametrize("library", plain_calls.LIBRARIES)
@pytest.mark.parametrize("talk", plain_calls.TALKS)
def test_f11_when_all_fail_the_first_word_is_the_last(
    stage: Stage, library: str, talk: str
) -> None:
    provider = plain_calls.TALKS[talk][0]
    primary = stage.world.providers[provider]
    other = stage.world.providers[OTHER[provider]]
    words = {"detail": "too many of you", "odd": [1, 2]}
    primary.fail(429, body=words, headers={"Retry-After": "7", "X-Odd": "yes"})
    other.fail(503)
    heard: list[plain_calls.Answer] = []

    def conversation() -> Any:
        headers = (
            plain_calls.fal_headers(stage)
            if provider == "fal"
            else plain_calls.replicate_headers(stage)
        )
        url = {
            "fal-run": plain_calls.RUN_URL,
            "fal-queue": plain_calls.QUEUE_URL,
        }.get(talk, plain_calls.MODEL_URL)
        if talk == "replicate-wait":
            headers["Prefer"] = "wait"
        body = fal_calls.ARGUMENTS if provider == "fal" else {"input": replicate_calls.INPUT}
        heard.append((yield "POST", url, headers, body))

    with stage.installed():
        plain_calls.LIBRARIES[library](stage, conversation())
    (answer,) = heard
    assert (answer.status, answer.data) == (429, words)
    assert (answer.headers["retry-after"], answer.headers["x-odd"]) == ("7", "yes")
    assert answer.headers[LAST_WORD].startswith(f"provider={provider}; attempts=2; reason=")
    assert f"{provider}:429" in answer.headers[LAST_WORD]
    assert f"{other.name}:503" in answer.headers[LAST_WORD]
    assert [f.reason for f in answer.report.failures] == ["429", "503"]
    (event,) = stage.told("Exhausted")
    assert event.attempts == (f"{provider}:429", f"{other.name}:503")
    assert (len(primary.submits), len(other.submits)) == (1, 1)
    assert_nothing_wrong(stage)


@pytest.mark.parametrize(
    ("library", "kind"),
    [
        ("requests", requests.exceptions.ConnectionError),
        ("httpx", httpx.ConnectError),
        ("httpx2", httpx2.ConnectError),
        ("httpx.async", httpx.ConnectError),
        ("httpx2.async", httpx2.ConnectError),
    ],
)
def test_f11_when_nobody_can_be_reached_the_exception_is_the_librarys(
    stage: Stage, library: str, kind: type[Exception]
) -> None:
    stage.world.fal.refuse()
    stage.world.replicate.refuse()
    (call,) = (call for call in plain_calls.CALLS if call.name == f"{library}.fal-run")
    with stage.installed(), pytest.raises(kind) as caught:
        call.make(stage)
    assert type(caught.value) is kind
    assert any("failover" in note for note in caught.value.__notes__)
    assert [f.provider for f in caught.value.failover.failures] == ["fal", "replicate"]
    request = caught.value.request
    assert str(request.url) == plain_calls.RUN_URL
    assert len(stage.told("Exhausted")) == 1


def test_f11_fal_client_gets_its_own_error_and_no_storm(stage: Stage, fast_retries: None) -> None:
    stage.world.fal.fail(kind="rate")
    stage.world.replicate.fail(503)
    (call,) = (call for call in fal_calls.CALLS if call.name == "fal.run")
    bare = Raised.by(stage, call)
    attempts = len(stage.world.fal.submits)
    stage.world.fal.forget()
    with stage.installed():
        raised = Raised.by(stage, call)
    assert (raised.kind, raised.status, raised.body) == (bare.kind, 429, bare.body)
    assert len(stage.world.fal.submits) <= attempts
    assert len(stage.world.replicate.submits) == 1


def test_f11_the_replicate_sdk_gets_its_own_error(stage: Stage) -> None:
    stage.world.replicate.fail(402)
    stage.world.fal.fail(500)
    (call,) = (call for call in replicate_calls.CALLS if call.name == "replicate.run")
    bare = Raised.by(stage, call)
    with stage.installed():
        assert Raised.by(stage, call) == bare
    assert bare.kind is replicate.exceptions.ReplicateError


@pytest.mark.parametrize("name", ["fal.run", "fal.submit", "fal.async.run"])
def test_an_unknown_outcome_costs_two_submits_at_most(
    stage: Stage, fast_retries: None, name: str
) -> None:
    stage.world.fal.reset()
    stage.world.replicate.reset()
    (call,) = (call for call in fal_calls.CALLS if call.name == name)
    with stage.installed(), pytest.raises(Exception):  # noqa: B017, PT011 - whichever it is
        call.make(stage)
    assert len(stage.world.fal.submits) + len(stage.world.replicate.submits) <= 2

"""What is the caller's own fault, or everybody's failure, reaches him as his provider said it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fal_client
import httpx
import httpx2
import pytest
import replicate
import requests

from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.stage import OTHER, Call, assert_nothing_wrong, assert_right_pictures

if TYPE_CHECKING:
    from collections.abc import Callable

    from acceptance.stage import Stage
    from failover.sim.provider import Provider

SHORT_RUN = ("date", "x-fal-request-id")


@dataclass(frozen=True)
class Raised:
    """What a call raised, in everything that a program can see of it."""

    kind: type[BaseException]
    text: str
    status: int | None
    body: bytes | None
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def by(cls, stage: Stage, call: Call) -> Raised:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - any; it is compared afterwards
            call.make(stage)
        error = caught.value
        response = getattr(error, "response", None)
        headers = {} if response is None else dict(response.headers)
        for name in SHORT_RUN:
            headers.pop(name, None)
        return cls(
            type(error),
            str(error),
            getattr(error, "status_code", getattr(error, "status", None)),
            None if response is None else response.content,
            tuple(sorted(headers.items())),
        )


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


CALLS_BY_NAME = (*fal_calls.CALLS, *replicate_calls.CALLS, *plain_calls.CALLS)


@pytest.mark.parametrize("cause", ["policy", "input"])
def test_a_fal_job_that_failed_for_the_callers_sake_is_his(stage: Stage, cause: Any) -> None:
    stage.world.fal.job_fails(cause)
    (call,) = (call for call in CALLS_BY_NAME if call.name == "fal.submit")
    bare = Raised.by(stage, call)
    assert (bare.kind, bare.status) == (fal_client.client.FalClientHTTPError, 422)
    with stage.installed():
        assert Raised.by(stage, call) == bare
    assert stage.world.replicate.requests == []


# --- everybody fails (F-11) ---------------------------------------------------------------------

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


# --- only a submit can be rerouted (F-07) -------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("phase", ["poll", "result", "cancel"])
def test_f07_nothing_but_a_submit_at_fal_becomes_a_submit(
    stage: Stage, phase: str, status: int
) -> None:
    headers = plain_calls.fal_headers(stage)
    with stage.installed(), httpx.Client(headers=headers) as client:
        job = client.post(plain_calls.QUEUE_URL, json=fal_calls.ARGUMENTS).json()
        stage.world.fal.fail(status, on=phase)
        method, url = {
            "poll": ("GET", job["status_url"]),
            "result": ("GET", job["response_url"]),
            "cancel": ("PUT", job["cancel_url"]),
        }[phase]
        assert client.request(method, url).status_code == status
    assert len(stage.world.fal.submits) == 1
    assert stage.world.replicate.requests == []


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
@pytest.mark.parametrize(
    ("method", "path", "phase"),
    [
        ("GET", "/v1/predictions/{id}", "poll"),
        ("POST", "/v1/predictions/{id}/cancel", "cancel"),
        ("GET", "/v1/predictions", "any"),
        ("GET", "/v1/models/black-forest-labs/flux-schnell", "any"),
        ("GET", "/v1/account", "any"),
        ("POST", "/v1/files", "any"),
    ],
)
def test_f07_nothing_but_a_submit_at_replicate_becomes_a_submit(
    stage: Stage, method: str, path: str, phase: str, status: int
) -> None:
    headers = plain_calls.replicate_headers(stage)
    with stage.installed(), httpx.Client(headers=headers) as client:
        body = {"input": replicate_calls.INPUT}
        job = client.post(plain_calls.MODEL_URL, json=body).json()
        stage.world.replicate.fail(status, on=phase)
        url = "https://api.replicate.com" + path.format(id=job["id"])
        assert client.request(method, url).status_code == status
    assert len(stage.world.replicate.submits) == 1
    assert stage.world.fal.requests == []


# --- the job elsewhere fails after it has started (F-36, F-38) ----------------------------------


def _expire(provider: Provider) -> None:
    """Let every job that has not started be dropped."""
    for job in provider.jobs.all():
        job.start_by = time.monotonic() - 1.0


@pytest.mark.parametrize("cause", ["infrastructure", "policy", "input"])
@pytest.mark.parametrize("name", ["fal.run", "fal.async.run", "httpx.fal-run"])
def test_f38_a_blocking_fal_caller_never_gets_a_failed_job_for_a_success(
    stage: Stage, name: str, cause: Any
) -> None:
    stage.world.fal.fail(503)
    stage.world.replicate.job_fails(cause)
    (call,) = (call for call in CALLS_BY_NAME if call.name == name)
    with stage.installed(), pytest.raises((fal_client.client.FalClientHTTPError, AssertionError)):
        call.make(stage)
    assert len(stage.world.replicate.submits) == 1
    assert stage.told("Rerouted") == []
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("cause", ["infrastructure", "policy", "input"])
def test_f38_a_queueing_fal_caller_is_told_that_the_job_failed(stage: Stage, cause: Any) -> None:
    stage.world.fal.fail(503)
    stage.world.replicate.job_fails(cause)
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        assert isinstance(list(handle.iter_events())[-1], fal_client.Completed)
        with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
            handle.get()
    assert caught.value.status_code >= 400
    assert len(stage.world.replicate.submits) == 1
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("hidden", [False, True], ids=["told", "hidden"])
@pytest.mark.parametrize("cause", ["infrastructure", "policy"])
def test_f38_a_queueing_replicate_caller_is_told_that_the_job_failed(
    stage: Stage, cause: Any, hidden: bool
) -> None:
    stage.world.replicate.fail(503)
    stage.world.fal.job_fails(cause, hidden=hidden)
    with stage.installed(), replicate_calls.client_of(stage) as client:
        prediction = client.predictions.create(
            model=replicate_calls.MODEL, input=replicate_calls.INPUT
        )
        prediction.wait()
        assert prediction.status == "failed"
        assert isinstance(prediction.error, str)
        assert prediction.error
        assert prediction.output is None
    assert len(stage.world.fal.submits) == 1
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("hidden", [False, True], ids=["told", "hidden"])
def test_f38_a_waiting_replicate_caller_gets_his_own_providers_error(
    stage: Stage, hidden: bool
) -> None:
    stage.world.replicate.fail(503)
    stage.world.fal.job_fails("infrastructure", hidden=hidden)
    with (
        stage.installed(),
        replicate_calls.client_of(stage) as client,
        pytest.raises(replicate.exceptions.ReplicateError) as caught,
    ):
        client.run(replicate_calls.MODEL, input=replicate_calls.INPUT)
    assert caught.value.status == 503
    assert len(stage.told("Exhausted")) == 1


@pytest.mark.parametrize("end", ["aborted", "canceled"])
def test_f36_a_job_that_replicate_ended_is_over_for_a_fal_caller(stage: Stage, end: str) -> None:
    stage.world.fal.fail(503)
    stage.world.replicate.job_hangs("queued" if end == "aborted" else "running")
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        if end == "aborted":
            (job,) = stage.world.replicate.jobs.all()
            job.start_by = stage.world.clock.now() - 1.0
        else:
            (job,) = stage.world.replicate.jobs.all()
            job.cancel()
        assert isinstance(handle.status(), fal_client.Completed)
        with pytest.raises(fal_client.client.FalClientHTTPError):
            handle.get()
    assert len(stage.world.replicate.submits) == 1


@pytest.mark.parametrize("name", ["replicate.run", "replicate.async.run", "httpx.replicate-wait"])
def test_f38_a_job_that_fails_while_its_caller_is_held_is_made_elsewhere(
    stage: Stage, name: str
) -> None:
    stage.world.replicate.job_fails("infrastructure")
    (call,) = (call for call in CALLS_BY_NAME if call.name == name)
    with stage.installed():
        assert_right_pictures(stage, call.make(stage))
    assert (len(stage.world.replicate.submits), stage.world.fal.billed) == (1, 1)
    assert [event.reason for event in stage.told("Rerouted")] == ["job-failed"]
    assert_nothing_wrong(stage)


def test_f36_a_poll_that_fails_says_nothing_about_the_job(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        stage.world.replicate.fail(500, on="poll", times=1)
        assert isinstance(handle.status(), fal_client.Queued | fal_client.InProgress)
        assert handle.get()["images"]
    assert len(stage.world.replicate.submits) == 1
    assert_nothing_wrong(stage)


# --- what cannot be served elsewhere ------------------------------------------------------------

HOOK = "https://hooks.example/done"


def test_x12_a_call_with_a_webhook_stays_at_fal(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with (
        stage.installed(),
        fal_calls.client_of(stage) as client,
        pytest.raises(fal_client.client.FalClientHTTPError) as caught,
    ):
        client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS, webhook_url=HOOK)
    assert caught.value.status_code == 503
    assert stage.world.replicate.requests == []
    assert [event.reason for event in stage.told("NotRerouted")] == ["webhook"]


def test_x12_a_call_with_a_webhook_stays_at_replicate(stage: Stage) -> None:
    stage.world.replicate.fail(503)
    with (
        stage.installed(),
        replicate_calls.client_of(stage) as client,
        pytest.raises(replicate.exceptions.ReplicateError) as caught,
    ):
        client.predictions.create(
            model=replicate_calls.MODEL, input=replicate_calls.INPUT, webhook=HOOK
        )
    assert caught.value.status == 503
    assert stage.world.fal.requests == []
    assert [event.reason for event in stage.told("NotRerouted")] == ["webhook"]


def test_a_deployment_that_nobody_else_has_passes_through(stage: Stage) -> None:
    stage.world.replicate.deploy("acme/pictures", replicate_calls.MODEL)
    stage.world.replicate.fail(503)
    with (
        stage.installed(),
        replicate_calls.client_of(stage) as client,
        pytest.raises(replicate.exceptions.ReplicateError) as caught,
    ):
        client.deployments.predictions.create("acme/pictures", input=replicate_calls.INPUT)
    assert caught.value.status == 503
    assert stage.world.fal.requests == []


def test_a_model_that_nobody_else_has_passes_through(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with (
        stage.installed(),
        fal_calls.client_of(stage) as client,
        pytest.raises(fal_client.client.FalClientHTTPError) as caught,
    ):
        client.run("acme/house-style", arguments=fal_calls.ARGUMENTS)
    assert caught.value.status_code == 503
    assert stage.world.replicate.requests == []


def test_without_a_key_elsewhere_the_call_is_as_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPLICATE_API_TOKEN")
    stage.world.fal.fail(503)
    (call,) = (call for call in fal_calls.CALLS if call.name == "fal.run")
    bare = Raised.by(stage, call)
    with stage.installed():
        assert Raised.by(stage, call) == bare
    assert stage.world.replicate.requests == []

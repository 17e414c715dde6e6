"""After enough failures a provider is left alone for a while; other keys come before others."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import failover
from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.stage import Stage, assert_nothing_wrong
from failover import Policy

if TYPE_CHECKING:
    from pathlib import Path

SHORT = Policy(cooldown=0.2, max_cooldown=0.4)
OVER = 0.3  # a cooldown of 0.2 s is stretched by a quarter at the most
IN_A_ROW = 3  # server errors that open a cooldown (docs/outcomes.md)


def post(stage: Stage, key: str | None = None) -> httpx.Response:
    headers = plain_calls.fal_headers(stage)
    if key is not None:
        headers["Authorization"] = f"Key {key}"
    return httpx.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS, headers=headers)


def fail_often(stage: Stage, times: int = IN_A_ROW) -> None:
    for _ in range(times):
        assert post(stage).status_code == 200
    assert len(stage.world.fal.submits) == times


def test_a_cooling_provider_is_not_asked(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed() as fo:
        fail_often(stage)
        assert fo.status()["cooling"]
        reply = post(stage)
        assert reply.headers["x-failover"] == "provider=replicate; attempts=1; reason=fal:cooling"
    assert len(stage.world.fal.submits) == IN_A_ROW
    assert len(stage.world.replicate.submits) == IN_A_ROW + 1
    assert [event.reason for event in stage.told("Rerouted")] == ["503"] * IN_A_ROW + ["cooling"]
    (event,) = stage.told("CooldownStarted")
    assert (event.provider, event.reason) == ("fal", "503")
    assert 10.0 <= event.seconds <= 12.5
    assert_nothing_wrong(stage)


@pytest.mark.parametrize("trouble", ["refuse", "dns_failure", "bad_tls"])
def test_an_unreachable_provider_cools_after_two(stage: Stage, trouble: str) -> None:
    getattr(stage.world.fal, trouble)()
    with stage.installed():
        for _ in range(2):
            assert post(stage).status_code == 200
        stage.world.fal.heal()
        assert post(stage).headers["x-failover"].endswith("reason=fal:cooling")
    assert stage.world.fal.requests == []


def test_recovery_takes_one_probe(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(policy=SHORT):
        fail_often(stage)
        stage.world.fal.heal()
        time.sleep(OVER)
        assert "x-failover" not in post(stage).headers
        assert "x-failover" not in post(stage).headers
    assert len(stage.world.fal.submits) == IN_A_ROW + 2
    assert len(stage.told("CooldownEnded")) == 1


def test_of_many_callers_one_probes(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(policy=SHORT):
        fail_often(stage)
        time.sleep(OVER)
        callers = [threading.Thread(target=post, args=(stage,)) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert len(stage.world.fal.submits) == IN_A_ROW + 1
    assert len(stage.world.replicate.submits) == IN_A_ROW + 4


def test_a_failed_probe_doubles_the_cooldown(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(policy=SHORT):
        fail_often(stage)
        time.sleep(OVER)
        post(stage)
        post(stage)
    assert len(stage.world.fal.submits) == IN_A_ROW + 1
    first, second = stage.told("CooldownStarted")
    assert 0.2 <= first.seconds <= 0.25
    assert 0.4 <= second.seconds <= 0.5


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_respected(stage: Stage, status: int) -> None:
    stage.world.fal.fail(status, headers={"Retry-After": "40"})
    with stage.installed(policy=SHORT):
        post(stage)
        time.sleep(OVER)
        stage.world.fal.heal()
        assert post(stage).headers["x-failover"].endswith("reason=fal:cooling")
    assert len(stage.world.fal.submits) == 1
    (event,) = stage.told("CooldownStarted")
    assert 40 <= event.seconds <= 50


def test_the_callers_own_fault_cools_nobody(stage: Stage) -> None:
    stage.world.fal.fail(422)
    with stage.installed() as fo:
        for _ in range(5):
            assert post(stage).status_code == 422
        assert fo.status()["cooling"] == {}
    assert len(stage.world.fal.submits) == 5


def test_everybody_cooling_means_one_pass_through(stage: Stage) -> None:
    stage.world.fal.fail(503)
    stage.world.replicate.fail(503)
    with stage.installed():
        for _ in range(6):
            assert post(stage).status_code == 503
        stage.world.fal.heal()
        assert post(stage).status_code == 200
    assert stage.world.fal.billed == 1


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["locked", "bad_key", "rate"])
def test_the_second_key_comes_before_the_second_provider(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    first, second = stage.world.secrets["fal"]
    monkeypatch.setenv("FAL_KEYS", f"{first},{second}")
    stage.world.fal.fail(kind=kind, key=first)
    with stage.installed():
        assert post(stage, first).status_code == 200
        assert [entry.key for entry in stage.world.fal.submits] == [first, second]
        assert post(stage, first).status_code == 200
        assert [entry.key for entry in stage.world.fal.submits] == [first, second, second]
    assert stage.world.replicate.requests == []
    assert_nothing_wrong(stage)


def test_both_keys_locked_means_the_second_provider(stage: Stage) -> None:
    stage.world.fal.fail(kind="locked")
    with stage.installed(fal=list(stage.world.secrets["fal"])):
        assert post(stage).headers["x-failover"].startswith("provider=replicate; attempts=3;")
    assert len(stage.world.fal.submits) == 2
    assert stage.world.replicate.billed == 1
    assert_nothing_wrong(stage)


def test_the_second_key_is_used_elsewhere_too(stage: Stage) -> None:
    first, second = stage.world.secrets["replicate"]
    stage.world.fal.fail(503)
    stage.world.replicate.fail(kind="balance", key=first)
    with stage.installed(replicate=[first, second]):
        assert post(stage).status_code == 200
    assert [entry.key for entry in stage.world.replicate.submits] == [first, second]
    assert stage.world.replicate.billed == 1


# --- two programs, one store --------------------------------------------------------------------


def _pair(tmp_path: Path, **settings: Any) -> tuple[failover.Failover, failover.Failover]:
    store = f"sqlite:///{tmp_path}/failover.db"
    return failover.Failover(store=store, **settings), failover.Failover(store=store, **settings)


def test_two_programs_share_what_they_know(stage: Stage, tmp_path: Path) -> None:
    stage.world.fal.fail(503)
    one, two = _pair(tmp_path)
    headers = plain_calls.fal_headers(stage)
    with one.wrap(httpx.Client(headers=headers)) as client:
        for _ in range(IN_A_ROW):
            client.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS)
    with two.wrap(httpx.Client(headers=headers)) as client:
        reply = client.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS)
    assert reply.headers["x-failover"].endswith("reason=fal:cooling")
    assert len(stage.world.fal.submits) == IN_A_ROW
    one.close()
    two.close()


def test_a_job_is_found_by_another_program(stage: Stage, tmp_path: Path) -> None:
    stage.world.fal.fail(503)
    one, two = _pair(tmp_path)
    headers = plain_calls.fal_headers(stage)
    with one.wrap(httpx.Client(headers=headers)) as client:
        job = client.post(plain_calls.QUEUE_URL, json=fal_calls.ARGUMENTS).json()
    one.close()
    with two.wrap(httpx.Client(headers=headers)) as client:
        assert client.get(job["status_url"]).json()["status"] == "COMPLETED"
        assert client.get(job["response_url"]).json()["images"]
    two.close()
    assert len(stage.world.replicate.submits) == 1
    assert_nothing_wrong(stage)


def test_a_prediction_is_found_by_another_program(stage: Stage, tmp_path: Path) -> None:
    stage.world.replicate.fail(503)
    one, two = _pair(tmp_path)
    stage.dress = one.wrap
    with replicate_calls.client_of(stage) as client:
        made = client.predictions.create(model=replicate_calls.MODEL, input=replicate_calls.INPUT)
    one.close()
    stage.dress = two.wrap
    with replicate_calls.client_of(stage) as client:
        prediction = client.predictions.get(made.id)
        prediction.wait()
        assert prediction.status == "succeeded"
        assert prediction.output
    two.close()
    assert len(stage.world.fal.submits) == 1

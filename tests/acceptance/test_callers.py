"""Callers in threads, tasks and other event loops, who leave early, or send odd things."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fal_client
import httpx
import pytest
import trio

from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.stage import POLL, assert_nothing_wrong

if TYPE_CHECKING:
    from acceptance.stage import Stage

CROWD = 8
ROOT = Path(__file__).parents[2]


FIRST_CALLS = """
import threading, fal_client, failover
from failover.sim import World
with World() as world, world.environ():
    clients = [fal_client.SyncClient(key=world.secrets["fal"][0]) for _ in range(8)]
    world.fal.fail(503)
    begin, served = threading.Barrier(8), []
    def call(client):
        begin.wait()
        served.append(client.run("fal-ai/flux/schnell", {"prompt": "a fox"}))
        client._client.close()
    with failover.installed():
        callers = [threading.Thread(target=call, args=(client,)) for client in clients]
        for caller in callers: caller.start()
        for caller in callers: caller.join()
    print(len(served), world.replicate.billed)
"""


def test_the_first_calls_of_a_program_may_come_at_once() -> None:
    """What is imported at the first call must be whole before a second call uses it."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALLS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.split() == ["8", "8"]


def test_many_threads_are_served_once_each(stage: Stage) -> None:
    stage.world.fal.fail(503)
    served: list[Any] = []
    with stage.installed():
        callers = [
            threading.Thread(target=lambda: served.append(fal_calls.run(stage)))
            for _ in range(CROWD)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert len(served) == CROWD
    assert (stage.world.replicate.billed, len(stage.world.replicate.submits)) == (CROWD, CROWD)
    assert len(stage.told("Rerouted")) == CROWD
    assert_nothing_wrong(stage)


def test_many_tasks_are_served_once_each(stage: Stage) -> None:
    stage.world.replicate.fail(503)

    async def all_at_once() -> list[Any]:
        async with replicate_calls.async_client_of(stage) as client:
            call = {"input": replicate_calls.INPUT, "use_file_output": False}
            tasks = [client.async_run(replicate_calls.MODEL, **call) for _ in range(CROWD)]
            return await asyncio.gather(*tasks)

    with stage.installed():
        served = asyncio.run(all_at_once())
    assert [len(urls) for urls in served] == [1] * CROWD
    assert (stage.world.fal.billed, len(stage.world.fal.submits)) == (CROWD, CROWD)
    assert_nothing_wrong(stage)


def test_under_trio(stage: Stage) -> None:
    stage.world.fal.fail(503)

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(headers=plain_calls.fal_headers(stage)) as client:
            return await client.post(plain_calls.RUN_URL, json=fal_calls.ARGUMENTS)

    with stage.installed():
        reply = trio.run(call)
    assert reply.json()["images"]
    assert reply.extensions["failover"].provider == "replicate"
    assert_nothing_wrong(stage)


def test_who_gives_up_is_not_served_behind_his_back(stage: Stage) -> None:
    stage.world.fal.hang()

    async def call() -> None:
        async with fal_calls.async_client_of(stage) as client:
            await asyncio.wait_for(client.run(fal_calls.APP, arguments=fal_calls.ARGUMENTS), 0.3)

    with stage.installed() as fo:
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(call())
        assert fo.status()["cooling"] == {}
    assert len(stage.world.fal.submits) == 1
    assert stage.world.replicate.requests == []


def test_x01_a_dead_host_is_left_at_once_and_its_backup_with_it(stage: Stage) -> None:
    stage.world.fal.refuse(["fal.run", "queue.fal.run"])
    with stage.installed():
        assert fal_calls.run(stage).urls
        assert fal_calls.submit_get(stage).urls
    assert stage.world.fal.requests == []
    assert stage.world.replicate.billed == 2
    assert_nothing_wrong(stage)


def test_x01_when_nobody_is_there_fal_client_walks_once(stage: Stage, fast_retries: None) -> None:
    stage.world.fal.refuse()
    stage.world.replicate.fail(500)
    with stage.installed(), pytest.raises(httpx.ConnectError):
        fal_calls.run(stage)
    assert len(stage.world.replicate.submits) == 1
    assert len(stage.told("Exhausted")) == 1


def test_one_program_uses_both_sdks_while_either_is_down(stage: Stage) -> None:
    with stage.installed():
        for down in (stage.world.fal, stage.world.replicate):
            down.fail(503)
            assert fal_calls.run(stage).urls
            assert replicate_calls.run(stage).urls
            down.heal()
    assert (stage.world.fal.billed, stage.world.replicate.billed) == (2, 2)
    assert_nothing_wrong(stage)


def test_an_empty_prompt_or_an_odd_body_goes_through_as_it_is(stage: Stage) -> None:
    stage.world.fal.fail(503)
    headers = {**plain_calls.fal_headers(stage), "content-type": "application/json"}
    with stage.installed():
        for body in (b"", b"[]", b"not json", b"\xff\xfe"):
            reply = httpx.post(plain_calls.RUN_URL, content=body, headers=headers)
            assert reply.status_code == 503
    assert [entry.body for entry in stage.world.fal.submits] == [
        b"",
        b"[]",
        b"not json",
        b"\xff\xfe",
    ]
    assert stage.world.replicate.requests == []
    assert stage.told("DefectFound") == []


def test_a_body_that_can_be_sent_once_is_sent_once(stage: Stage) -> None:
    stage.world.fal.fail(503)

    def pieces() -> Any:
        yield b'{"prompt": '
        yield b'"a fox"}'

    headers = {**plain_calls.fal_headers(stage), "content-type": "application/json"}
    with stage.installed():
        reply = httpx.post(plain_calls.RUN_URL, content=pieces(), headers=headers)
    assert reply.status_code == 503
    (entry,) = stage.world.fal.submits
    assert entry.body == b'{"prompt": "a fox"}'
    assert stage.world.replicate.requests == []


def test_a_fal_job_made_before_the_outage_is_polled_at_fal(stage: Stage) -> None:
    with stage.installed(), fal_calls.client_of(stage) as client:
        handle = client.submit(fal_calls.APP, arguments=fal_calls.ARGUMENTS)
        stage.world.fal.fail(503)
        assert isinstance(list(handle.iter_events(interval=POLL))[-1], fal_client.Completed)
        assert handle.get()["images"]
    assert stage.world.replicate.requests == []

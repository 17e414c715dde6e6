"""Programs without an SDK: plain posts through requests, httpx and httpx2, sync and async."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import requests

from acceptance import fal_calls, replicate_calls
from acceptance.stage import Call, Got, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

RUN_URL = f"https://fal.run/{fal_calls.APP}"
QUEUE_URL = f"https://queue.fal.run/{fal_calls.APP}"
MODEL_URL = f"https://api.replicate.com/v1/models/{replicate_calls.MODEL}/predictions"
PREDICTIONS = "https://api.replicate.com/v1/predictions"
PATIENCE = 5.0


@dataclass(frozen=True)
class Answer:
    """A reply, whatever library it came through."""

    status: int
    headers: dict[str, str]
    body: bytes
    report: Any

    @property
    def data(self) -> Any:
        return json.loads(self.body)


Conversation = "Generator[tuple[str, str, dict[str, str], Any], Answer, Got]"


def fal_headers(stage: Stage) -> dict[str, str]:
    return {"Authorization": f"Key {stage.key('fal')}"}


def replicate_headers(stage: Stage) -> dict[str, str]:
    return {"Authorization": f"Bearer {stage.key('replicate')}"}


def _note(stage: Stage, answer: Answer) -> None:
    stage.reports.append(answer.report)
    stage.headers.append(answer.headers.get("x-failover", ""))


def fal_run(stage: Stage) -> Conversation:
    answer = yield "POST", RUN_URL, fal_headers(stage), fal_calls.ARGUMENTS
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    _note(stage, answer)
    return fal_calls.got(answer.data)


def fal_queue(stage: Stage) -> Conversation:
    headers = fal_headers(stage)
    answer = yield "POST", QUEUE_URL, headers, fal_calls.ARGUMENTS
    assert answer.status == 200
    _note(stage, answer)
    job = answer.data
    assert job["status"] == "IN_QUEUE"
    until = time.monotonic() + PATIENCE
    status = 202
    while status == 202 and time.monotonic() < until:
        polled = yield "GET", job["status_url"], headers, None
        status = polled.status
    assert status == 200
    assert polled.data["status"] == "COMPLETED"
    result = yield "GET", job["response_url"], headers, None
    assert result.status == 200
    return fal_calls.got(result.data)


def replicate_wait(stage: Stage) -> Conversation:
    headers = {**replicate_headers(stage), "Prefer": "wait"}
    answer = yield "POST", MODEL_URL, headers, {"input": replicate_calls.INPUT}
    assert answer.status == 201
    _note(stage, answer)
    assert answer.data["status"] == "succeeded"
    return replicate_calls.urls(answer.data["output"])


def replicate_queue(stage: Stage) -> Conversation:
    headers = replicate_headers(stage)
    answer = yield "POST", MODEL_URL, headers, {"input": replicate_calls.INPUT}
    assert answer.status == 201
    _note(stage, answer)
    job = answer.data
    until = time.monotonic() + PATIENCE
    while job["status"] not in {"succeeded", "failed"} and time.monotonic() < until:
        polled = yield "GET", f"{PREDICTIONS}/{job['id']}", headers, None
        assert polled.status == 200
        assert polled.data["id"] == job["id"]
        job = polled.data
    assert job["status"] == "succeeded"
    return replicate_calls.urls(job["output"])


def _talk(conversation: Any, send: Callable[..., Answer]) -> Got:
    asked = next(conversation)
    while True:
        try:
            asked = conversation.send(send(*asked))
        except StopIteration as end:
            return end.value


async def _talk_async(conversation: Any, send: Callable[..., Any]) -> Got:
    asked = next(conversation)
    while True:
        answer = await send(*asked)
        try:
            asked = conversation.send(answer)
        except StopIteration as end:
            return end.value


def with_requests(stage: Stage, conversation: Any) -> Got:
    with requests.Session() as session:
        stage.dress(session)

        def send(method: str, url: str, headers: dict[str, str], data: Any) -> Answer:
            reply = session.request(
                method, url, headers=headers, json=data, timeout=stage.timeout or 30
            )
            report = getattr(reply, "failover", None)
            return Answer(reply.status_code, _lower(reply.headers), reply.content, report)

        return _talk(conversation, send)


def with_httpx(lib: Any) -> Callable[[Stage, Any], Got]:
    def call(stage: Stage, conversation: Any) -> Got:
        with lib.Client(timeout=stage.timeout or 30) as client:
            stage.dress(client)

            def send(method: str, url: str, headers: dict[str, str], data: Any) -> Answer:
                return _answer(client.request(method, url, headers=headers, json=data))

            return _talk(conversation, send)

    return call


def with_httpx_async(lib: Any) -> Callable[[Stage, Any], Got]:
    async def call(stage: Stage, conversation: Any) -> Got:
        async with lib.AsyncClient(timeout=stage.timeout or 30) as client:
            stage.dress(client)

            async def send(method: str, url: str, headers: dict[str, str], data: Any) -> Answer:
                return _answer(await client.request(method, url, headers=headers, json=data))

            return await _talk_async(conversation, send)

    return lambda stage, conversation: asyncio.run(call(stage, conversation))


def _answer(reply: Any) -> Answer:
    report = reply.extensions.get("failover")
    return Answer(reply.status_code, _lower(reply.headers), reply.content, report)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


LIBRARIES = {
    "requests": with_requests,
    "httpx": with_httpx(httpx),
    "httpx2": with_httpx(httpx2),
    "httpx.async": with_httpx_async(httpx),
    "httpx2.async": with_httpx_async(httpx2),
}
TALKS = {
    "fal-run": ("fal", "run", fal_run),
    "fal-queue": ("fal", "queue", fal_queue),
    "replicate-wait": ("replicate", "run", replicate_wait),
    "replicate-queue": ("replicate", "queue", replicate_queue),
}


def _call(library: str, talk: str) -> Call:
    provider, phase, conversation = TALKS[talk]
    through = LIBRARIES[library]
    return Call(
        f"{library}.{talk}", provider, phase, lambda stage: through(stage, conversation(stage))
    )


CALLS = tuple(_call(library, talk) for library in LIBRARIES for talk in TALKS)

"""What the clients above do with an answer: send again, poll, fetch, give up.

A client is a generator: it yields what it asks or how long it waits, is sent the reply, and returns
what became of its call: the output, or None.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from failover.core.types import NoReply, Reply, Request

from .scene import credential

if TYPE_CHECKING:
    from collections.abc import Generator

    from .plan import Order

RUN, QUEUE, API = "https://fal.run", "https://queue.fal.run", "https://api.replicate.com"
MAX_POLLS = 60
FAL_CLIENT = ("fal-run", "fal-queue", "fal-stream")
ATTEMPTS = {"fal-run": 10, "fal-queue": 10, "fal-stream": 1, "openai-like": 3}


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request."""

    request: Request


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    seconds: float


Sdk: TypeAlias = "Generator[Ask | Wait, Any, Any]"


def attempts(order: Order) -> int:
    """How often the client of an order submits at the most."""
    return ATTEMPTS.get(order.sdk, 1)


def client(order: Order) -> Sdk:
    """Do what the client of an order does.

    Args:
        order: what is asked, and with which client.

    Returns:
        The output, or None when the client gave up.
    """
    if order.sdk.startswith("replicate"):
        return _replicate(order)
    if order.sdk == "fal-queue":
        return _fal_queue(order)
    return _blocking(order)


def _request(order: Order, method: str, origin: str, path: str, **more: Any) -> Request:
    headers = {"authorization": credential(order.provider, order.key), **more.pop("headers", {})}
    if order.sdk in FAL_CLIENT:
        headers["user-agent"] = "fal-client/1.0.3 (python)"
    return Request(method, origin, path, headers=headers, timeout=order.timeout, **more)


def _input(order: Order) -> dict[str, str]:
    return {"prompt": order.tag, **({order.extra: "x"} if order.extra else {})}


def _body(reply: Reply | NoReply) -> Any:
    try:
        return json.loads(reply.body) if isinstance(reply, Reply) else None
    except ValueError:
        return None


def _submit(order: Order, request: Request) -> Sdk:
    """Send a submit, and again where this client does."""
    last = attempts(order)
    for attempt in range(1, last + 1):
        reply = yield Ask(request)
        if attempt == last or not _again(order, reply):
            return reply
        yield Wait(min(30.0, 0.1 * 2**attempt))
    return None


def _again(order: Order, reply: Reply | NoReply) -> bool:
    if isinstance(reply, NoReply):
        return True
    if order.sdk == "openai-like":
        if reply.headers.get("x-should-retry") == "false":
            return False
        return reply.status in (408, 409, 429) or reply.status >= 500
    nginx = reply.status in (502, 503, 504) and b"nginx" in reply.body
    return reply.status in (408, 409, 429) or nginx


def _blocking(order: Order) -> Sdk:
    stream = "/stream" if order.sdk == "fal-stream" else ""
    query = "fal_webhook=https%3A%2F%2Fme.example" if order.webhook else ""
    body = json.dumps(_input(order)).encode()
    path = f"/acme/{order.model}{stream}"
    reply = yield from _submit(order, _request(order, "POST", RUN, path, body=body, query=query))
    if not isinstance(reply, Reply) or reply.status >= 300:
        return None
    if reply.streaming or reply.headers.get("content-type", "").startswith("text/event"):
        return "stream"
    return _body(reply)


def _fal_queue(order: Order) -> Sdk:
    query = "fal_webhook=https%3A%2F%2Fme.example" if order.webhook else ""
    body = json.dumps(_input(order)).encode()
    path = f"/acme/{order.model}"
    reply = yield from _submit(order, _request(order, "POST", QUEUE, path, body=body, query=query))
    told = _body(reply)
    if not isinstance(reply, Reply) or reply.status >= 300 or not isinstance(told, dict):
        return None
    job = f"{path}/requests/{told.get('request_id')}"
    waited = 0.0
    for number in range(MAX_POLLS):
        reply = yield Ask(_request(order, "GET", QUEUE, f"{job}/status"))
        told = _body(reply)
        if isinstance(told, dict) and told.get("status") == "COMPLETED":
            reply = yield Ask(_request(order, "GET", QUEUE, job))
            good = isinstance(reply, Reply) and reply.status == 200
            return _body(reply) if good else None
        if isinstance(reply, Reply) and reply.status in (401, 403, 404):
            return None
        if order.patience is not None and waited > order.patience:
            yield Ask(_request(order, "PUT", QUEUE, f"{job}/cancel"))
            return None
        pause = min(0.5 + 0.2 * number, 5.0)
        waited += pause
        yield Wait(pause)
    return None


def _replicate(order: Order) -> Sdk:
    headers = {"prefer": "wait=60"} if order.sdk == "replicate-wait" else {}
    said = {"input": _input(order), **({"webhook": "https://me.example"} if order.webhook else {})}
    path = f"/v1/models/acme/{order.model}/predictions"
    reply = yield from _submit(
        order,
        _request(order, "POST", API, path, body=json.dumps(said).encode(), headers=headers),
    )
    told = _body(reply)
    if not isinstance(reply, Reply) or reply.status >= 300 or not isinstance(told, dict):
        return None
    job, waited = f"/v1/predictions/{told.get('id')}", 0.0
    for number in range(MAX_POLLS):
        if isinstance(told, dict) and told.get("status") not in ("starting", "processing"):
            return told.get("output") if told.get("status") == "succeeded" else None
        if order.patience is not None and waited > order.patience:
            yield Ask(_request(order, "POST", API, f"{job}/cancel"))
            return None
        pause = min(0.5 + 0.2 * number, 5.0)
        waited += pause
        yield Wait(pause)
        reply = yield Ask(_request(order, "GET", API, job))
        if isinstance(reply, Reply) and reply.status in (401, 403, 404):
            return None
        again = _body(reply)
        told = again if isinstance(again, dict) and "status" in again else told
        if isinstance(reply, Reply) and reply.status >= 400:
            told = {"status": "processing"}
    return None

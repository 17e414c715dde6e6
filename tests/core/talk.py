"""What callers send and providers answer, in the words of the two wire formats."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fakes import FAL, PICTURE, PROMPT, REPLICATE, SECRET

from failover.core.types import Mode, NoReply, Reply, Request, Trouble

INPUT = {"prompt": PROMPT}
RUN, QUEUE, API = "https://fal.run", "https://queue.fal.run", "https://api.replicate.com"


def gone(trouble: Trouble, seconds: float = 1.0) -> NoReply:
    """A request that got no reply."""
    return NoReply(trouble, OSError(trouble.value), seconds)


def reply(status: int, body: Any = None, seconds: float = 0.5, **headers: str) -> Reply:
    """A JSON reply; header names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, json.dumps(body).encode(), seconds=seconds)


def fal(path: str, input: Any = None, *, origin: str = RUN, **more: Any) -> Request:
    """A POST of a fal caller."""
    headers = {"authorization": f"Key {SECRET}-f1", **more.pop("headers", {})}
    body = json.dumps(INPUT if input is None else input).encode()
    return Request("POST", origin, path, headers=headers, body=body, **more)


def replicate(body: Any = None, path: str = "", *, wait: int | None = None, **more: Any) -> Request:
    """A POST of a Replicate caller."""
    headers = {"authorization": f"Bearer {SECRET}-r1"}
    if wait is not None:
        headers["prefer"] = f"wait={wait}"
    content = json.dumps({"input": INPUT} if body is None else body).encode()
    where = path or f"/v1/models/{REPLICATE.slug}/predictions"
    return Request("POST", API, where, headers=headers, body=content, **more)


def fal_run(input: Any = None, **more: Any) -> Request:
    """A blocking call to fal."""
    return fal(f"/{FAL.slug}", input, **more)


def fal_submit(input: Any = None, **more: Any) -> Request:
    """A queued call to fal."""
    return fal(f"/{FAL.slug}", input, origin=QUEUE, **more)


def get(url_path: str, origin: str = QUEUE, method: str = "GET") -> Request:
    """A poll, result or cancel request."""
    return Request(method, origin, url_path, headers={"authorization": f"Key {SECRET}-f1"})


# --- what providers say when all is well ---------------------------------------------------------

PREDICTION: dict[str, Any] = {"id": "rep0", "model": REPLICATE.slug, "version": "hidden"}
FAL_OUTPUT = {"images": [{"url": PICTURE}]}
R_STARTING = reply(201, {**PREDICTION, "status": "starting"})
R_PROCESSING = reply(200, {**PREDICTION, "status": "processing", "logs": "50%"})
R_DONE = reply(200, {**PREDICTION, "status": "succeeded", "output": [PICTURE]})
R_CANCELED = reply(200, {**PREDICTION, "status": "canceled"})
F_SUBMITTED = reply(200, {"status": "IN_QUEUE", "request_id": "fal0", "queue_position": 0})
F_QUEUED = reply(202, {"status": "IN_QUEUE", "request_id": "fal0", "queue_position": 3})
F_RUNNING = reply(202, {"status": "IN_PROGRESS", "request_id": "fal0", "logs": None})
F_COMPLETED = reply(200, {"status": "COMPLETED", "request_id": "fal0", "logs": None})
F_RESULT = reply(200, FAL_OUTPUT)


def r_failed(error: str | None) -> Reply:
    """A prediction that failed."""
    return reply(200, {**PREDICTION, "status": "failed", "error": error})


# --- the five ways to call -----------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way to call, and what the other provider says when it serves the call.

    Args:
        provider: the caller's own.
        mode: how he waits.
        request: his request.
        own: his provider's success.
        other: the provider that takes over.
        served: what that one answers until the caller has what he wants.
    """

    provider: str
    mode: Mode
    request: Request
    own: Reply
    other: str
    served: tuple[Reply, ...]

    @property
    def name(self) -> str:
        return f"{self.provider}-{self.mode.value}"

    def limited(self, seconds: float) -> Request:
        """The request of a caller who waits that long."""
        return self.request._replace(timeout=seconds)


_STREAM = fal(f"/{FAL.slug}/stream")
_EVENTS = Reply(200, {"content-type": "text/event-stream"}, streaming=True)
WAYS = (
    Way("fal", Mode.BLOCK, fal_run(), F_RESULT, "replicate", (R_STARTING, R_PROCESSING, R_DONE)),
    Way("fal", Mode.QUEUE, fal_submit(), F_SUBMITTED, "replicate", (R_STARTING,)),
    Way("fal", Mode.STREAM, _STREAM, _EVENTS, "replicate", (R_STARTING, R_DONE)),
    Way(
        "replicate",
        Mode.WAIT,
        replicate(wait=60),
        reply(201, {**PREDICTION, "status": "succeeded", "output": [PICTURE]}),
        "fal",
        (F_SUBMITTED, F_RUNNING, F_COMPLETED, F_RESULT),
    ),
    Way("replicate", Mode.QUEUE, replicate(), R_STARTING, "fal", (F_SUBMITTED,)),
)
BLOCK, QUEUED, STREAMED, WAITED, CREATED = WAYS

"""fal.ai: `fal.run` for blocking calls and streams, `queue.fal.run` for jobs.

A failed job is `COMPLETED`; its error is the status and body of the result, so a job is only
judged by its result. Status and result addresses name the app, not the whole endpoint.
"""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from failover.core.types import (
    Asked,
    Cancel,
    Cause,
    Create,
    Done,
    Failed,
    Intent,
    Job,
    Mode,
    Outcome,
    Pending,
    Phase,
    Poll,
    Reply,
    Request,
    Result,
)
from failover.dialects import wire
from failover.dialects.fal_errors import cause_of, error_reply, message_of, type_of_cause

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from failover.core.types import Endpoint

RUN = "https://fal.run"
QUEUE = "https://queue.fal.run"
NAMESPACES = ("workflows", "comfy")
PRIVATE_HEADERS = ("x-fal-store-io", "x-fal-object-lifecycle-preference")
FILE_MARKS = (b"https:", b"http:", b"data:")
STILL_RUNNING = "Request is still in progress"


class Fal:
    """The fal dialect, both faces."""

    __slots__ = ()
    provider = "fal"

    def recognise(self, request: Request) -> Intent | None:
        """Say what the caller wants, by origin and path (wire: URL grammar)."""
        return _intent(request.origin, request.method, request.path)

    def asked(self, request: Request, intent: Create) -> Asked | None:
        """Read a create request: the body is the bare model input."""
        body = wire.json_object(request.body)
        if body is None or intent.slug is None:
            return None
        closed = None
        if "fal_webhook=" in request.query:
            closed = "webhook"
        elif any(request.headers.get(name) for name in PRIVATE_HEADERS):
            closed = "headers"
        return Asked(intent.slug, body, closed=closed)

    def intact(self, reply: Reply, intent: Create, names: frozenset[str]) -> bool:
        """A submit names its request; a finished run is JSON with a part of its output in it.

        An output with none of the known parts still counts when there is a file in it: a provider
        may rename a part, and that must not make his customers pay twice.
        """
        body = wire.loads(reply.body)
        if intent.mode is Mode.QUEUE:
            return isinstance(body, dict) and isinstance(body.get("request_id"), str)
        if isinstance(body, dict) and not names.isdisjoint(body):
            return True
        if names:
            return body is not None and any(mark in reply.body for mark in FILE_MARKS)
        return body is not None or wire.is_json(reply.body)

    def cause(self, reply: Reply) -> Cause:
        """Say whose fault an error reply is."""
        return cause_of(reply)

    def stop(self, request: Request) -> Reply | None:
        """Word what ends the resending of fal_client for Python.

        It sends every request again up to nine times after an exception, a 408, 409 or 429, and
        after a gateway's 502 to 504 that does not come from fal (fal_client 1.0, `_should_retry`).
        """
        if not (request.headers.get("user-agent") or "").startswith("fal-client/"):
            return None
        detail = "The outcome of this request is unknown; it may have been processed and billed."
        body = {"detail": detail, "error_type": "generation_timeout"}
        return wire.json_reply(504, body, {"x-fal-error-type": "generation_timeout"})

    def new_id(self, random: Random) -> str:
        """Make a request id: a UUID, as fal's own are."""
        return str(uuid.UUID(int=random.getrandbits(128), version=4))

    def submit(
        self, endpoint: Endpoint, input: Mapping[str, Any], *, seconds: float | None, last: bool
    ) -> Request:
        """Word a queue submit that fal neither retries for long nor sends to another model."""
        headers = {"x_app_fal_disable_fallback": "true"}
        if not last:
            headers["x_fal_no_retry"] = "1"
        if seconds is not None:
            headers["x_fal_request_timeout"] = str(max(1.5, round(seconds, 1)))
        return wire.json_request("POST", QUEUE, f"/{endpoint.slug}", dict(input), **headers)

    def poll(self, job: Job) -> Request:
        """Word a status question."""
        return wire.json_request("GET", QUEUE, f"{_job_path(job)}/status", query="logs=0")

    def result(self, job: Job) -> Request:
        """Word a request for the result."""
        return wire.json_request("GET", QUEUE, _job_path(job))

    def cancel(self, job: Job) -> Request:
        """Word a cancel."""
        return wire.json_request("PUT", QUEUE, f"{_job_path(job)}/cancel")

    def read(self, reply: Reply, phase: Phase) -> Outcome:
        """Say what a reply of the queue means."""
        if phase is Phase.RESULT:
            return _read_result(reply)
        if phase is Phase.CANCEL:
            return _read_cancel(reply)
        if not 200 <= reply.status < 300:
            return Failed(cause_of(reply), message_of(reply), reply.status)
        body = wire.json_object(reply.body)
        if body is None:
            return Failed(Cause.UNSPECIFIED, status=reply.status, malformed=True)
        if phase is Phase.SUBMIT:
            job = body.get("request_id")
            if not wire.is_safe_id(job):
                return Failed(Cause.UNSPECIFIED, status=reply.status, malformed=True)
            return Pending(job=job, position=_position(body))
        return Pending(
            running=body.get("status") != "IN_QUEUE",
            ready=body.get("status") == "COMPLETED",
            position=_position(body),
        )

    def answer(self, intent: Intent, job: Job, outcome: Outcome) -> Reply:
        """Word an outcome for a fal caller."""
        headers = {"x-fal-request-id": job.id}
        match intent:
            case Create(mode=Mode.QUEUE):
                body = {"status": "IN_QUEUE", **_urls(job), "queue_position": 0}
                return wire.json_reply(200, body, headers)
            case Poll():
                return _status_reply(job, outcome, headers, stream=intent.stream)
            case Cancel():
                return _cancel_reply(outcome, headers)
        if isinstance(outcome, Failed):
            return error_reply(outcome, headers)
        if isinstance(outcome, Pending):
            return wire.json_reply(400, {"detail": STILL_RUNNING}, headers)
        if isinstance(intent, Create) and intent.mode is Mode.STREAM:
            return wire.sse_reply([{"data": wire.line(outcome.output)}], headers)
        return wire.json_reply(200, outcome.output, headers)


@lru_cache(maxsize=1024)
def _intent(origin: str, method: str, path: str) -> Intent | None:
    """Read an address; every call of a program has one of a few, so that the answer is kept."""
    if not wire.is_plain_path(path):
        return None
    slug = path.strip("/")
    if origin == QUEUE:
        return _queue_intent(method, slug)
    if method != "POST" or slug.count("/") == 0 or slug.endswith("/realtime"):
        return None
    if slug.endswith("/stream"):
        return Create(Mode.STREAM, slug.removesuffix("/stream"))
    return Create(Mode.BLOCK, slug)


def _queue_intent(method: str, slug: str) -> Intent | None:
    """Read the path of the queue host; the last `requests` segment divides app and job."""
    app, mark, rest = slug.rpartition("/requests/")
    if not mark:
        return Create(Mode.QUEUE, slug) if method == "POST" and "/" in slug else None
    job, _, verb = rest.partition("/")
    if "/" not in app or not wire.is_safe_id(job):
        return None
    match method, verb:
        case "GET", "status":
            return Poll(job)
        case "GET", "status/stream":
            return Poll(job, stream=True)
        case "GET", "" | "response":
            return Result(job)
        case "PUT", "cancel":
            return Cancel(job)
    return None


def _app(slug: str) -> str:
    """The part of an endpoint that job addresses keep."""
    parts = slug.split("/")
    return "/".join(parts[: 3 if parts[0] in NAMESPACES else 2])


def _job_path(job: Job) -> str:
    return f"/{_app(job.target)}/requests/{job.native}"


def _urls(job: Job) -> dict[str, str]:
    base = f"{QUEUE}/{_app(job.source)}/requests/{job.id}"
    return {
        "request_id": job.id,
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
    }


def _position(body: Mapping[str, Any]) -> int | None:
    position = body.get("queue_position")
    return position if isinstance(position, int) else None


def _status_reply(job: Job, outcome: Outcome, headers: dict[str, str], *, stream: bool) -> Reply:
    body: dict[str, Any] = dict(_urls(job))
    status = 202
    if isinstance(outcome, Pending) and not outcome.ready:
        if outcome.running:
            body |= {"status": "IN_PROGRESS", "logs": None}
        else:
            body |= {"status": "IN_QUEUE", "queue_position": outcome.position or 0}
    else:
        status = 200
        body |= {"status": "COMPLETED", "logs": None, "metrics": {}}
        if isinstance(outcome, Done) and outcome.seconds is not None:
            body["metrics"] = {"inference_time": outcome.seconds}
        if isinstance(outcome, Failed):
            body |= {
                "error": outcome.message or "failed",
                "error_type": type_of_cause(outcome.cause),
            }
    if stream:
        return wire.sse_reply([{"data": wire.line(body)}], headers)
    return wire.json_reply(status, body, headers)


def _cancel_reply(outcome: Outcome, headers: dict[str, str]) -> Reply:
    if isinstance(outcome, Pending):
        body = {"detail": "the request could not be cancelled; try again"}
        return wire.json_reply(500, body, headers)
    if isinstance(outcome, Failed) and outcome.cause is Cause.CANCELLED:
        return wire.json_reply(202, {"status": "CANCELLATION_REQUESTED"}, headers)
    return wire.json_reply(400, {"status": "ALREADY_COMPLETED"}, headers)


def _read_result(reply: Reply) -> Outcome:
    if 200 <= reply.status < 300:
        try:
            return Done(reply.json())
        except (ValueError, RecursionError):
            return Failed(Cause.UNSPECIFIED, status=reply.status, malformed=True)
    if STILL_RUNNING.lower() in wire.text_of(reply.body, 500):
        return Pending(running=True)
    return Failed(cause_of(reply), message_of(reply), reply.status)


def _read_cancel(reply: Reply) -> Outcome:
    if 200 <= reply.status < 300:
        return Failed(Cause.CANCELLED, status=499)
    if b"ALREADY_COMPLETED" in reply.body[:500]:
        return Pending(running=True, ready=True)
    return Failed(cause_of(reply), message_of(reply), reply.status)

"""Replies in the two wire formats, written from what the providers say, not from our dialects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from failover.core.types import Reply

from .scene import family

if TYPE_CHECKING:
    from .faults import Fault
    from .provider import SimJob

HTML = b"<html><body><h1>gateway</h1></body></html>"
_DETAIL = {"loc": ["body", "prompt"], "msg": "no"}


def reply(status: int, body: Any, headers: dict[str, str] | None = None) -> Reply:
    """A JSON reply, or one of bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, dict(headers or {}), content)


def picture(tag: str, provider: str) -> str:
    """Where the picture of a call lies."""
    return f"https://cdn.example/{provider}/{tag}.png"


def finished(provider: str, tag: str) -> Any:
    """What a run returns."""
    url = picture(tag, provider)
    return {"images": [{"url": url}]} if family(provider) == "fal" else [url]


def failure(fault: Fault, provider: str, asked: float, wall: float) -> Reply:
    """What a provider says when a submit ends badly."""
    assert fault.status is not None
    status, headers = fault.status, _asking(fault, asked, wall)
    fal = family(provider) == "fal"
    if fault.kind == "gateway":
        return reply(status, HTML, headers)
    if fault.kind == "junk":
        return reply(status, b'["not", "what", "was"', headers)
    if fault.kind == "locked":
        return reply(status, {"detail": "User is locked. Reason: Exhausted balance."}, headers)
    if fault.kind == "policy":
        detail = [{**_DETAIL, "type": "content_policy_violation"}]
        return reply(status, {"detail": detail}, headers)
    if fault.kind in ("typed", "never-ran"):
        word = "runner_server_error" if fault.kind == "typed" else "startup_timeout"
        headers |= {"x-fal-request-id": "req", "x-fal-error-type": word}
        return reply(status, {"detail": "no", "error_type": word}, headers)
    if fault.asks == "hint":
        words = f"Request was throttled. Your rate limit resets in ~{asked:.0f}s."
        return reply(status, {"detail": words, "status": status}, headers)
    if fal and status == 422:
        return reply(status, {"detail": [{**_DETAIL, "type": "value_error"}]}, headers)
    if status == 402:
        return reply(status, {"title": "Insufficient credit", "detail": "no money"}, headers)
    return reply(status, {"detail": "no"}, headers)


def _asking(fault: Fault, asked: float, wall: float) -> dict[str, str]:
    if fault.asks == "seconds":
        return {"retry-after": f"{asked:.0f}"}
    if fault.asks == "ms":
        return {"retry-after-ms": f"{asked * 1000:.0f}"}
    if fault.asks == "date":
        now = datetime.fromtimestamp(int(wall), UTC)
        form = "%a, %d %b %Y %H:%M:%S GMT"
        then = now + timedelta(seconds=asked)
        return {"date": now.strftime(form), "retry-after": then.strftime(form)}
    return {}


def accepted(job: SimJob, now: float) -> Reply:
    """A provider has taken a job."""
    if family(job.provider) == "fal":
        body = {"status": "IN_QUEUE", "request_id": job.native, "queue_position": 0}
        return reply(200, body)
    return reply(201, _prediction(job, now))


def state(job: SimJob, now: float) -> Reply:
    """How a job is getting on."""
    if family(job.provider) == "replicate":
        return reply(200, _prediction(job, now))
    word = {"queued": "IN_QUEUE", "running": "IN_PROGRESS"}.get(job.state(now), "COMPLETED")
    body = {"status": word, "request_id": job.native, "logs": None}
    return reply(200 if word == "COMPLETED" else 202, body)


def result(job: SimJob, now: float, fault: Fault | None) -> Reply:
    """What a job came to."""
    if family(job.provider) == "replicate":
        return reply(200, _prediction(job, now))
    word = job.state(now)
    if word in ("queued", "running"):
        return reply(400, {"detail": "Request is still in progress"})
    if word == "cancelled":
        return reply(499, {"detail": "Request was cancelled", "error_type": "client_cancelled"})
    if word == "late":
        return reply(504, {"detail": "not started"}, {"x-fal-request-timeout-type": "user"})
    if fault is not None:
        return failure(fault, job.provider, 0.0, 0.0)
    return reply(200, finished(job.provider, job.tag))


def cancelled(job: SimJob, before: str, now: float) -> Reply:
    """The answer to a cancel; `before` is the state in which it came."""
    if family(job.provider) == "replicate":
        return reply(200, _prediction(job, now))
    if before in ("queued", "running"):
        return reply(202, {"status": "CANCELLATION_REQUESTED"})
    return reply(400, {"status": "ALREADY_COMPLETED"})


_WORDS = {
    "queued": "starting",
    "running": "processing",
    "done": "succeeded",
    "failed": "failed",
    "cancelled": "canceled",
    "late": "aborted",
}
_ERRORS = {
    "fails": "Director: unexpected error handling prediction (E1001)",
    "never-ran": "Prediction could not start (code: PA)",
    "bad-input": "ValueError: width must be smaller",
    "nsfw": "NSFW content detected",
}


def _prediction(job: SimJob, now: float) -> dict[str, Any]:
    word = job.state(now)
    body: dict[str, Any] = {
        "id": job.native,
        "model": job.slug,
        "version": "hidden",
        "status": _WORDS[word],
        "output": None,
        "error": None,
        "logs": "",
        "metrics": {},
    }
    if word == "done":
        body |= {"output": finished(job.provider, job.tag), "metrics": {"predict_time": 1.5}}
    if word == "failed":
        body["error"] = _ERRORS[job.fate]
    return body

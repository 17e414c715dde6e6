"""fal's queue: status, status stream, result and cancel of a job.

Three states only. A failed job is ``COMPLETED``; its error is the status and body of the result
(fal documentation, "Queue"). Job URLs name the app alone; with the full endpoint id they are 405.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from failover.sim.fal_errors import (
    MODEL,
    PLATFORM,
    STILL_RUNNING,
    SYNONYMS,
    error_reply,
    model_error,
    platform_error,
)
from failover.sim.http1 import Reply
from failover.sim.jobs import Job, State
from failover.sim.provider import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover.sim.fal import Fal
    from failover.sim.faults import JobTrouble
    from failover.sim.http1 import Request
    from failover.sim.provider import Incoming

QUEUE: Final = "https://queue.fal.run"
CAUSES: Final = {
    "infrastructure": "runner_disconnected",
    "input": "image_load_error",
    "policy": "content_policy_violation",
}
NOT_FOUND: Final = {"status": "NOT_FOUND"}


def app_of(endpoint: str) -> str:
    """Return the app of an endpoint id: its owner and alias, and a namespace if it has one."""
    parts = endpoint.split("/")
    return "/".join(parts[: 3 if parts[0] in {"workflows", "comfy"} else 2])


def outcome(job: Job) -> Reply:
    """Return the reply that tells how a finished job ended."""
    headers = {"x-fal-request-id": job.id}
    if ready := job.extra.get("reply"):
        reply: Reply = ready
    elif job.state is State.SUCCEEDED:
        reply = Reply.of_json(200, job.output, {"x-fal-billable-units": "1"})
    elif job.state is State.EXPIRED:
        reply = platform_error("request_timeout", {"x-fal-request-timeout-type": "user"})
    elif job.state is State.CANCELLED or job.trouble is None:
        reply = platform_error("client_cancelled")
    else:
        reply = failure(job.trouble)
    return Reply(reply.status, {**reply.headers, **headers}, reply.body)


def failure(trouble: JobTrouble) -> Reply:
    """Return the reply for a job that was made to fail."""
    kind = trouble.kind or CAUSES[trouble.cause or "infrastructure"]
    if SYNONYMS.get(kind, kind) in MODEL:
        return model_error(SYNONYMS.get(kind, kind), message=trouble.message)
    return error_reply(None, kind)


class FalQueue:
    """Answer for the jobs of a simulated fal."""

    def __init__(self, fal: Fal) -> None:
        self._fal = fal

    def routes(self) -> list[Route]:
        """List the routes about a job."""
        job = r"/(?P<app>(?:(?:workflows|comfy)/)?[^/]+/[^/]+)/requests/(?P<id>[^/]+)"
        table = [
            ("GET", r"/status/?", ("poll",), self._status),
            ("GET", r"/status/stream/?", ("poll", "stream"), self._stream),
            ("GET", r"(/response)?/?", ("result",), self._result),
            ("PUT", r"/cancel/?", ("cancel",), self._cancel),
        ]
        return [
            Route(method, "queue", re.compile(job + tail), phases, handler, open=True)
            for method, tail, phases, handler in table
        ]

    def urls(self, job: Job, request: Request) -> dict[str, str]:
        """Return the URLs of a job, on the plain port for a request that came by it."""
        base = f"{request.base or QUEUE}/{app_of(job.endpoint)}/requests/{job.id}"
        return {
            "response_url": base,
            "status_url": f"{base}/status",
            "cancel_url": f"{base}/cancel",
        }

    def status_of(self, job: Job, request: Request) -> Reply:
        """Return the reply to a look at a job."""
        body: dict[str, Any] = {"request_id": job.id, **self.urls(job, request)}
        if job.state is State.QUEUED:
            ahead = sum(j.state is State.QUEUED for j in self._fal.jobs.all()) - 1
            return Reply.of_json(202, {"status": "IN_QUEUE", "queue_position": ahead, **body})
        body["logs"] = self._logs(job) if request.query.get("logs") in {"1", "true"} else None
        if not job.state.over:
            return Reply.of_json(202, {"status": "IN_PROGRESS", **body})
        seconds = (job.ended or 0.0) - (job.started or job.ended or 0.0)
        body["metrics"] = {"inference_time": round(seconds, 3)}
        return Reply.of_json(200, {"status": "COMPLETED", **body, **self._told(job)})

    def _told(self, job: Job) -> dict[str, str]:
        """Return what a status tells of a failure: the platform's, unless it is hidden."""
        if job.state is State.SUCCEEDED or (job.trouble and job.trouble.hidden):
            return {}
        kind = outcome(job).headers.get("x-fal-error-type", "")
        return {"error": PLATFORM[kind][1], "error_type": kind} if kind in PLATFORM else {}

    def _logs(self, job: Job) -> list[dict[str, str]]:
        at = self._fal.clock.utc(job.started or job.created).isoformat()
        return [
            {"message": "generating", "level": "INFO", "source": "USER", "timestamp": at},
        ]

    def _find(self, incoming: Incoming) -> Job | Reply:
        """Return the job of a request, or the refusal."""
        job = self._fal.jobs.find(incoming.params["id"])
        if incoming.entry.key and (refused := self._fal.refusal(incoming)):
            return refused
        if job is None or app_of(job.endpoint) != incoming.params["app"]:
            return Reply.of_json(404, NOT_FOUND)
        return self._fal.refusal(incoming) or job

    def _status(self, incoming: Incoming) -> Reply:
        job = self._find(incoming)
        if isinstance(job, Reply):
            return job
        job.poll()
        return self.status_of(job, incoming.request)

    def _stream(self, incoming: Incoming) -> Reply:
        job = self._find(incoming)
        return job if isinstance(job, Reply) else Reply.of_events(self._follow(job, incoming))

    def _follow(self, job: Job, incoming: Incoming) -> Iterator[bytes]:
        told = None
        while not self._fal.clock.stopped:
            state = job.look(patient=True)
            if state is not told:
                status = self.status_of(job, incoming.request).whole()
                yield b"data: " + status + b"\n\n"
                told = state
            if state.over:
                return
            self._fal.clock.sleep_until(self._fal.clock.now() + 0.05)

    def _result(self, incoming: Incoming) -> Reply:
        job = self._find(incoming)
        if isinstance(job, Reply):
            return job
        if not job.poll().over:
            return Reply.of_json(400, {"detail": STILL_RUNNING})
        return outcome(job)

    def _cancel(self, incoming: Incoming) -> Reply:
        job = self._find(incoming)
        if isinstance(job, Reply):
            return job
        found = job.cancel()
        if found.over:
            return Reply.of_json(400, {"status": "ALREADY_COMPLETED"})
        if found is State.QUEUED:
            return Reply.of_json(200, {"status": "OK"})
        return Reply.of_json(202, {"status": "CANCELLATION_REQUESTED"})


def events(items: list[Any]) -> Iterator[bytes]:
    """Yield server-sent events, one for each JSON value."""
    for item in items:
        yield b"data: " + json.dumps(item, ensure_ascii=False).encode() + b"\n\n"

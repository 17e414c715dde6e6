"""Replicate's predictions: the object, its states, waiting, listing, streaming, cancelling."""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from failover.sim.http1 import Reply
from failover.sim.jobs import Job, State
from failover.sim.provider import Route
from failover.sim.replicate_errors import FAILURES, error_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover.sim.faults import JobTrouble
    from failover.sim.http1 import Request
    from failover.sim.provider import Incoming
    from failover.sim.replicate import Replicate

STREAMS: Final = "https://stream.replicate.com"
ID_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH: Final = 26
PAGE: Final = 100
DATA_LIFE: Final = timedelta(hours=1)
WORDS: Final = {
    State.QUEUED: "starting",
    State.RUNNING: "processing",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "canceled",
    State.EXPIRED: "aborted",
}


def new_id() -> str:
    """Make up a prediction id."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def failure_text(trouble: JobTrouble) -> str:
    """Return the ``error`` of a prediction that was made to fail."""
    if trouble.message is not None:
        return trouble.message
    return FAILURES[trouble.kind or trouble.cause or "unknown"]


class ReplicatePredictions:
    """Answer for the predictions of a simulated Replicate."""

    def __init__(self, replicate: Replicate) -> None:
        self._replicate = replicate

    def routes(self) -> list[Route]:
        """List the routes about a prediction that exists."""
        one = r"/v1/predictions/(?P<id>[^/]+)"
        stream = re.compile(r"/v1/(streams|files)/(?P<id>[^/]+)")
        poll = ("poll", "result")
        return [
            Route("GET", "api", re.compile(r"/v1/predictions"), ("other",), self._list),
            Route("GET", "api", re.compile(one), poll, self._get),
            Route("POST", "api", re.compile(one + "/cancel"), ("cancel",), self._cancel),
            Route("GET", "stream", stream, ("stream",), self._stream, open=True),
        ]

    def object(self, job: Job, request: Request) -> dict[str, Any]:
        """Return a prediction as the API shows it."""
        clock = self._replicate.clock
        removed = job.ended is not None and clock.now() - job.ended > DATA_LIFE.total_seconds()
        failed = job.state is State.FAILED and job.trouble is not None
        body: dict[str, Any] = {
            "id": job.id,
            "model": job.endpoint,
            "version": job.extra["version"],
            "input": {} if removed else job.input,
            "logs": "" if removed or job.started is None else "simulating\n100%|##########| 1/1\n",
            "output": None if removed else job.output,
            "data_removed": removed,
            "error": failure_text(job.trouble) if failed and job.trouble else None,
            "source": "api",
            "status": WORDS[job.state],
            "created_at": self._time(job.created),
            "urls": self._urls(job, request),
            **job.extra["echo"],
        }
        if job.started is not None:
            body["started_at"] = self._time(job.started)
        if job.ended is not None:
            body["completed_at"] = self._time(job.ended)
            body["metrics"] = _metrics(job)
        return body

    def _time(self, moment: float) -> str:
        return self._replicate.clock.utc(moment).isoformat(timespec="milliseconds")[:23] + "Z"

    def _urls(self, job: Job, request: Request) -> dict[str, str]:
        get = f"{self._replicate.api_base(request)}/v1/predictions/{job.id}"
        kind = "streams" if job.extra["product"] == "text" else "files"
        base = f"{self._replicate.url}/stream" if request.base else STREAMS
        return {
            "get": get,
            "cancel": f"{get}/cancel",
            "web": f"https://replicate.com/p/{job.id}",
            "stream": f"{base}/v1/{kind}/{job.id}",
        }

    def _get(self, incoming: Incoming) -> Reply:
        job = self._replicate.jobs.find(incoming.params["id"])
        if job is None:
            return error_reply(404, None)
        job.poll()
        return self.reply(200, job, incoming.request)

    def _cancel(self, incoming: Incoming) -> Reply:
        job = self._replicate.jobs.find(incoming.params["id"])
        if job is None:
            return error_reply(404, None)
        job.cancel()
        return self.reply(200, job, incoming.request)

    def reply(self, status: int, job: Job, request: Request) -> Reply:
        """Return a reply that shows a prediction."""
        headers = {"ratelimit-remaining": "599", "ratelimit-reset": "1"}
        return Reply.of_json(status, self.object(job, request), headers)

    def _list(self, incoming: Incoming) -> Reply:
        jobs = self._replicate.jobs.all()[::-1]
        cursor = incoming.request.query.get("cursor", "0")
        start = int(cursor) if cursor.isdigit() else 0
        base = f"{self._replicate.api_base(incoming.request)}/v1/predictions?cursor="
        more, before = start + PAGE < len(jobs), start > 0
        body = {
            "next": f"{base}{start + PAGE}" if more else None,
            "previous": f"{base}{max(0, start - PAGE)}" if before else None,
            "results": [self.object(j, incoming.request) for j in jobs[start : start + PAGE]],
        }
        return Reply.of_json(200, body)

    def _stream(self, incoming: Incoming) -> Reply:
        job = self._replicate.jobs.find(incoming.params["id"])
        return error_reply(404, None) if job is None else Reply.of_events(self._events(job))

    def _events(self, job: Job) -> Iterator[bytes]:
        if not job.hold():
            return
        stamp, number = int(self._replicate.clock.utc().timestamp()), 0
        output = job.output if isinstance(job.output, list) else [job.output]
        for piece in output if job.state is State.SUCCEEDED else []:
            text = piece if isinstance(piece, str) else json.dumps(piece)
            yield _event("output", f"{stamp}:{number}", text)
            number += 1
        reason = {State.SUCCEEDED: "", State.CANCELLED: "canceled"}.get(job.state, "error")
        if reason == "error" and job.trouble:
            detail = json.dumps({"detail": failure_text(job.trouble)})
            yield _event("error", f"{stamp}:{number}", detail)
        done = json.dumps({"reason": reason} if reason else {})
        yield _event("done", f"{stamp}:{number + 1}", done)


def _event(name: str, number: str, text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {name}\nid: {number}\n{lines}\n".encode()


def _metrics(job: Job) -> dict[str, float]:
    ended = job.ended or 0.0
    metrics = {"total_time": round(ended - job.created, 6)}
    if job.started is not None:
        metrics["predict_time"] = round(ended - job.started, 6)
    if job.state is State.SUCCEEDED and job.extra["product"] == "image":
        metrics["image_count"] = len(job.output) if isinstance(job.output, list) else 1
    return metrics

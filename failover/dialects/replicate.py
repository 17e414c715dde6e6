"""Replicate: predictions on models, versions and deployments.

`starting` is the only unfinished state that may answer a create request: every SDK's `run()` takes
any other word for final. Addresses are built from the id; the ones in a reply are not used.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from failover.core.types import (
    Asked,
    Cancel,
    Cause,
    Create,
    Describe,
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
    Stream,
)
from failover.dialects import wire
from failover.dialects.replicate_errors import cause_of, cause_of_text, message_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from failover.core.types import Endpoint

API = "https://api.replicate.com"
ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u
ID_LENGTH = 26
MAX_WAIT = 60.0
OWN_FAULTS = (Cause.PROVIDER, Cause.NEVER_RAN)
_WAIT = re.compile(r"\s*wait(?:\s*=\s*(\d{1,4}))?\s*", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}")


class Replicate:
    """The Replicate dialect, both faces."""

    __slots__ = ()
    provider = "replicate"

    def recognise(self, request: Request) -> Intent | None:
        """Say what the caller wants, by path and the `Prefer` header."""
        path = request.path
        if not wire.is_plain_path(path):
            return None
        parts = path.strip("/").split("/")
        if len(parts) < 2 or parts[0] != "v1":
            return None
        match request.method, parts[1:]:
            case "POST", ["predictions"]:
                return _create(request, None)
            case "POST", ["models", owner, name, "predictions"]:
                return _create(request, f"{owner}/{name}")
            case "POST", ["deployments", owner, name, "predictions"]:
                return _create(request, f"deployments/{owner}/{name}")
            case "GET", ["predictions", job] if wire.is_safe_id(job):
                return Poll(job)
            case "GET", ["predictions", job, "stream"] if wire.is_safe_id(job):
                return Stream(job)
            case "POST", ["predictions", job, "cancel"] if wire.is_safe_id(job):
                return Cancel(job)
            case "GET", ["models", owner, name, "versions", version]:
                return Describe(f"{owner}/{name}", version)
        return None

    def asked(self, request: Request, intent: Create) -> Asked | None:
        """Read a create request: the model input is under `input`."""
        body = wire.json_object(request.body)
        if body is None or not isinstance(body.get("input"), dict):
            return None
        slug, version = intent.slug or "", None
        if intent.slug is None:
            named = body.get("version")
            if not isinstance(named, str):
                return None
            slug, _, version = (
                named.rpartition(":") if not _HEX.fullmatch(named) else ("", "", named)
            )
            if not slug and "/" in version:
                slug, version = version, None
        closed = "webhook" if body.get("webhook") or body.get("webhook_completed") else None
        return Asked(slug, body["input"], version, body.get("stream") is True, closed)

    def intact(self, reply: Reply, intent: Create, names: frozenset[str]) -> bool:
        """A create reply is a prediction that did not fail by Replicate's own fault while held."""
        del intent, names
        body = wire.json_object(reply.body)
        if body is None or not isinstance(body.get("id"), str):
            return False
        if body.get("status") not in ("failed", "aborted"):
            return isinstance(body.get("status"), str)
        outcome = _read_prediction(body)
        return not isinstance(outcome, Failed) or outcome.cause not in OWN_FAULTS

    def cause(self, reply: Reply) -> Cause:
        """Say whose fault an error reply is."""
        return cause_of(reply)

    def stop(self, request: Request) -> Reply | None:
        """Nobody is to be stopped: the SDK sends no create a second time."""
        del request
        return None

    def new_id(self, random: Random) -> str:
        """Make a prediction id: 26 characters of the newer alphabet."""
        return "".join(random.choices(ID_ALPHABET, k=ID_LENGTH))

    def submit(
        self, endpoint: Endpoint, input: Mapping[str, Any], *, seconds: float | None, last: bool
    ) -> Request:
        """Word a create that ends by itself when nobody waits any more."""
        del last
        headers = {}
        if seconds is not None:
            headers["cancel_after"] = f"{max(5, math.ceil(seconds))}s"
        if endpoint.version and not endpoint.official:
            body = {"version": endpoint.version, "input": dict(input)}
            return wire.json_request("POST", API, "/v1/predictions", body, **headers)
        path = f"/v1/models/{endpoint.slug}/predictions"
        return wire.json_request("POST", API, path, {"input": dict(input)}, **headers)

    def poll(self, job: Job) -> Request:
        """Word a question about a prediction."""
        return wire.json_request("GET", API, f"/v1/predictions/{job.native}")

    def result(self, job: Job) -> Request:
        """A prediction carries its own result."""
        return self.poll(job)

    def cancel(self, job: Job) -> Request:
        """Word a cancel."""
        return wire.json_request("POST", API, f"/v1/predictions/{job.native}/cancel")

    def read(self, reply: Reply, phase: Phase) -> Outcome:
        """Say what a reply means; a prediction is read the same way in each phase."""
        del phase
        if not 200 <= reply.status < 300:
            return Failed(cause_of(reply), message_of(reply), reply.status)
        body = wire.json_object(reply.body)
        if body is None or not wire.is_safe_id(body.get("id")):
            return Failed(Cause.UNSPECIFIED, status=reply.status, malformed=True)
        return _read_prediction(body)

    def answer(self, intent: Intent, job: Job, outcome: Outcome) -> Reply:
        """Word an outcome for a Replicate caller."""
        if isinstance(intent, Stream):
            return _stream_reply(job, outcome)
        if isinstance(intent, Describe):
            return _version_reply(intent, outcome)
        body = _prediction(job, outcome)
        status, headers = 200, {}
        if isinstance(intent, Create):
            status = 202 if intent.mode is Mode.WAIT and isinstance(outcome, Pending) else 201
            if isinstance(outcome, Pending):
                body["status"] = "starting"
            if intent.wait is not None:
                headers["preference-applied"] = f"wait={math.ceil(intent.wait)}"
        return wire.json_reply(status, body, headers)


def _create(request: Request, slug: str | None) -> Create:
    match = _WAIT.fullmatch(request.headers.get("prefer") or "")
    if match is None:
        return Create(Mode.QUEUE, slug)
    seconds = float(match[1]) if match[1] else MAX_WAIT
    return Create(Mode.WAIT, slug, min(max(seconds, 1.0), MAX_WAIT))


def _read_prediction(body: Mapping[str, Any]) -> Outcome:
    logs = body.get("logs") if isinstance(body.get("logs"), str) else None
    match body.get("status"):
        case "succeeded":
            metrics = body.get("metrics")
            seconds = metrics.get("predict_time") if isinstance(metrics, dict) else None
            ran = float(seconds) if isinstance(seconds, (int, float)) else None
            return Done(body.get("output"), ran, logs, str(body["id"]))
        case "failed":
            text = body.get("error")
            message = wire.words(text) if text else ""
            return Failed(cause_of_text(message), message)
        case "canceled":
            return Failed(Cause.CANCELLED, "canceled")
        case "aborted":
            return Failed(Cause.NEVER_RAN, "aborted before it started")
    return Pending(job=str(body["id"]), running=body.get("status") != "starting", logs=logs)


def _prediction(job: Job, outcome: Outcome) -> dict[str, Any]:
    """A prediction that satisfies every SDK: non-null strings, `error` a string or null."""
    base = f"{API}/v1/predictions/{job.id}"
    urls = {"get": base, "cancel": f"{base}/cancel", "web": f"https://replicate.com/p/{job.id}"}
    if job.stream:
        urls["stream"] = f"{base}/stream"
    body: dict[str, Any] = {
        "id": job.id,
        "model": job.source,
        "version": job.version or "hidden",
        "input": dict(job.input),
        "logs": "",
        "output": None,
        "data_removed": False,
        "error": None,
        "source": "api",
        "status": "starting",
        "created_at": _timestamp(job.created),
        "started_at": None,
        "completed_at": None,
        "metrics": {},
        "urls": urls,
    }
    match outcome:
        case Done():
            body |= {"status": "succeeded", "output": outcome.output, "logs": outcome.logs or ""}
            if outcome.seconds is not None:
                body["metrics"] = {"predict_time": outcome.seconds}
        case Pending(running=True):
            body |= {"status": "processing", "logs": outcome.logs or ""}
        case Failed(cause=Cause.CANCELLED):
            body["status"] = "canceled"
        case Failed():
            body |= {"status": "failed", "error": outcome.message or "the prediction failed"}
    return body


def _timestamp(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stream_reply(job: Job, outcome: Outcome) -> Reply:
    """The whole stream at once; every event has an id, or SDKs drop it."""
    stamp = int(job.created)
    events: list[dict[str, str]] = []
    if isinstance(outcome, Done):
        output = outcome.output if isinstance(outcome.output, list) else [outcome.output]
        for item in output:
            text = item if isinstance(item, str) else wire.line(item)
            events.append({"event": "output", "id": f"{stamp}:{len(events)}", "data": text})
        events.append({"event": "done", "id": f"{stamp}:{len(events)}", "data": "{}"})
    elif isinstance(outcome, Failed):
        detail = wire.line({"detail": outcome.message or "the prediction failed"})
        events.append({"event": "error", "id": f"{stamp}:0", "data": detail})
        events.append({"event": "done", "id": f"{stamp}:1", "data": '{"reason":"error"}'})
    return wire.sse_reply(events)


def _version_reply(intent: Describe, outcome: Outcome) -> Reply:
    """A version, described just far enough for the SDK to tell what kind of output it has."""
    schemas = {"Output": outcome.output} if isinstance(outcome, Done) and outcome.output else {}
    body = {
        "id": intent.version,
        "created_at": "1970-01-01T00:00:00.000Z",
        "cog_version": "0.9.0",  # from 0.3.9 on SDKs read the schema below
        "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
    }
    return wire.json_reply(200, body)

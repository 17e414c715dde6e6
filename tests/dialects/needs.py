"""What the SDKs of each provider need in a reply, or they crash or misunderstand it."""

from __future__ import annotations

import json
from typing import Any

from failover.core.types import (
    Cancel,
    Create,
    Describe,
    Failed,
    Intent,
    Mode,
    Outcome,
    Pending,
    Poll,
    Reply,
    Stream,
)

RETRIED = (408, 409, 429)  # fal's SDKs send such a call again, and that of a plain gateway
QUEUE = "https://queue.fal.run/"
API = "https://api.replicate.com/v1/predictions/"


def check_needs(provider: str, intent: Intent, outcome: Outcome, reply: Reply) -> None:
    """Assert what any SDK of a provider needs in an answer of ours."""
    assert not {"content-length", "content-encoding", "location"} & set(reply.headers)
    if provider == "fal":
        _check_fal(intent, outcome, reply)
    else:
        _check_replicate(intent, reply)


def check_final(provider: str, reply: Reply) -> None:
    """Assert that no SDK for Python sends a call again that is answered so."""
    if provider == "fal":
        assert reply.status not in RETRIED
        assert b"nginx" not in reply.body


def _events(reply: Reply) -> list[dict[str, str]]:
    assert reply.headers["content-type"].partition(";")[0] == "text/event-stream"
    blocks = reply.body.decode().split("\n\n")
    assert blocks.pop() == "", "an event without its blank line is lost"
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def _json(reply: Reply) -> Any:
    assert reply.headers["content-type"] == "application/json"
    return json.loads(reply.body)


def _check_fal(intent: Intent, outcome: Outcome, reply: Reply) -> None:
    assert reply.headers["x-fal-request-id"]
    assert reply.status < 502
    check_final("fal", reply)
    streaming = isinstance(intent, Create) and intent.mode is Mode.STREAM
    if isinstance(intent, Create) and intent.mode is Mode.QUEUE:
        body = _json(reply)
        assert reply.status == 200
        _check_addresses(body)
    elif isinstance(intent, Poll):
        body = json.loads(_events(reply)[-1]["data"]) if intent.stream else _json(reply)
        _check_status(body, 200 if intent.stream else reply.status, stream=intent.stream)
    elif isinstance(intent, Cancel):
        told = _json(reply)
        if isinstance(outcome, Pending):
            assert reply.status == 500
            assert told["detail"]
        else:
            assert told["status"] in ("CANCELLATION_REQUESTED", "ALREADY_COMPLETED")
    elif isinstance(outcome, (Failed, Pending)):
        assert reply.status >= 400, "a result below 400 is taken for the output"
        assert _json(reply)["detail"]
    elif streaming:
        assert all(json.loads(event["data"]) for event in _events(reply))
    else:
        assert reply.status == 200
        _json(reply)


def _check_addresses(body: dict[str, Any]) -> None:
    base = body["response_url"]
    assert base.startswith(QUEUE)
    assert base.endswith(f"/requests/{body['request_id']}")
    assert (body["status_url"], body["cancel_url"]) == (f"{base}/status", f"{base}/cancel")


def _check_status(body: dict[str, Any], code: int, *, stream: bool) -> None:
    _check_addresses(body)
    assert body["status"] in ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
    if body["status"] == "IN_QUEUE":
        assert isinstance(body["queue_position"], int)
    else:
        assert "logs" in body
    assert stream or code == (200 if body["status"] == "COMPLETED" else 202)


def _check_replicate(intent: Intent, reply: Reply) -> None:
    if isinstance(intent, Stream):
        events = _events(reply) if reply.body else []
        assert all(event["id"] for event in events), "an event before any id is dropped"
        assert {event["event"] for event in events} <= {"output", "logs", "error", "done"}
        return
    body = _json(reply)
    if isinstance(intent, Describe):
        assert isinstance(body["id"], str)
        assert body["created_at"].endswith("Z")
        assert isinstance(body["cog_version"], str)
        assert isinstance(body["openapi_schema"], dict)
        return
    for name in ("id", "model", "version", "status"):
        assert isinstance(body[name], str)
        assert body[name]
    assert body["error"] is None or isinstance(body["error"], str)
    assert body["status"] in ("starting", "processing", "succeeded", "failed", "canceled")
    assert body["status"] != "failed" or body["error"]
    assert body["urls"]["get"] == API + body["id"]
    assert body["urls"]["cancel"] == API + body["id"] + "/cancel"
    assert body["urls"].get("stream", "") is not None
    if isinstance(intent, Create):
        assert body["status"] != "processing", "run() takes it for final"
        assert reply.status in (201, 202)
    else:
        assert reply.status == 200

"""What fal's error replies mean, and how a failure is worded for a fal caller.

Two body families are told apart: platform errors (`detail` string, `error_type`) and model errors
(`detail` list of typed entries). Types decide; wording is looked at only where fal sends no type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failover.core.types import Cause, Failed, Reply
from failover.dialects import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_TYPE = {
    "request_timeout": Cause.PROVIDER,
    "startup_timeout": Cause.NEVER_RAN,
    "runner_scheduling_failure": Cause.NEVER_RAN,
    "runner_connection_timeout": Cause.NEVER_RAN,
    "runner_connection_refused": Cause.NEVER_RAN,
    "runner_disconnected": Cause.PROVIDER,
    "runner_connection_error": Cause.PROVIDER,
    "runner_incomplete_response": Cause.PROVIDER,
    "runner_server_error": Cause.PROVIDER,
    "internal_error": Cause.PROVIDER,
    "internal_server_error": Cause.PROVIDER,
    "generation_timeout": Cause.PROVIDER,
    "downstream_service_error": Cause.PROVIDER,
    "downstream_service_unavailable": Cause.PROVIDER,
    "concurrent_requests_limit": Cause.RATE,
    "content_policy_violation": Cause.POLICY,
    "bad_request": Cause.VALIDATION,
    "client_disconnected": Cause.CANCELLED,
    "client_cancelled": Cause.CANCELLED,
}
_BY_STATUS = {
    400: Cause.VALIDATION,
    401: Cause.BAD_KEY,
    402: Cause.BALANCE,
    403: Cause.FORBIDDEN,
    404: Cause.NOT_FOUND,
    422: Cause.VALIDATION,
    429: Cause.RATE,
    499: Cause.CANCELLED,
}
_LOCKED = ("user is locked", "exhausted balance", "top up", "insufficient balance")
_TO_CALLER = {
    Cause.POLICY: (422, "content_policy_violation"),
    Cause.VALIDATION: (422, "value_error"),
    Cause.CANCELLED: (499, "client_cancelled"),
    Cause.NEVER_RAN: (500, "internal_error"),
}


def cause_of(reply: Reply) -> Cause:
    """Say whose fault a fal error reply is.

    Args:
        reply: any reply of status 400 or more.
    """
    if reply.status == 504 and reply.headers.get("x-fal-request-timeout-type"):
        return Cause.DEADLINE
    if reply.status in (401, 402, 403, 429) and any(
        word in wire.text_of(reply.body) for word in _LOCKED
    ):
        return Cause.BALANCE
    if reply.status == 401 and b"Cannot access application" in reply.body:
        return Cause.FORBIDDEN
    for word in _types(reply):
        if word in _BY_TYPE:
            return _BY_TYPE[word]
    if reply.status >= 500 and reply.headers.get("x-fal-request-id"):
        return Cause.PROVIDER
    return _BY_STATUS.get(reply.status, Cause.UNSPECIFIED)


def _types(reply: Reply) -> list[str]:
    """Every error type a reply names, the header's first."""
    named = [reply.headers.get("x-fal-error-type")]
    body = wire.json_object(reply.body) or {}
    named += [body.get("error_type"), body.get("type")]
    detail = body.get("detail")
    if isinstance(detail, list):
        named += [entry.get("type") for entry in detail[:20] if isinstance(entry, dict)]
    return [word for word in named if isinstance(word, str)]


def message_of(reply: Reply) -> str:
    """The words of an error reply, for the caller."""
    body = wire.json_object(reply.body) or {}
    detail = body.get("detail") or body.get("error") or ""
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        detail = detail[0].get("msg") or detail
    return wire.words(detail)


def type_of_cause(cause: Cause) -> str:
    """The error type a fal caller is told."""
    return _TO_CALLER.get(cause, (500, "internal_error"))[1]


def error_reply(outcome: Failed, headers: Mapping[str, str]) -> Reply:
    """Word a failure so that no fal SDK sends the call again.

    Args:
        outcome: the failure.
        headers: headers every reply carries.
    """
    status, kind = _TO_CALLER.get(outcome.cause, (500, "internal_error"))
    message = outcome.message or "the generation failed"
    body: dict[str, Any] = {"detail": message, "error_type": kind}
    if status == 422:
        body = {"detail": [{"loc": ["body"], "msg": message, "type": kind}]}
    return wire.json_reply(status, body, {**headers, "x-fal-error-type": kind})

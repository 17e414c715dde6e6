"""fal's error replies, word for word where they are known.

Two families (fal documentation, "Errors"): the platform's ``{"detail", "error_type"}`` with the
header ``X-Fal-Error-Type``, and the models' ``{"detail": [{loc, msg, type, url}]}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from failover.sim.http1 import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from failover.sim.schemas import Problem

LOCKED: Final = (
    "User is locked. Reason: Exhausted balance. "
    "Top up your balance at fal.ai/dashboard/billing to continue."
)
BAD_KEY: Final = "invalid key credentials"
STILL_RUNNING: Final = "Request is still in progress"

PLATFORM: Final[Mapping[str, tuple[int, str]]] = {
    "request_timeout": (504, "Request timed out"),
    "startup_timeout": (504, "Runner startup timed out"),
    "runner_scheduling_failure": (503, "No runner could be scheduled"),
    "runner_connection_timeout": (503, "Runner connection timed out"),
    "runner_disconnected": (503, "Runner disconnected"),
    "runner_connection_refused": (503, "Runner connection refused"),
    "runner_connection_error": (503, "Runner connection error"),
    "runner_incomplete_response": (502, "Runner sent an incomplete response"),
    "runner_server_error": (500, "Runner server error"),
    "internal_error": (500, "Internal error"),
    "bad_request": (400, "Bad request"),
    "client_disconnected": (499, "Client disconnected"),
    "client_cancelled": (499, "Request was cancelled"),
}
"""Platform errors by ``error_type``: status and words."""

MODEL: Final[Mapping[str, tuple[int, str]]] = {
    "internal_server_error": (500, "Internal server error"),
    "generation_timeout": (504, "Generation timed out"),
    "downstream_service_error": (400, "Downstream service error"),
    "downstream_service_unavailable": (500, "Downstream service unavailable"),
    "content_policy_violation": (
        422,
        "The content could not be processed because it was flagged by a content checker.",
    ),
    "no_media_generated": (422, "No media was generated"),
    "file_download_error": (422, "Failed to download the file"),
    "image_load_error": (422, "Failed to load the image"),
    "image_too_large": (422, "Image is too large"),
    "feature_not_supported": (422, "Feature not supported"),
}
"""Model errors by ``type``: status and words."""

PLAIN: Final[Mapping[str, tuple[int, Any]]] = {
    "bad_key": (401, {"detail": BAD_KEY}),
    "no_key": (401, {"detail": "Cannot access application. Authentication is required."}),
    "locked": (403, {"detail": LOCKED}),
    "not_found": (404, {"detail": "Not Found"}),
    "gpu": (503, {"detail": "GPU error"}),
    "crash": (500, {"detail": "Internal Server Error"}),
}
"""Errors with a ``detail`` text alone: status and body."""

SYNONYMS: Final = {
    "balance": "locked",
    "rate": "concurrency",
    "policy": "content_policy_violation",
    "internal": "internal_error",
    "runner": "runner_connection_error",
    "downstream": "downstream_service_error",
}
"""Names that every provider understands, and short ones."""

NAMES: Final = frozenset({*PLATFORM, *MODEL, *PLAIN, *SYNONYMS})
"""Every name above."""

BY_STATUS: Final = {
    400: "bad_request",
    401: "bad_key",
    403: "locked",
    422: "validation",
    429: "concurrency",
    499: "client_cancelled",
    500: "internal_error",
    502: "runner_incomplete_response",
    503: "runner_connection_error",
    504: "request_timeout",
}
NGINX: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
SERVES_RETRY: Final = {"x-fal-needs-retry": "1"}


def platform_error(error_type: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return the platform's reply for an ``error_type``."""
    status, detail = PLATFORM[error_type]
    body = {"detail": detail, "error_type": error_type}
    return Reply.of_json(status, body, {"x-fal-error-type": error_type, **(headers or {})})


def model_error(type_: str, *, field: str = "prompt", message: str | None = None) -> Reply:
    """Return a model's reply for an error ``type``."""
    status, text = MODEL[type_]
    detail = _detail(("body", field), message or text, type_)
    retry = "1" if status >= 500 else "0"
    return Reply.of_json(status, {"detail": [detail]}, {"x-fal-needs-retry": retry})


def concurrency_error(limit: int) -> Reply:
    """Return the refusal of a call beyond the account's concurrency."""
    body = {
        "detail": f"Reached concurrent requests limit of {limit}",
        "type": "concurrent_requests_limit",
        "data": {"limit": limit},
    }
    return Reply.of_json(429, body, SERVES_RETRY)


def validation_error(problems: Sequence[Problem]) -> Reply:
    """Return the refusal of an input, one entry a problem."""
    body = {"detail": [_worded(problem) for problem in problems]}
    return Reply.of_json(422, body, {"x-fal-billable-units": "0", "x-fal-needs-retry": "0"})


def error_reply(status: int | None, kind: str | None) -> Reply:
    """Return fal's reply for a named error or a status.

    Args:
        status: HTTP status, where no kind is named.
        kind: A key of the tables above, or one of their synonyms.

    Raises:
        ValueError: If the kind is unknown.
    """
    kind = SYNONYMS.get(kind or "", kind)
    if kind is None:
        kind = BY_STATUS.get(status or 500)
    if kind is None:
        return Reply.of_json(status or 500, {"detail": f"Error {status}"})
    if kind in PLATFORM:
        return platform_error(kind)
    if kind in MODEL:
        return model_error(kind)
    if kind in PLAIN:
        return Reply.of_json(*PLAIN[kind])
    if kind == "validation":
        detail = _detail(("body", "prompt"), "Field required", "missing")
        return Reply.of_json(422, {"detail": [detail]}, {"x-fal-needs-retry": "0"})
    if kind == "concurrency":
        return concurrency_error(20)
    if kind == "user_timeout":
        return platform_error("request_timeout", {"x-fal-request-timeout-type": "user"})
    if kind == "nginx":
        return Reply(502, {"content-type": "text/html"}, NGINX)
    raise ValueError(f"fal has no error named {kind!r}")


def _detail(loc: tuple[str | int, ...], msg: str, type_: str, **more: Any) -> dict[str, Any]:
    return {
        "loc": list(loc),
        "msg": msg,
        "type": type_,
        "url": f"https://docs.fal.ai/errors#{type_}",
        **more,
    }


_BOUNDS: Final = {
    "minimum": ("greater_than_equal", "greater than or equal to", "ge"),
    "maximum": ("less_than_equal", "less than or equal to", "le"),
    "exclusiveMinimum": ("greater_than", "greater than", "gt"),
    "exclusiveMaximum": ("less_than", "less than", "lt"),
    "multipleOf": ("multiple_of", "a multiple of", "multiple_of"),
}
_TYPES: Final = {
    "maxLength": "sequence_too_long",
    "maxItems": "sequence_too_long",
    "minLength": "sequence_too_short",
    "minItems": "sequence_too_short",
    "enum": "literal_error",
    "const": "literal_error",
    "unknown": "extra_forbidden",
    "format": "url_parsing",
}


def _worded(problem: Problem) -> dict[str, Any]:
    loc = ("body", *problem.path)
    if problem.rule == "required":
        return _detail(loc, "Field required", "missing", input=problem.given)
    if problem.rule in _BOUNDS:
        type_, words, name = _BOUNDS[problem.rule]
        message = f"Input should be {words} {problem.limit}"
        return _detail(loc, message, type_, ctx={name: problem.limit}, input=problem.given)
    if problem.rule == "type" and isinstance(problem.limit, str):
        short = {"string": "string", "integer": "int", "number": "float", "boolean": "bool"}
        type_ = f"{short.get(problem.limit, problem.limit)}_type"
        return _detail(loc, f"Input should be a valid {problem.limit}", type_, input=problem.given)
    type_ = _TYPES.get(problem.rule, "value_error")
    return _detail(loc, problem.text, type_, input=problem.given)

"""Replicate's errors: refusals of requests, and the words of failed predictions.

Refusals are problem documents (RFC 7807) with ``title``, ``detail`` and ``status``. A prediction
that fails carries a text alone, without a code (Replicate documentation, "Error codes").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from failover.sim.http1 import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from failover.sim.schemas import Problem

PROBLEM_JSON: Final = "application/problem+json"
NOT_FOUND: Final = "The requested resource could not be found."
CLOUDFLARE: Final = b"<html><body>Access denied. Error code: 1010</body></html>"
BAD_GATEWAY: Final = b"<html><body>Bad gateway. Error code: 502</body></html>"

NAMED: Final[Mapping[str, tuple[int, Mapping[str, Any]]]] = {
    "bad_key": (
        401,
        {"title": "Unauthenticated", "detail": "You did not pass a valid authentication token"},
    ),
    "no_key": (
        401,
        {"title": "Unauthenticated", "detail": "You did not pass an authentication token"},
    ),
    "balance": (
        402,
        {
            "title": "Insufficient credit",
            "detail": "You have insufficient credit to run this model. Buy credit at "
            "https://replicate.com/account/billing and wait a few minutes.",
        },
    ),
    "forbidden": (
        403,
        {"title": "Forbidden", "detail": "You do not have permission to perform this action."},
    ),
    "not_found": (404, {"title": "Not found", "detail": NOT_FOUND}),
    "validation": (
        422,
        {
            "title": "Input validation failed",
            "detail": "- input: prompt is required\n",
            "invalid_fields": [
                {"type": "required", "field": "input", "description": "prompt is required"}
            ],
        },
    ),
    "version": (
        422,
        {
            "title": "Invalid version or not permitted",
            "detail": "The specified version does not exist, or you may not use it.",
        },
    ),
    "rate": (
        429,
        {
            "detail": "Request was throttled. Your rate limit resets in ~5s.",
            "retry_after": 5,
        },
    ),
    "low_credit": (
        429,
        {
            "detail": "Request was throttled. Your rate limit for creating predictions is reduced "
            "to 6 requests per minute with a burst of 1 while you have less than $5.0 in credit. "
            "Your rate limit resets in ~10s.",
            "retry_after": 10,
        },
    ),
}
"""Refusals by name: status and body, without the status."""

SYNONYMS: Final = {"locked": "balance", "credit": "balance", "concurrency": "rate"}
BY_STATUS: Final = {
    401: "bad_key",
    402: "balance",
    403: "forbidden",
    404: "not_found",
    422: "validation",
    429: "rate",
    502: "gateway",
}

FAILURES: Final[Mapping[str, str]] = {
    "infrastructure": "Prediction interrupted; please retry (code: PA)",
    "input": "The input was invalid. Please try again with different inputs. (E006) (sim0000000)",
    "policy": "The input or output was flagged as sensitive. "
    "Please try again with different inputs. (E005) (sim0000000)",
    "nsfw": "NSFW content detected. Try running it again, or try a different prompt.",
    "director": "Director: unexpected error handling prediction (E9243)",
    "startup": "Prediction failed to start in time (E6716)",
    "oom": "CUDA out of memory. Tried to allocate 2.00 GiB",
    "demand": "Service is currently unavailable due to high demand. Please try again later. (E003)",
    "unavailable": "Service is temporarily unavailable. Please try again later. (E004)",
    "vendor": "An error occurred while processing your request (E001)",
    "unknown": "",
}
"""The ``error`` text of failed predictions, by cause and by name."""


def problem(status: int, headers: Mapping[str, str] | None = None, **fields: Any) -> Reply:
    """Return a problem document."""
    return Reply.of_json(status, {**fields, "status": status}, headers, kind=PROBLEM_JSON)


def error_reply(status: int | None, kind: str | None) -> Reply:
    """Return Replicate's reply for a named error or a status.

    Args:
        status: HTTP status, where no kind is named.
        kind: A key of ``NAMED``, a synonym, ``cloudflare``, ``gateway`` or ``internal``.

    Raises:
        ValueError: If the kind is unknown.
    """
    kind = SYNONYMS.get(kind or "", kind) or BY_STATUS.get(status or 500)
    html = {"content-type": "text/html; charset=UTF-8"}
    if kind is not None and kind in NAMED:
        code, fields = NAMED[kind]
        return problem(code, **fields)
    if kind == "cloudflare":
        return Reply(403, html, CLOUDFLARE)
    if kind == "gateway":
        return Reply(502, html, BAD_GATEWAY)
    if kind == "internal" or (kind is None and status == 500):
        return Reply.of_json(500, {"detail": "Internal server error", "status": 500})
    if kind is None and status is not None and status > 500:
        return Reply(status, html, BAD_GATEWAY)
    if kind is None and status is not None:
        return problem(status, detail=f"Error {status}")
    raise ValueError(f"Replicate has no error named {kind!r}")


_FIELD_TYPES: Final = {
    "minimum": "number_gte",
    "maximum": "number_lte",
    "exclusiveMinimum": "number_gt",
    "exclusiveMaximum": "number_lt",
    "type": "invalid_type",
    "unknown": "additional_property_not_allowed",
    "maxLength": "string_lte",
    "minLength": "string_gte",
    "maxItems": "array_max_items",
    "minItems": "array_min_items",
}


def validation_error(problems: Sequence[Problem], prefix: str = "input") -> Reply:
    """Return the refusal of an input, or of the body around it.

    Args:
        problems: What is wrong.
        prefix: What the fields are part of; empty for the body itself.
    """
    fields = []
    for one in problems:
        path = one.path[:-1] if one.rule in {"required", "unknown"} else one.path
        parts = [*([prefix] if prefix else []), *map(str, path)]
        kind = _FIELD_TYPES.get(one.rule, one.rule)
        field = ".".join(parts) or "(root)"
        fields.append({"type": kind, "field": field, "description": one.text})
    detail = "".join(f"- {f['field']}: {f['description']}\n" for f in fields)
    title = "Input validation failed"
    return problem(422, title=title, detail=detail, invalid_fields=fields)

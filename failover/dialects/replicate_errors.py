"""What Replicate's error replies and failed predictions mean.

A failed prediction has no code, only text. The order of the tests matters: policy, then the
caller's input, then the provider; what matches nothing is the caller's.
"""

from __future__ import annotations

import re

from failover.core.types import Cause, Reply
from failover.dialects import wire

_BY_STATUS = {
    400: Cause.VALIDATION,
    401: Cause.BAD_KEY,
    402: Cause.BALANCE,
    403: Cause.FORBIDDEN,
    404: Cause.NOT_FOUND,
    413: Cause.VALIDATION,
    422: Cause.VALIDATION,
    429: Cause.RATE,
}
_CODE = re.compile(r"\b(e\d{3,4})\b|\(code: ([a-z]+)\)")
_BY_CODE = {
    "e005": Cause.POLICY,
    "e006": Cause.VALIDATION,
    "e4875": Cause.VALIDATION,
    "pa": Cause.NEVER_RAN,
    "e6716": Cause.NEVER_RAN,
    "e1000": Cause.PROVIDER,
    "e1001": Cause.PROVIDER,
    "e001": Cause.PROVIDER,
    "e002": Cause.PROVIDER,
    "e003": Cause.PROVIDER,
    "e004": Cause.PROVIDER,
}
_BY_TEXT: tuple[tuple[Cause, tuple[str, ...]], ...] = (
    (
        Cause.POLICY,
        (
            "nsfw",
            "flagged",
            "safety system",
            "content policy",
            "moderat",
            "sensitive information",
            "content filter",
            "prohibited",
        ),
    ),
    (Cause.PROVIDER, ("director:", "prediction interrupted")),
    (Cause.BALANCE, ("insufficient credit", "billing required")),
    (Cause.VALIDATION, ("input validation error",)),
    (
        Cause.PROVIDER,
        (
            "out of memory",
            "internal error",
            "try again later",
            "timed out",
            "high demand",
            "temporarily unavailable",
        ),
    ),
)


def cause_of(reply: Reply) -> Cause:
    """Say whose fault a Replicate error reply is.

    Args:
        reply: any reply of status 400 or more.
    """
    text = wire.text_of(reply.body)
    if reply.status in (402, 403, 429) and "insufficient credit" in text:
        return Cause.BALANCE
    if reply.status == 422 and "invalid version or not permitted" in text:
        return Cause.NOT_FOUND
    return _BY_STATUS.get(reply.status, Cause.UNSPECIFIED)


def cause_of_text(message: str) -> Cause:
    """Say whose fault a failed prediction is, from its error text.

    Args:
        message: the text; empty when the provider gave none.
    """
    text = message.lower()
    if not text:
        return Cause.PROVIDER
    codes = [a or b for a, b in _CODE.findall(text)]
    if any(_BY_CODE.get(code) is Cause.POLICY for code in codes):
        return Cause.POLICY
    for cause, marks in _BY_TEXT[:1]:
        if any(mark in text for mark in marks):
            return cause
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
    for cause, marks in _BY_TEXT[1:]:
        if any(mark in text for mark in marks):
            return cause
    return Cause.VALIDATION


def message_of(reply: Reply) -> str:
    """The words of an error reply, for the caller."""
    body = wire.json_object(reply.body) or {}
    return wire.words(body.get("detail") or body.get("title") or "")

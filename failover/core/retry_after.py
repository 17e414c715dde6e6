"""How long a server asks us to stay away, from whatever it says it with.

Sources, the first usable one wins (reliability semantics D-3): `retry-after-ms`; `Retry-After` as
seconds or as a date; the reset of a rate limit that is used up; a hint in the JSON body.

Rules:
- A date is measured against the reply's own `Date`, never against our clock.
- Anything odd is as good as absent: signs, exponents, hexadecimal, lists, ten digits or more, and
  digits that are not ASCII.
- The answer is between one second and one hour.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHORTEST = 1.0
LONGEST = 3600.0
MAX_BODY = 65536

_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_DURATION = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?"
    r"(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)s)?(?:([0-9]{1,9})ms)?"
)
_UNITS = (86400.0, 3600.0, 60.0, 1.0, 0.001)
_DATE = re.compile(  # IMF-fixdate, RFC 9110 section 5.6.7
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [1-9][0-9]{3} "
    r"[0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
_RESET = re.compile(r"(?:x-)?ratelimit-reset((?:-[a-z0-9]+)*)")
_WORDS = re.compile(
    r"(?:resets? in|expected available in|(?:re)?try again in) ~?"
    r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?:s|sec|secs|seconds?)\b",
    re.IGNORECASE,
)


def retry_after(headers: Mapping[str, str], body: bytes = b"") -> float | None:
    """Read how long a reply asks us to stay away.

    Args:
        headers: of the reply; looked up by lower-case name.
        body: decoded body of the reply.

    Returns:
        Seconds, 1.0 to 3600.0; None when it doesn't say. Never raises.
    """
    for seconds in _stated(headers, body):
        if seconds is not None:
            return min(max(seconds, SHORTEST), LONGEST)
    return None


def _stated(headers: Mapping[str, str], body: bytes) -> Iterator[float | None]:
    """Every statement, in order of precedence."""
    millis = _number(headers.get("retry-after-ms"))
    yield None if millis is None else millis / 1000
    yield _number(headers.get("retry-after"))
    yield _date_after(headers.get("retry-after"), headers.get("date"))
    yield _reset(headers)
    yield _hint(body)


def _number(text: str | None) -> float | None:
    text = (text or "").strip(" \t")
    return float(text) if _NUMBER.fullmatch(text) else None


def _date_after(text: str | None, base: str | None) -> float | None:
    """Seconds from the reply's own date to another one that is not before it."""
    then, now = (text or "").strip(" \t"), (base or "").strip(" \t")
    if not _DATE.fullmatch(then) or not _DATE.fullmatch(now):
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # heavy, and rarely needed

    try:
        seconds = (parsedate_to_datetime(then) - parsedate_to_datetime(now)).total_seconds()
    except ValueError:  # the 31st of February, or 25 o'clock
        return None
    return seconds if seconds >= 0 else None


def _reset(headers: Mapping[str, str]) -> float | None:
    """The latest reset of a limit that is used up.

    Some providers send the state of all their limits with every reply, so a reset counts only if
    nothing says that there is something left until then.
    """
    found: list[float] = []
    for name, text in headers.items():
        match = _RESET.fullmatch(name.lower())
        if match is None:
            continue
        left = _number(headers.get(name.lower().replace("reset", "remaining", 1)))
        seconds = _duration(text)
        if seconds is not None and not left:
            found.append(seconds)
    return max(found, default=None)


def _duration(text: str) -> float | None:
    """Read `6m0s`, `1.5s`, `20ms`, or plain seconds."""
    text = text.strip(" \t")
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return _number(text)
    parts = zip(match.groups(), _UNITS, strict=True)
    return sum(float(part) * unit for part, unit in parts if part)


def _hint(body: bytes) -> float | None:
    """What an error body says: a `retry_after` number, or words such as `resets in ~30s`."""
    if not body[:64].lstrip().startswith(b"{") or len(body) > MAX_BODY:
        return None
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    value = data.get("retry_after")
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        seconds = _number(str(value))
        if seconds is not None:
            return seconds
    words = data.get("detail")
    match = _WORDS.search(words) if isinstance(words, str) else None
    return float(match[1]) if match else None

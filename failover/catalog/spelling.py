"""When two spellings are one word or one number."""

from __future__ import annotations

import re
from typing import Any, Final

_NUMBER: Final = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*(?:s|sec|seconds|x)?\s*$")
_SYNONYMS: Final = {
    "jpg": "jpeg",
    "std": "standard",
    "automatic": "auto",
    "chunk": "segment",
    "1": "mono",  # a number of audio channels
    "2": "stereo",
}


def token(value: Any) -> str:
    """Return the form in which two spellings of one word are equal: "Render 3D" is "render_3d"."""
    return re.sub(r"[^a-z0-9]+", "", str(value).lower())


def word(value: Any) -> str:
    """Return a word's canonical form: its token, or the token of its synonym."""
    plain = token(value)
    return _SYNONYMS.get(plain, plain)


def number_of(value: Any) -> float | None:
    """Return the number in 8, "8", "8s" or 8.0, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if -1e15 < value < 1e15 else None
    if isinstance(value, str) and len(value) < 40 and (match := _NUMBER.match(value)):
        return float(match[1])
    return None

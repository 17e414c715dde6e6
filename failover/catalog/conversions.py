"""Named pure conversions between a parameter's JSON value and its concept's canonical value.

Every value type has one reader and one writer. A reader returns `INVALID` for what it can't
understand and None for what says nothing ("auto", an empty list). A writer returns a `Written`:
the value as the schema allows it, and whether anything of it was lost; or None when the schema
allows nothing near it. No function here knows an endpoint or a model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from failover.catalog.allowed import allowed
from failover.catalog.languages import code_of, names_of
from failover.catalog.spelling import number_of, token, word


class _Invalid:
    """The mark of a value that no reader understands."""

    def __repr__(self) -> str:
        return "INVALID"


INVALID: Final = _Invalid()
AUTO: Final = "auto"
"""The language that the model finds out itself; so it does when a target has no default."""


class Written(NamedTuple):
    """A value ready to send. `error` is the relative error of a number, 1.0 for a lost word."""

    value: Any
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Spec:
    """What a schema allows of one parameter; None where it doesn't say."""

    enum: tuple[Any, ...] | None = None
    types: frozenset[str] = frozenset()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    shortest: int | None = None
    longest: int | None = None
    fewest: int | None = None
    items: int | None = None
    default: Any = None
    inverted: bool = False
    wrapped: str | None = None
    step: float | None = None
    schema: Mapping[str, Any] | None = None


OFF_WORDS: Final = frozenset({"off", "none", "false", "no", "disabled", "transcribe", "0"})
ON_WORDS: Final = (
    "on", "true", "auto", "standard", "regular", "balanced", "translate", "film", "medium", "fast",
    "high", "rife",
)  # fmt: skip
_UNSAID: Final = frozenset({"auto", "none", "not set", ""})
_LEVELS: Final = {
    "blocklowandabove": (1, 2),
    "blockmediumandabove": (3, 4),
    "blockonlyhigh": (5, 6),
}
_JSON_TYPES: Final = {str: "string", list: "array", dict: "object", bool: "boolean"}
_MEDIA: Final = re.compile(r"^(https?://[^\s/]+|data:[\w.+-]+/)", re.IGNORECASE)


# Readers.


def read_text(value: Any, _spec: Spec) -> Any:
    """Read free text."""
    return value if isinstance(value, str) else INVALID


def read_number(value: Any, _spec: Spec) -> Any:
    """Read a number, also from text; "auto" says nothing."""
    if isinstance(value, str) and value.strip().lower() in _UNSAID:
        return None
    number = number_of(value)
    return INVALID if number is None else number


def read_seed(value: Any, _spec: Spec) -> Any:
    """Read a seed: a whole number of up to 64 bits, kept digit by digit."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**64 else INVALID
    number = number_of(value)
    return int(number) if number is not None and number.is_integer() else INVALID


def read_fraction(value: Any, spec: Spec) -> Any:
    """Read a share as 0 to 1, from a scale of 0 to 1 or of 0 to 100."""
    number = read_number(value, spec)
    if isinstance(number, float) and spec.most == 100:
        return number / 100
    return number


def read_flag(value: Any, spec: Spec) -> Any:
    """Read a switch, also from the words of a list: all but the words for "off" are on."""
    if isinstance(value, bool):
        return value != spec.inverted
    if isinstance(value, str) and spec.enum is not None:
        return token(value) not in OFF_WORDS
    return INVALID


def read_choice(value: Any, _spec: Spec) -> Any:
    """Read a word of a list; the words for "nothing chosen" say nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return INVALID
    return None if str(value).strip().lower() in ("none", "not set", "") else value


def read_language(value: Any, _spec: Spec) -> Any:
    """Read a language by its code or its English name, or "auto"."""
    if not isinstance(value, str):
        return INVALID
    return AUTO if word(value) in ("auto", "none", "") else code_of(value) or value.lower()


def read_media(value: Any, _spec: Spec) -> Any:
    """Read one file or a list of files, each an http(s) URL or a data URI."""
    files = [value] if isinstance(value, str) else value
    if not isinstance(files, list):
        return INVALID
    files = [_url_of(file) for file in files if file not in (None, "")]
    if not all(isinstance(file, str) and _MEDIA.match(file) for file in files):
        return INVALID
    return tuple(files) or None


def _url_of(item: Any) -> Any:
    """Return the URL of a list item such as ``{"image_url": ...}`` that says nothing else."""
    if isinstance(item, dict) and len(item) == 1:
        return next(iter(item.values()))
    return item


def read_json(value: Any, _spec: Spec) -> Any:
    """Read a structure, also from JSON text."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return INVALID
    return None if value in ("", [], {}) else value


def read_level(value: Any, _spec: Spec) -> Any:
    """Read a safety level as 0 (strictest) to 6, from a number or a filter's name."""
    if isinstance(value, str) and token(value) in _LEVELS:
        return float(_LEVELS[token(value)][0])
    number = number_of(value)
    return INVALID if number is None else number


# Writers.


def write_text(value: Any, spec: Spec) -> Written | None:
    """Write text; never shortened, so too long or too short is not written at all."""
    if spec.enum is not None:
        return write_choice(value, spec)
    if not isinstance(value, str) or "string" not in spec.types:
        return None
    if spec.longest is not None and len(value) > spec.longest:
        return None
    return None if spec.shortest is not None and len(value) < spec.shortest else Written(value)


def write_number(value: Any, spec: Spec) -> Written | None:
    """Write the nearest legal number, in the type that the schema wants."""
    if not isinstance(value, float | int):
        return None
    if spec.enum is not None:
        return _nearest(value, spec.enum)
    if _other_scale(value, spec):
        return None
    legal = value
    if spec.least is not None:
        legal = max(legal, spec.least)
    if spec.most is not None:
        legal = min(legal, spec.most)
    if spec.step:
        legal = round(round(legal / spec.step) * spec.step, 6)
        if not (legal / spec.step).is_integer():
            return None
    whole = "integer" in spec.types and "number" not in spec.types
    if whole:
        legal = round(legal)
    if (spec.above is not None and legal <= spec.above) or (
        spec.below is not None and legal >= spec.below
    ):
        return None
    error = _relative(value, legal)
    if not spec.types & {"integer", "number"}:
        return Written(_plain(legal), error) if "string" in spec.types else None
    return Written(int(legal) if whole or float(legal).is_integer() else legal, error)


def _other_scale(value: float, spec: Spec) -> bool:
    """Tell that a number is meant on another scale: 7.5 where only 0 to 1 is legal."""
    return spec.most is not None and spec.most <= 1 and value > 1


def write_exact_number(value: Any, spec: Spec) -> Written | None:
    """Write a number that has no neighbours, such as a seed: legal as it is, or not at all."""
    written = write_number(value, spec)
    return written if written is not None and written.error == 0 else None


def write_fraction(value: Any, spec: Spec) -> Written | None:
    """Write a share on the target's scale: 0 to 1, or 0 to 100."""
    if isinstance(value, float | int) and spec.most == 100:
        return write_number(value * 100, spec)
    return write_number(value, spec)


def write_seconds(value: Any, spec: Spec) -> Written | None:
    """Write a duration as 8, "8" or "8s", whichever the target lists."""
    return write_number(value, spec)


def write_flag(value: Any, spec: Spec) -> Written | None:
    """Write a switch, or the word of a list that stands for it."""
    if spec.enum is None or "boolean" in spec.types:
        return Written(bool(value) != spec.inverted) if "boolean" in spec.types else None
    words = {token(item): item for item in spec.enum}
    if not value:
        return next((Written(words[item]) for item in words if item in OFF_WORDS), None)
    return next((Written(words[item]) for item in ON_WORDS if item in words), None)


def write_choice(value: Any, spec: Spec) -> Written | None:
    """Write the target's spelling of a word, or None when it has no such word."""
    if spec.enum is None:
        if "string" in spec.types:
            same = spec.default is not None and word(spec.default) == word(value)
            return Written(spec.default if same else str(value))
        return write_number(number_of(value), spec)
    wanted = word(value)
    return next((Written(item) for item in spec.enum if word(item) == wanted), None)


def write_language(value: Any, spec: Spec) -> Written | None:
    """Write a language by the code or the name that the target lists, or its word for "auto"."""
    if spec.enum is None:
        return Written(value) if "string" in spec.types and value != AUTO else None
    names = {word(name) for name in (value, *names_of(value))}
    found = next((Written(item) for item in spec.enum if word(item) in names), None)
    if found is None and value == AUTO:
        return next((Written(item) for item in spec.enum if word(item) == "none"), None)
    return found


def write_media(value: Any, spec: Spec) -> Written | None:
    """Write files as a list or, when there is one, as a single file."""
    if "array" in spec.types:
        if not (spec.fewest or 0) <= len(value) <= (spec.items or len(value)):
            return None
        wrapped = spec.wrapped
        return Written([*value] if wrapped is None else [{wrapped: file} for file in value])
    return Written(value[0]) if len(value) == 1 and "string" in spec.types else None


def write_json(value: Any, spec: Spec) -> Written | None:
    """Write a structure as it is, or as JSON text where the target takes text."""
    own = _JSON_TYPES.get(type(value), "number")
    if own in spec.types or not spec.types:
        return Written(value) if allowed(value, spec.schema or {}) else None
    return Written(json.dumps(value)) if "string" in spec.types else None


def write_level(value: Any, spec: Spec) -> Written | None:
    """Write the most permissive legal safety level that is not weaker than asked."""
    if spec.enum is not None and any(token(item) in _LEVELS for item in spec.enum):
        for item in spec.enum:
            low, high = _LEVELS.get(token(item), (9, 9))
            if low <= max(value, 1) <= high:
                return Written(item)
        return None
    numbers = spec.enum if spec.enum is not None else range(7)
    legal = [item for item in numbers if (number_of(item) or 0) <= value and _in_range(item, spec)]
    if not legal:
        return None
    best = max(legal, key=lambda item: number_of(item) or 0)
    return Written(best, _relative(value, number_of(best) or 0))


def _in_range(item: Any, spec: Spec) -> bool:
    number = number_of(item) or 0
    return (spec.least is None or number >= spec.least) and (
        spec.most is None or number <= spec.most
    )


def _nearest(value: float, enum: tuple[Any, ...]) -> Written | None:
    """Return the nearest number of a list; of two equally near ones the larger."""
    numbers = [(item, number_of(item)) for item in enum]
    near = [(abs(n - value), -n, item, n) for item, n in numbers if n is not None]
    if not near:
        return None
    _, _, item, number = min(near, key=lambda entry: entry[:2])
    return Written(item, _relative(value, number))


def _relative(wanted: float, got: float) -> float:
    return abs(got - wanted) / (abs(wanted) or 1.0)


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


Reader = Callable[[Any, Spec], Any]
Writer = Callable[[Any, Spec], "Written | None"]

READERS: Final[dict[str, Reader]] = {
    "text": read_text,
    "number": read_number,
    "integer": read_number,
    "seed": read_seed,
    "seconds": read_number,
    "fraction": read_fraction,
    "flag": read_flag,
    "choice": read_choice,
    "language": read_language,
    "media": read_media,
    "json": read_json,
    "level": read_level,
}
WRITERS: Final[dict[str, Writer]] = {
    "text": write_text,
    "number": write_number,
    "integer": write_number,
    "seed": write_exact_number,
    "seconds": write_seconds,
    "fraction": write_fraction,
    "flag": write_flag,
    "choice": write_choice,
    "language": write_language,
    "media": write_media,
    "json": write_json,
    "level": write_level,
}

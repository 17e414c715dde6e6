"""Standings and jobs as JSON text, the same in every store that outlives the process.

Rules:
- Whatever is read is treated like foreign input: size, types and ranges are checked, and a text
  that does not fit is `Unreadable`.
- Each row names the version of its form. A row of a newer version is `FromTheFuture`: nobody here
  understands it, somebody else may.
- No prompt is written: a job loses its `input`.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, NoReturn

from failover.core.health import MAX_LEVEL, SERVER_CAP, Standing
from failover.core.types import Job, Mode
from failover.errors import StoreError
from failover.stores.contract import RETENTION

ROW_VERSION = 1
MAX_STANDING = 2048  # characters of a row
MAX_JOB = 16_384
MAX_LENGTH = RETENTION + 2 * SERVER_CAP  # seconds: the longest cooldown that the rules can make
MAX_GENERATION = 2**53

_JOB_TEXTS = ("id", "caller", "source", "provider", "target", "native", "key", "call", "model")
_JOB_FLAGS = ("stream", "cancelled")


class Unreadable(ValueError):
    """A row that is not what this package wrote."""


class FromTheFuture(Unreadable):
    """A row that a newer version of this package wrote."""


def write_standing(standing: Standing) -> str:
    """Put a standing into a row; its scope is the row's name and not in it.

    Args:
        standing: the standing.

    Returns:
        JSON.

    Raises:
        StoreError: it is too large, or no JSON.
    """
    return _write({name: getattr(standing, name) for name in _STANDING}, MAX_STANDING)


def read_standing(scope: str, text: object) -> Standing:
    """Read a standing's row.

    Args:
        scope: the row's name.
        text: JSON, as text or UTF-8 bytes.

    Returns:
        The standing.

    Raises:
        Unreadable: it is not one.
    """
    return _standing(scope, _read(text, MAX_STANDING))


def read_dated_standing(scope: str, text: object) -> tuple[Standing, float]:
    """Read a standing's row that also says when it is forgotten.

    Args:
        scope: the row's name.
        text: JSON, as text or UTF-8 bytes.

    Returns:
        The standing, and store-clock seconds.

    Raises:
        Unreadable: it is not one.
    """
    row = _read(text, MAX_STANDING)
    return _standing(scope, row), _number(row, "expires")


def _standing(scope: str, row: dict[str, Any]) -> Standing:
    return Standing(
        scope=scope,
        count=_whole(row, "count", MAX_GENERATION),
        level=_whole(row, "level", MAX_LEVEL),
        set_at=_number(row, "set_at"),
        length=_number(row, "length", MAX_LENGTH),
        reason=_text(row, "reason"),
        generation=_whole(row, "generation", MAX_GENERATION),
        lease=_number(row, "lease"),
        cap=_number(row, "cap", least=1e-3),
    )


def write_job(job: Job) -> str:
    """Put a job into a row, without its input.

    Args:
        job: the job.

    Returns:
        JSON.

    Raises:
        StoreError: it is too large, or no JSON.
    """
    return _write({name: getattr(job, name) for name in _JOB}, MAX_JOB)


def read_job(id: str, text: object) -> Job:
    """Read a job's row.

    Args:
        id: the row's name, which the row must repeat.
        text: JSON, as text or UTF-8 bytes.

    Returns:
        The job, with an empty input.

    Raises:
        Unreadable: it is not one.
    """
    row = _read(text, MAX_JOB)
    values: dict[str, Any] = {name: _text(row, name) for name in _JOB_TEXTS}
    values |= {name: row.get(name) for name in _JOB_FLAGS}
    if values["id"] != id or row.get("mode") not in list(Mode):
        raise Unreadable("another job's row, or of an unknown mode")
    if not all(isinstance(values[name], bool) for name in _JOB_FLAGS):
        raise Unreadable("a flag is not one")
    values["created"] = _number(row, "created")
    values["mode"] = Mode(row["mode"])
    values["version"] = None if row.get("version") is None else _text(row, "version")
    return Job(**values)


_STANDING = tuple(field.name for field in fields(Standing) if field.name != "scope")
_JOB = tuple(field.name for field in fields(Job) if field.name != "input")


def _write(values: dict[str, Any], limit: int) -> str:
    try:
        text = json.dumps({"v": ROW_VERSION, **values}, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError) as error:
        raise StoreError("a record holds what JSON can't") from error
    if len(text) > limit:
        raise StoreError(f"a record of {len(text)} characters is too large to be stored")
    return text


def _read(text: object, limit: int) -> dict[str, Any]:
    if not isinstance(text, str | bytes) or len(text) > limit:
        raise Unreadable("no text, or too long")
    try:
        row = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable("no JSON") from error
    if not isinstance(row, dict):
        raise Unreadable("no object")
    version = row.get("v")
    if isinstance(version, int) and version > ROW_VERSION:
        raise FromTheFuture("a newer form")
    if version != ROW_VERSION:
        raise Unreadable("an unknown form")
    return row


def _refuse(constant: str) -> NoReturn:
    raise Unreadable(f"{constant} is no number")


def _number(row: dict[str, Any], name: str, most: float = 1e12, least: float = 0.0) -> float:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{name} is no number")
    if not least <= value <= most:  # false for NaN, too
        raise Unreadable(f"{name} is out of range")
    return float(value)


def _whole(row: dict[str, Any], name: str, most: int) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Unreadable(f"{name} is no count")
    return value


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.isprintable():
        raise Unreadable(f"{name} is no text")
    return value

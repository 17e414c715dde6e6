"""Timed text: what was said when, and by whom, in the two ways in which providers write it.

fal: ``{"timestamp": [start, end], "text", "speaker"}``; Replicate: ``{"start", "end", "text"}``.
Times are seconds; the end of the last piece may be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of speech. `start` and `end` in seconds, None where unknown."""

    text: str
    start: float | None
    end: float | None
    speaker: str | None = None


def read_segments(items: list[Any]) -> list[Segment]:
    """Read segments in either form; what is neither is left out."""
    return [found for item in items if (found := _read(item)) is not None]


def _read(item: Any) -> Segment | None:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        return None
    speaker = item.get("speaker", item.get("speaker_id"))
    stamp = item.get("timestamp")
    if isinstance(stamp, list) and len(stamp) == 2:
        start, end = stamp
    else:
        start, end = item.get("start"), item.get("end")
    return Segment(
        item["text"], _seconds(start), _seconds(end), speaker if isinstance(speaker, str) else None
    )


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def stamped(segments: list[Segment]) -> list[dict[str, Any]]:
    """Write segments with a pair of times each."""
    return [
        {"timestamp": [segment.start, segment.end], "text": segment.text, **_speaker(segment)}
        for segment in segments
    ]


def started(segments: list[Segment]) -> list[dict[str, Any]]:
    """Write segments with start and end."""
    return [
        {
            "id": number,
            "start": segment.start,
            "end": segment.end,
            "text": segment.text,
            **_speaker(segment),
        }
        for number, segment in enumerate(segments)
    ]


def turns(segments: list[Segment]) -> list[dict[str, Any]]:
    """Write who spoke when, for the segments whose speaker is known."""
    return [
        {"timestamp": [segment.start, segment.end], "speaker": segment.speaker}
        for segment in segments
        if segment.speaker is not None
    ]


def _speaker(segment: Segment) -> dict[str, str]:
    return {} if segment.speaker is None else {"speaker": segment.speaker}

"""Reading what a finished job produced, in whatever shape a provider put it.

Every URL and data URI in the output is an asset, with the name of the field it was found under and
what is said about it; base64 fields become data URIs. Text, timed segments, the seed and the safety
flags are read where they are. Nothing is fetched.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from failover.catalog.transcripts import Segment, read_segments

_DEPTH: Final = 12
_INLINE: Final = ("b64_json", "b64", "base64", "file_data")
_LINKS: Final = ("url", "image_url", "video_url", "audio_url", "file", "uri")
_FLAGS: Final = ("has_nsfw_concepts", "nsfw_content_detected", "nsfw")
_ASIDE: Final = frozenset({"logs", "urls", "prompt", "metrics", "error"})
_TEXTS: Final = ("text", "transcription", "output", "results", "result", "generated_text")
_LANGUAGES: Final = ("detected_language", "language", "language_code")
_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
    "glb": "model/gltf-binary",
    "obj": "model/obj",
    "ply": "application/octet-stream",
    "zip": "application/zip",
    "srt": "application/x-subrip",
    "txt": "text/plain",
}
_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One produced file: where it is, under which field it was, and what is said about it."""

    url: str
    role: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def content_type(self) -> str | None:
        """The media type, as said or as the address shows it."""
        said = self.facts.get("content_type")
        return said if isinstance(said, str) and said else content_type_of(self.url)


@dataclass(slots=True)
class Result:
    """An output, read. `fields` holds the output's own plain fields by name."""

    assets: list[Asset] = field(default_factory=list)
    text: str | None = None
    segments: list[Segment] = field(default_factory=list)
    language: str | None = None
    flags: list[bool | None] | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def read_output(output: Any) -> Result:
    """Read an output of any shape.

    Args:
        output: What the provider gave as the job's result, as JSON.
    """
    result = Result()
    if isinstance(output, dict):
        result.fields = output
        _read_fields(output, result)
    _find(output, "", result.assets, 0)
    if result.text is None:
        result.text = _text_of(output)
    return result


def content_type_of(url: str) -> str | None:
    """Return the media type that a data URI states or a file's ending implies, or None."""
    if url[:5].lower() == "data:":
        return url[5:].partition(",")[0].partition(";")[0].lower() or None
    return _TYPES.get(file_name_of(url).rpartition(".")[2].lower())


def file_name_of(url: str) -> str:
    """Return the last part of an address's path; empty for a data URI or a broken address."""
    try:
        return "" if url[:5].lower() == "data:" else unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:
        return ""


def is_link(value: Any) -> bool:
    """Tell whether a value is the address of a file: an http(s) URL or a data URI."""
    if not isinstance(value, str):
        return False
    head = value[:8].lower()
    return head.startswith(("https://", "http://", "data:")) and not any(
        c.isspace() for c in value[:2048]
    )


def _find(value: Any, role: str, assets: list[Asset], depth: int) -> None:
    if depth > _DEPTH:
        return
    if is_link(value):
        assets.append(Asset(value, role))
    elif isinstance(value, list):
        for item in value:
            _find(item, role, assets, depth + 1)
    elif isinstance(value, dict):
        found = _file_of(value, role)
        if found is not None:
            assets.append(found)
            return
        for name, inner in value.items():
            if name not in _ASIDE:
                _find(inner, str(name) if depth == 0 else role or str(name), assets, depth + 1)


def _file_of(value: dict[str, Any], role: str) -> Asset | None:
    """Return the file that an object describes, if it describes one."""
    links = [name for name in _LINKS if is_link(value.get(name))]
    inline = next((name for name in _INLINE if isinstance(value.get(name), str)), None)
    if "url" in links or (len(links) == 1 and role):
        return Asset(value[links[0]], role, value)
    if inline is not None and value[inline]:
        uri = _data_uri(value[inline])
        return Asset(uri, role, value) if uri else None
    return None


def _data_uri(text: str) -> str | None:
    if text[:5].lower() == "data:":
        return text
    try:
        head = base64.b64decode(text[:32], validate=True)
    except (binascii.Error, ValueError):
        return None
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    if head[:4] == b"RIFF":
        kind = "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    if head[4:8] == b"ftyp":
        kind = "video/mp4"
    return f"data:{kind or 'application/octet-stream'};base64,{text}"


def _read_fields(output: dict[str, Any], result: Result) -> None:
    for name in _TEXTS:
        value = output.get(name)
        if isinstance(value, str) and not is_link(value):
            result.text = value
            break
    for name in ("chunks", "segments", "words"):
        if isinstance(output.get(name), list):
            result.segments = read_segments(output[name])
            break
    for name in _LANGUAGES:
        if isinstance(output.get(name), str):
            result.language = output[name]
    for name in ("inferred_languages", "languages"):
        value = output.get(name)
        if isinstance(value, list) and value and isinstance(value[0], str):
            result.language = value[0]
    flags = next((output[name] for name in _FLAGS if isinstance(output.get(name), list)), None)
    if flags is not None:
        result.flags = [flag if isinstance(flag, bool) else None for flag in flags]
    if result.text is None and result.segments:
        result.text = " ".join(segment.text.strip() for segment in result.segments)


def _text_of(output: Any) -> str | None:
    """Return the text of an output that is text, or a list of its pieces."""
    if isinstance(output, str):
        return None if is_link(output) else output
    if isinstance(output, list) and output and all(isinstance(item, str) for item in output):
        return None if any(is_link(item) for item in output) else "".join(output)
    return None

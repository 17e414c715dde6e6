"""Small things every dialect needs: JSON bodies, safe ids, server-sent events, headers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from failover.core.types import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

USER_AGENT = "failover/0.1"
SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UNSAFE_PATH = re.compile(r"[^A-Za-z0-9._~/-]|//|/\.{1,2}(?:/|$)")
_LINE_END = re.compile(r"\r\n|\r|\n")  # and no other, in server-sent events


def dumps(value: Any) -> bytes:
    """Encode JSON compactly, as UTF-8; a lone surrogate, which has no form there, as an escape."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def line(value: Any) -> str:
    """Encode JSON as one line of ASCII, so that no reader of an event stream can break it."""
    return json.dumps(value, separators=(",", ":"))


def loads(body: bytes | None) -> Any:
    """Parse JSON; None for anything that is not."""
    if not body:
        return None
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        return None


def is_json(body: bytes) -> bool:
    """Whether a body is JSON."""
    try:
        json.loads(body.decode())
    except (ValueError, RecursionError):
        return False
    return True


def json_object(body: bytes | None) -> dict[str, Any] | None:
    """Parse a body that should be a JSON object; None for anything else."""
    value = loads(body)
    return value if isinstance(value, dict) else None


def is_plain_path(path: str) -> bool:
    """Whether a path has nothing that two parsers could read differently (S6, S28)."""
    return _UNSAFE_PATH.search(path) is None


def is_safe_id(value: object) -> bool:
    """Whether a provider's id may go into a path (S8)."""
    return isinstance(value, str) and SAFE_ID.fullmatch(value) is not None


def json_request(
    method: str, origin: str, path: str, body: Any = None, *, query: str = "", **headers: str
) -> Request:
    """Build an outbound request from nothing; header names are given with underscores."""
    named = {"accept": "application/json", "user-agent": USER_AGENT}
    if body is not None:
        named["content-type"] = "application/json"
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    content = dumps(body) if body is not None else None
    return Request(method, origin, path, query, named, content)


def json_reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """Build a JSON reply for a caller."""
    named = {"content-type": "application/json", **(headers or {})}
    return Reply(status, named, dumps(body))


def sse_reply(
    events: Iterable[Mapping[str, str]], headers: Mapping[str, str] | None = None
) -> Reply:
    """Build a reply of server-sent events, each a mapping of field to value."""
    text = "".join("".join(_lines(event)) + "\n" for event in events)
    named = {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}
    return Reply(200, named, text.encode())


def _lines(event: Mapping[str, str]) -> Iterator[str]:
    for name, value in event.items():
        for part in _LINE_END.split(value):
            yield f"{name}: {part}\n"


def text_of(body: bytes, limit: int = 20_000) -> str:
    """The body as lower-case text, for classification only."""
    return body[:limit].decode("utf-8", "replace").lower()


def words(value: Any, limit: int = 2000) -> str:
    """A provider's message as text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:limit]

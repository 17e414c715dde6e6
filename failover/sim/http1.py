"""HTTP/1.1 on a socket: a request read, a reply written, nothing in between.

Only what the simulated providers need (RFC 9112): content-length and chunked bodies, keep-alive.
The request keeps its head exactly as it came, because the judge looks for keys in every byte.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader

MAX_LINE: Final = 65536
MAX_BODY: Final = 256 * 1024 * 1024


class MalformedRequest(Exception):
    """The bytes on the connection are no HTTP/1.1 request."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived.

    Attributes:
        method: Upper case.
        target: The request target, undecoded.
        headers: Names and values in order, names as sent.
        body: The whole body, chunks joined.
        secure: Whether it came over TLS.
        base: For a request by the plain port, what precedes the path in its own URLs, e.g.
            ``http://127.0.0.1:8000/fal/run``; empty for a request by name.
        door: The host it is meant for: its Host header, or the one a plain path prefix names.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    secure: bool
    base: str = ""
    door: str = ""

    @cached_property
    def head(self) -> bytes:
        """The request line and headers, for searching."""
        lines = [f"{self.method} {self.target}", *(f"{n}: {v}" for n, v in self.headers)]
        return "\r\n".join(lines).encode("latin-1", "replace")

    @cached_property
    def path(self) -> str:
        """The decoded path, without the query."""
        return unquote(self.target.split("?", 1)[0])

    @cached_property
    def query(self) -> dict[str, str]:
        """The query items; of a repeated name the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @cached_property
    def host(self) -> str:
        """The Host header without its port, lower case."""
        return self.header("host").rpartition("]")[2].split(":")[0].lower()

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: If it is none.
        """
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One reply: a status, headers, and a body or the pieces of a stream."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterator[bytes] = b""

    @classmethod
    def of_json(
        cls, status: int, data: Any, headers: Mapping[str, str] | None = None, *, kind: str = ""
    ) -> Reply:
        """Build a JSON reply.

        Args:
            status: The HTTP status.
            data: Anything ``json.dumps`` takes.
            headers: Further headers.
            kind: The content type, when it is not ``application/json``.
        """
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, {"content-type": kind or "application/json", **(headers or {})}, body)

    @classmethod
    def of_events(cls, pieces: Iterator[bytes]) -> Reply:
        """Build a stream of server-sent events."""
        headers = {"content-type": "text/event-stream", "cache-control": "no-store"}
        return cls(200, headers, pieces)

    def whole(self) -> bytes:
        """Return the whole body, draining a stream."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


def read_request(stream: BufferedReader, *, secure: bool) -> Request | None:
    """Read one request.

    Args:
        stream: The buffered reading end of a connection.
        secure: Whether the connection is TLS.

    Returns:
        The request, or ``None`` at a clean end of the connection.

    Raises:
        MalformedRequest: If the bytes are no request.
        OSError: If the connection breaks.
    """
    line = _line(stream)
    if not line:
        return None
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise MalformedRequest(line[:80])
    headers: list[tuple[str, str]] = []
    while text := _line(stream):
        name, colon, value = text.partition(":")
        if not colon:
            raise MalformedRequest(text[:80])
        headers.append((name, value.strip()))
    request = Request(parts[0].upper(), parts[1], tuple(headers), b"", secure)
    body = _body(stream, request)
    return Request(request.method, request.target, request.headers, body, secure)


def _line(stream: BufferedReader) -> str:
    raw = stream.readline(MAX_LINE)
    if raw and not raw.endswith(b"\n"):
        raise MalformedRequest("line cut short or too long")
    return raw.rstrip(b"\r\n").decode("latin-1")


def _body(stream: BufferedReader, request: Request) -> bytes:
    if "chunked" in request.header("transfer-encoding").lower():
        pieces = []
        while size := int(_line(stream).split(";")[0], 16):
            pieces.append(_exactly(stream, size))
            _line(stream)
        while _line(stream):
            pass
        return b"".join(pieces)
    return _exactly(stream, int(request.header("content-length") or 0))


def _exactly(stream: BufferedReader, size: int) -> bytes:
    if not 0 <= size <= MAX_BODY:
        raise MalformedRequest("body too large")
    body = stream.read(size)
    if len(body) != size:
        raise MalformedRequest("body cut short")
    return body


def head_of(reply: Reply) -> bytes:
    """Return the status line and headers of a reply as bytes."""
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", f"date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if isinstance(reply.body, bytes):
        lines.append(f"content-length: {len(reply.body)}")
    else:
        lines.append("transfer-encoding: chunked")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def pieces_of(reply: Reply, *, head_only: bool = False) -> Iterator[bytes]:
    """Yield the bytes of a reply in the pieces in which they should leave."""
    if isinstance(reply.body, bytes):
        yield head_of(reply) + (b"" if head_only else reply.body)
        return
    yield head_of(reply)
    for piece in reply.body:
        if piece:
            yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    yield b"0\r\n\r\n"

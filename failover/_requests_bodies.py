"""Bodies of replies that requests reads through urllib3: kept, given back, and unpacked.

A reply that was read to be judged is given back as a urllib3 response over the same bytes, so that
content encodings and cookies work as ever.
"""

from __future__ import annotations

import io
from typing import Any

from failover._exchange import REPLY_LIMIT

PIECE = 4096  # bytes unpacked at a time, since they may become a thousand times as many


class KeptBody(io.RawIOBase):
    """Bytes that were read already, then the rest of the reply, or the error it broke off with.

    Args:
        kept: what was read; may still grow.
    """

    rest: Any = None
    error: Exception | None = None

    def __init__(self, kept: bytes | bytearray) -> None:
        self.kept = kept
        self._given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        end = len(self.kept) if size is None or size < 0 else self._given + size
        data = bytes(self.kept[self._given : end])
        self._given += len(data)
        if data and size not in (None, -1):
            return data
        if self.error is not None:
            raise self.error
        if self.rest is None:
            return data
        amount = None if size in (None, -1) else size
        more: bytes = self.rest.read(amount, decode_content=False)
        return data + more

    def close(self) -> None:
        if self.rest is not None:
            self.rest.close()
        super().close()


def urllib3_response(old: Any, status: int, headers: Any, body: KeptBody) -> Any:
    """Make a urllib3 response over bytes that are here.

    Args:
        old: the response they came with, or None.
        status: HTTP status.
        headers: HTTP headers.
        body: the bytes, still encoded as the headers say.
    """
    from http import HTTPStatus  # noqa: PLC0415  # only where a reply is rebuilt

    from urllib3 import HTTPHeaderDict, HTTPResponse  # noqa: PLC0415  # comes with requests

    known = status in HTTPStatus.__members__.values()
    return HTTPResponse(
        body=body,
        headers=HTTPHeaderDict(headers),
        status=status,
        version=old.version if old is not None else 11,
        reason=old.reason if old is not None else (HTTPStatus(status).phrase if known else ""),
        preload_content=False,
        decode_content=False,
        original_response=getattr(old, "_original_response", None),
        enforce_content_length=False,
    )


def decoded(response: Any, raw: bytes) -> bytes | None:
    """Take the content encoding off a body.

    Args:
        response: the `requests.Response` it came with.
        raw: the body.

    Returns:
        The body; empty if it can't be decoded, None if it is too large.
    """
    if not response.headers.get("content-encoding"):
        return raw
    again = urllib3_response(None, response.status_code, response.raw.headers, KeptBody(raw))
    body = bytearray()
    try:
        for chunk in again.stream(PIECE, decode_content=True):
            body += chunk
            if len(body) > REPLY_LIMIT:
                return None
    except Exception:  # noqa: BLE001  # the caller will meet the same error when he reads it
        return b""
    return bytes(body)

"""Bodies of httpx and httpx2 replies: looked at to be judged, and given back as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failover._exchange import REPLY_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from failover.core.effects import Forward

PIECE = 4096  # bytes unpacked at a time, since they may become a thousand times as many


def streams(response: Any, effect: Forward) -> bool:
    """Whether a reply goes to the caller unread."""
    if not effect.read:
        return True
    return response.status_code < 300 and header(response, b"content-type").startswith(
        b"text/event-stream"
    )


def header(response: Any, name: bytes) -> bytes:
    """A header's value; several times quicker than the library's own look-up."""
    for key, value in response.headers.raw:
        if len(key) == len(name) and key.lower() == name:
            return bytes(value)
    return b""


def decoded(lib: Any, response: Any, raw: bytes) -> bytes | None:
    """The body without its content encoding; empty if it can't be decoded, None if too large."""
    encoding = header(response, b"content-encoding")
    if not encoding:
        return raw
    pieces = (raw[at : at + PIECE] for at in range(0, len(raw), PIECE))
    body = bytearray()
    try:
        headers = {"content-encoding": encoding.decode("ascii")}
        for chunk in lib.Response(200, headers=headers, content=pieces).iter_bytes():
            body += chunk
            if len(body) > REPLY_LIMIT:
                return None
    except Exception:  # noqa: BLE001  # the caller will meet the same error when he reads it
        return b""
    return bytes(body)


def replay(lib: Any, chunks: list[bytes], rest: Any, error: Exception | None) -> Any:
    """A stream that gives back what was read, then the rest or the error."""

    class Replay(lib.SyncByteStream, lib.AsyncByteStream):  # type: ignore[misc]  # lib is passed in
        def __iter__(self) -> Iterator[bytes]:
            yield from chunks
            if error is not None:
                raise error
            yield from rest[0]

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk
            if error is not None:
                raise error
            async for chunk in rest[0]:
                yield chunk

        def close(self) -> None:
            if rest is not None:
                rest[1].close()

        async def aclose(self) -> None:
            if rest is not None:
                await rest[1].aclose()

    return Replay()

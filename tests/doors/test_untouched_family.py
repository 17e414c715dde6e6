"""httpx and httpx2: what is not ours, and what goes well, passes as if we were not there."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

import failover
from doors.stage import FAL_AUTH, FAL_URL, QUEUE_URL, REPLICATE_URL, Door, make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from failover import Failover

FOREIGN = "https://example.org/v1/things?fal.run=1"
HEADERS = [(b"Content-Type", b"application/json"), (b"X-Two", b"1"), (b"X-Two", b"2")]
BIG = 9 * 2**20


class Stream:
    """A reply's or request's body in chunks that notes what is done with it.

    Args:
        chunks: what it yields.
        error: raised after them.
    """

    def __init__(self, chunks: list[bytes], error: Exception | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.started = 0
        self.given = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        self.started += 1
        for chunk in self.chunks:
            self.given += 1
            yield chunk
        if self.error is not None:
            raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in iter(self):
            yield chunk

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def stream(lib: Any, chunks: list[bytes], error: Exception | None = None) -> Any:
    """A body of the library's own stream types."""
    kinds = (Stream, lib.SyncByteStream, lib.AsyncByteStream)
    return type("Body", kinds, {})(chunks, error)


class Wire:
    """A transport that keeps the request objects it is given and answers with what it is told."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[Any] = []
        self.bodies: list[bytes | None] = []
        self.read_body = False

    def _said(self, request: Any) -> Any:
        self.requests.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def handle_request(self, request: Any) -> Any:
        self.bodies.append(b"".join(request.stream) if self.read_body else None)
        return self._said(request)

    async def handle_async_request(self, request: Any) -> Any:
        read = self.read_body
        self.bodies.append(b"".join([chunk async for chunk in request.stream]) if read else None)
        return self._said(request)


def through_and_read(
    door: Door, fo: Failover, wire: Wire, request: Any
) -> tuple[Any, bytes, Exception | None]:
    """Do the same, then read the raw body to its end or error, and close the response."""
    got: list[bytes] = []
    if door.backend is None:
        answer = door.front.FailoverTransport(fo, wire).handle_request(request)
        try:
            got.extend(answer.stream)
        except door.lib.HTTPError as error:
            return answer, b"".join(got), error
        finally:
            answer.close()
        return answer, b"".join(got), None

    async def main() -> tuple[Any, bytes, Exception | None]:
        answer = await door.front.AsyncFailoverTransport(fo, wire).handle_async_request(request)
        try:
            async for chunk in answer.stream:
                got.append(chunk)  # noqa: PERF401  # what came before the error counts
        except door.lib.HTTPError as error:
            return answer, b"".join(got), error
        finally:
            await answer.aclose()
        return answer, b"".join(got), None

    return door.run(main)


def through(door: Door, fo: Failover, wire: Wire, request: Any) -> Any:
    """Hand a request object to our transport, and take the response object, unread."""
    if door.backend is None:
        return door.front.FailoverTransport(fo, wire).handle_request(request)
    transport = door.front.AsyncFailoverTransport(fo, wire)
    return door.run(lambda: transport.handle_async_request(request))


def whole(door: Door, response: Any) -> list[bytes]:
    """Every chunk of a response's raw body."""
    if door.backend is None:
        return list(response.stream)

    async def read() -> list[bytes]:
        return [chunk async for chunk in response.stream]

    return door.run(read)


def response(door: Door, status: int = 200, body: Any = b"{}", **extensions: Any) -> Any:
    """A library response with awkward headers and extensions."""
    extensions = {"http_version": b"HTTP/1.1", "reason_phrase": b"As You Like It", **extensions}
    body = door.lib.ByteStream(body) if isinstance(body, bytes) else body
    return door.lib.Response(status, headers=HEADERS, stream=body, extensions=extensions)


def test_an_unwatched_host_gets_the_very_objects(family: Door, fo: Failover) -> None:
    body, back = stream(family.lib, [b"never read"]), stream(family.lib, [b"a", b"b"])
    wire = Wire(response(family, 500, back))
    request = family.lib.Request("POST", FOREIGN, content=body, headers={"x-mine": "1"})
    raw = list(request.headers.raw)
    answer = through(family, fo, wire, request)
    assert wire.requests[0] is request
    assert answer is wire.answer
    assert (request.headers.raw, request.extensions) == (raw, {})
    assert (body.started, back.started, back.closed) == (0, 0, 0)


def test_the_unwatched_path_builds_nothing(family: Door) -> None:
    fo = failover.Failover(fal="canary:1")
    through(family, fo, Wire(response(family)), family.lib.Request("GET", FOREIGN))
    assert fo._runtime is None


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://api.replicate.com/v1/models/acme/style"),
        ("POST", "https://api.replicate.com/v1/files"),
        ("GET", "https://api.replicate.com/v1/account"),
        ("GET", "https://fal.run/acme/style"),
        ("POST", "https://fal.run/acme/style/realtime"),
        ("POST", "https://fal.run/acme"),
        ("DELETE", "https://queue.fal.run/acme/style"),
    ],
)
def test_what_is_no_generation_passes_as_it_is(
    family: Door, fo: Failover, method: str, url: str
) -> None:
    back = stream(family.lib, [b"a", b"b"])
    wire = Wire(response(family, 503, back))
    request = family.lib.Request(method, url)
    answer = through(family, fo, wire, request)
    assert wire.requests == [request]
    assert wire.requests[0] is request
    assert answer is wire.answer
    assert back.started == 0


@pytest.mark.parametrize("url", [FAL_URL, QUEUE_URL, REPLICATE_URL])
def test_a_call_that_is_served_keeps_its_objects(family: Door, fo: Failover, url: str) -> None:
    body = b'{"id": "a", "status": "succeeded", "request_id": "b"}'
    wire = Wire(response(family, 201, body, network_stream="socket"))
    request = family.lib.Request("POST", url, json={"prompt": "p"}, headers=FAL_AUTH)
    raw, extensions = list(request.headers.raw), dict(request.extensions)
    answer = through(family, fo, wire, request)
    assert wire.requests[0] is request
    assert answer is wire.answer
    assert (request.headers.raw, request.extensions) == (raw, extensions)
    assert answer.headers.raw == HEADERS
    assert answer.extensions == {
        "http_version": b"HTTP/1.1",
        "reason_phrase": b"As You Like It",
        "network_stream": "socket",
    }
    assert b"".join(whole(family, answer)) == body
    assert len(wire.requests) == 1


def test_a_compressed_body_stays_compressed(family: Door, fo: Failover) -> None:
    packed = gzip.compress(b'{"images": []}')
    back = family.lib.Response(
        200, headers={"content-encoding": "gzip"}, stream=family.lib.ByteStream(packed)
    )
    answer = through(family, fo, Wire(back), family.lib.Request("POST", FAL_URL, json={}))
    assert answer.headers["content-encoding"] == "gzip"
    assert b"".join(whole(family, answer)) == packed


@pytest.mark.parametrize("status", [200, 204, 304])
def test_an_empty_reply_stays_empty(family: Door, status: int) -> None:
    fo = make(replicate=None)
    answer = through(
        family,
        fo,
        Wire(response(family, status, b"")),
        family.lib.Request("POST", FAL_URL, json={}),
    )
    assert answer.status_code == status
    assert b"".join(whole(family, answer)) == b""


def test_head_and_options_pass(family: Door, fo: Failover) -> None:
    for method in ("HEAD", "OPTIONS"):
        wire = Wire(response(family, 200, b""))
        assert through(family, fo, wire, family.lib.Request(method, FAL_URL)) is wire.answer


def test_an_event_stream_is_not_read(family: Door, fo: Failover) -> None:
    back = stream(family.lib, [b"data: 1\n\n", b"data: 2\n\n"])
    kind = {"content-type": "text/event-stream; charset=utf-8"}
    wire = Wire(family.lib.Response(200, headers=kind, stream=back))
    answer = through(family, fo, wire, family.lib.Request("POST", f"{FAL_URL}/stream", json={}))
    assert answer is wire.answer
    assert answer.stream is back
    assert (back.started, back.closed) == (0, 0)
    assert whole(family, answer) == back.chunks


def test_x04_never_elsewhere_after_the_first_byte(family: Door, fo: Failover) -> None:
    broken = family.lib.ReadError("cut")
    back = stream(family.lib, [b"data: 1\n\n"], broken)
    kind = {"content-type": "text/event-stream"}
    wire = Wire(family.lib.Response(200, headers=kind, stream=back))
    answer = through(family, fo, wire, family.lib.Request("POST", f"{FAL_URL}/stream", json={}))
    with pytest.raises(family.lib.ReadError) as caught:
        whole(family, answer)
    assert caught.value is broken
    assert len(wire.requests) == 1


def test_a_large_reply_streams_through(family: Door, fo: Failover) -> None:
    chunks = [bytes([i % 251]) * 2**20 for i in range(BIG // 2**20 + 8)]
    back = stream(family.lib, chunks)
    wire = Wire(response(family, 200, back))
    request = family.lib.Request("POST", FAL_URL, json={})
    answer, body, error = through_and_read(family, fo, wire, request)
    assert answer is wire.answer
    assert (body == b"".join(chunks), error) == (True, None)
    assert (len(wire.requests), back.started, back.closed) == (1, 1, 1)


def test_a_large_reply_is_not_held_in_memory(family: Door, fo: Failover) -> None:
    back = stream(family.lib, [b"x" * 2**20] * 32)
    wire = Wire(response(family, 200, back))
    through(family, fo, wire, family.lib.Request("POST", FAL_URL, json={}))
    assert back.given < 12


def test_a_body_that_breaks_off_breaks_off_for_the_caller(family: Door) -> None:
    fo, broken = make(replicate=None), family.lib.RemoteProtocolError("cut")
    back = stream(family.lib, [b'{"ima', b"ges"], broken)
    wire = Wire(response(family, 200, back))
    request = family.lib.Request("POST", FAL_URL, json={})
    answer, body, error = through_and_read(family, fo, wire, request)
    assert answer is wire.answer
    assert (body, error) == (b'{"images', broken)
    assert (len(wire.requests), back.closed) == (1, 1)


def test_f41_a_body_that_is_interrupted_is_closed(family: Door) -> None:
    back = stream(family.lib, [b'{"ima'], KeyboardInterrupt())  # type: ignore[arg-type]  # BaseException
    wire = Wire(response(family, 200, back))
    with pytest.raises(KeyboardInterrupt):
        through(family, make(), wire, family.lib.Request("POST", FAL_URL, json={}))
    assert (len(wire.requests), back.closed) == (1, 1)


@pytest.mark.parametrize(
    "kind", ["ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "ProxyError"]
)
def test_the_same_exception_comes_out(family: Door, kind: str) -> None:
    fo = make(replicate=None)
    error = getattr(family.lib, kind)("planned")
    with pytest.raises(type(error)) as caught:
        through(family, fo, Wire(error), family.lib.Request("POST", FAL_URL, json={}))
    assert caught.value is error
    assert not hasattr(error, "__notes__")


def test_a_one_shot_body_passes_once_and_is_not_repeated(family: Door, fo: Failover) -> None:
    body = stream(family.lib, [b'{"prompt":', b' "p"}'])
    wire = Wire(response(family, 503, b"{}"))
    wire.read_body = True
    request = family.lib.Request("POST", FAL_URL, stream=body)
    answer = through(family, fo, wire, request)
    assert answer.status_code == 503
    assert wire.bodies == [b'{"prompt": "p"}']
    assert body.started == 1


def test_f43_a_multipart_body_passes(family: Door, fo: Failover) -> None:
    files = {"file": ("a.bin", bytes(range(256)), "application/octet-stream")}
    for url in (FAL_URL, "https://api.replicate.com/v1/files"):
        wire = Wire(response(family, 200, b"{}"))
        request = family.lib.Request("POST", url, files=files)
        assert through(family, fo, wire, request).status_code == 200
        assert wire.requests[0] is request


class Odd(Exception):
    """Nothing that a library would raise."""


@pytest.mark.parametrize("error", [Odd("odd"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_of_no_library_passes(family: Door, error: BaseException) -> None:
    fo = make(replicate=None)
    with pytest.raises(type(error)) as caught:
        through(family, fo, Wire(error), family.lib.Request("POST", FAL_URL, json={}))
    assert caught.value is error


def test_paused_calls_pass_untouched(family: Door, fo: Failover) -> None:
    wire = Wire(response(family, 503, b"down"))
    request = family.lib.Request("POST", FAL_URL, json={}, headers=FAL_AUTH)
    with failover.paused():
        answer = through(family, fo, wire, request)
    assert (answer is wire.answer, wire.requests) == (True, [request])


def test_no_mark_stays_on_a_request(family: Door, fo: Failover) -> None:
    error: Callable[[], Any] = family.lib.ConnectError
    for answer in (response(family), response(family, 503), error("x")):  # type: ignore[call-arg]
        request = family.lib.Request("POST", FAL_URL, content=b"not json")
        wire = Wire(answer)
        if isinstance(answer, BaseException):
            with pytest.raises(family.lib.ConnectError):
                through(family, fo, wire, request)
        else:
            through(family, fo, wire, request)
        assert request.extensions == {}

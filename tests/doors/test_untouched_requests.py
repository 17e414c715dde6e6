"""requests: what is not ours, and what goes well, passes as if we were not there."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ProtocolError

import failover
from doors.stage import FAL_AUTH, FAL_URL, QUEUE_URL, REPLICATE_URL, make
from failover.requests import FailoverAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover import Failover

FOREIGN = "https://example.org/v1/things?fal.run=1"


class Cut(io.RawIOBase):
    """A socket file that breaks off after some bytes."""

    def __init__(self, data: bytes, error: Exception) -> None:
        self._data = io.BytesIO(data)
        self._error = error

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        data = self._data.read(-1 if size is None else size)
        if not data:
            raise self._error
        return data


class Wire(BaseAdapter):
    """An adapter that keeps what it is given and answers with what it is told."""

    def __init__(
        self, answer: Any = b"{}", status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__()
        self.answer = answer
        self.status = status
        self.headers = headers or {"content-type": "application/json", "X-Two": "1"}
        self.requests: list[Any] = []
        self.options: list[dict[str, Any]] = []
        self.responses: list[Any] = []
        self.closed = 0

    def send(self, request: Any, **options: Any) -> Any:
        self.requests.append(request)
        self.options.append(options)
        if isinstance(self.answer, BaseException):
            raise self.answer
        body = io.BytesIO(self.answer) if isinstance(self.answer, bytes) else self.answer
        raw = HTTPResponse(
            body=body,
            headers=HTTPHeaderDict(self.headers),
            status=self.status,
            version=11,
            reason="As You Like It",
            preload_content=False,
            decode_content=False,
        )
        self.responses.append(HTTPAdapter().build_response(request, raw))
        return self.responses[-1]

    def close(self) -> None:
        self.closed += 1


OPTIONS: dict[str, Any] = {
    "stream": True,
    "timeout": (3.0, 9.0),
    "verify": "/some/ca.pem",
    "cert": ("a.pem", "b.pem"),
    "proxies": {"https": "http://proxy.internal:1"},
}


def prepared(method: str, url: str, **asked: Any) -> Any:
    """A prepared request."""
    return requests.Request(method, url, **asked).prepare()


def through(fo: Failover, wire: Wire, request: Any, **options: Any) -> Any:
    """Hand a prepared request to our adapter."""
    return FailoverAdapter(fo, wire).send(request, **{**OPTIONS, **options})


def test_an_unwatched_host_gets_the_very_objects(fo: Failover) -> None:
    wire = Wire(status=500)

    def body() -> Iterator[bytes]:
        raise AssertionError("read")
        yield b""

    request = prepared("POST", FOREIGN, data=body(), headers={"x-mine": "1"})
    headers = dict(request.headers)
    answer = through(fo, wire, request)
    assert wire.requests[0] is request
    assert answer is wire.responses[0]
    assert wire.options == [OPTIONS]
    assert dict(request.headers) == headers
    assert answer.raw._fp.tell() == 0


def test_the_unwatched_path_builds_nothing() -> None:
    fo = failover.Failover(fal="canary:1")
    through(fo, Wire(), prepared("GET", FOREIGN))
    assert fo._runtime is None


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://api.replicate.com/v1/models/acme/style"),
        ("POST", "https://api.replicate.com/v1/files"),
        ("GET", "https://fal.run/acme/style"),
        ("HEAD", FAL_URL),
    ],
)
def test_what_is_no_generation_passes_as_it_is(fo: Failover, method: str, url: str) -> None:
    wire = Wire(status=503)
    request = prepared(method, url)
    answer = through(fo, wire, request)
    assert wire.requests[0] is request
    assert answer is wire.responses[0]
    assert wire.options == [OPTIONS]
    assert answer.raw._fp.tell() == 0


@pytest.mark.parametrize("url", [FAL_URL, QUEUE_URL, REPLICATE_URL])
def test_a_call_that_is_served_keeps_its_objects(fo: Failover, url: str) -> None:
    body = b'{"id": "a", "status": "succeeded", "request_id": "b"}'
    wire = Wire(body, 201)
    request = prepared("POST", url, json={"prompt": "p"}, headers=FAL_AUTH)
    before = {name: value for name, value in vars(request).items() if name != "_cookies"}
    answer = through(fo, wire, request)
    assert wire.requests[0] is request
    assert answer is wire.responses[0]
    assert {name: value for name, value in vars(request).items() if name != "_cookies"} == before
    assert (answer.status_code, answer.reason, answer.content) == (201, "As You Like It", body)
    assert dict(answer.headers) == wire.headers
    assert not hasattr(answer, "failover")
    assert wire.options == [OPTIONS]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_compressed_body_stays_compressed(fo: Failover, encoding: str) -> None:
    text = b'{"images": []}'
    packed = gzip.compress(text)
    wire = Wire(packed, 200, {"content-encoding": encoding})
    answer = through(fo, wire, prepared("POST", FAL_URL, json={}))
    assert answer.headers["content-encoding"] == encoding
    assert answer.raw.read(decode_content=False) == packed


def test_a_compressed_body_is_unpacked_for_the_caller(fo: Failover) -> None:
    wire = Wire(gzip.compress(b'{"images": []}'), 200, {"content-encoding": "gzip"})
    answer = through(fo, wire, prepared("POST", FAL_URL, json={}))
    assert answer.json() == {"images": []}


@pytest.mark.parametrize("status", [200, 204])
def test_an_empty_reply_stays_empty(status: int) -> None:
    answer = through(make(replicate=None), Wire(b"", status), prepared("POST", FAL_URL, json={}))
    assert (answer.status_code, answer.content) == (status, b"")


def test_a_reply_is_read_in_pieces_and_lines(fo: Failover) -> None:
    body = b'{"a":\n1,\n"b": 2}'
    answer = through(fo, Wire(body), prepared("POST", FAL_URL, json={}))
    assert list(answer.iter_lines()) == body.split(b"\n")
    answer = through(fo, Wire(body), prepared("POST", FAL_URL, json={}))
    assert b"".join(answer.iter_content(4)) == body
    answer = through(fo, Wire(body), prepared("POST", FAL_URL, json={}))
    assert answer.raw.read() == body


def test_an_event_stream_is_not_read(fo: Failover) -> None:
    wire = Wire(b"data: 1\n\n", 200, {"content-type": "text/event-stream"})
    answer = through(fo, wire, prepared("POST", f"{FAL_URL}/stream", json={}))
    assert answer is wire.responses[0]
    assert answer.raw._fp.tell() == 0


def test_a_large_reply_streams_through(fo: Failover) -> None:
    body = bytes(range(256)) * 4096 * 12
    wire = Wire(body)
    answer = through(fo, wire, prepared("POST", FAL_URL, json={}))
    assert b"".join(answer.iter_content(2**16)) == body
    assert len(wire.requests) == 1
    answer = through(fo, Wire(body), prepared("POST", FAL_URL, json={}))
    assert answer.content == body


def test_a_large_reply_is_closed_with_the_response(fo: Failover) -> None:
    source = io.BytesIO(b"x" * 2**20 * 9)
    answer = through(fo, Wire(source), prepared("POST", FAL_URL, json={}))
    answer.close()
    assert source.closed


def test_a_body_that_breaks_off_breaks_off_for_the_caller() -> None:
    fo = make(replicate=None)
    wire = Wire(Cut(b'{"images', ProtocolError("cut")))
    answer = through(fo, wire, prepared("POST", FAL_URL, json={}))
    got: list[bytes] = []
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="cut"):
        got.extend(answer.iter_content(4))
    assert (b"".join(got), len(wire.requests)) == (b'{"images', 1)


@pytest.mark.parametrize("kind", ["ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError"])
def test_the_same_exception_comes_out(kind: str) -> None:
    error = getattr(requests.exceptions, kind)("planned")
    with pytest.raises(type(error)) as caught:
        through(make(replicate=None), Wire(error), prepared("POST", FAL_URL, json={}))
    assert caught.value is error
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("error", [LookupError("odd"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_of_no_library_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        through(make(replicate=None), Wire(error), prepared("POST", FAL_URL, json={}))
    assert caught.value is error


def test_a_one_shot_body_passes_once_and_is_not_repeated(fo: Failover) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"prompt": "p"}'

    wire = Wire(status=503)
    answer = through(fo, wire, prepared("POST", FAL_URL, data=body()))
    assert answer.status_code == 503
    assert len(wire.requests) == 1
    assert b"".join(wire.requests[0].body) == b'{"prompt": "p"}'


def test_an_open_file_as_body_is_left_alone(fo: Failover) -> None:
    body = io.BytesIO(b'{"prompt": "p"}')
    wire = Wire(status=503)
    through(fo, wire, prepared("POST", FAL_URL, data=body))
    assert (len(wire.requests), body.tell()) == (1, 0)


def test_f43_a_multipart_body_passes(fo: Failover) -> None:
    for url in (FAL_URL, "https://api.replicate.com/v1/files"):
        wire = Wire()
        request = prepared("POST", url, files={"file": ("a.bin", bytes(range(256)))})
        through(fo, wire, request)
        assert wire.requests[0] is request


def test_paused_calls_pass_untouched(fo: Failover) -> None:
    wire = Wire(b"down", 503)
    with failover.paused():
        answer = through(fo, wire, prepared("POST", FAL_URL, json={}, headers=FAL_AUTH))
    assert answer is wire.responses[0]
    assert wire.options == [OPTIONS]


def test_no_mark_stays_on_a_request(fo: Failover) -> None:
    for wire in (Wire(), Wire(status=503), Wire(requests.ConnectionError("x"))):
        request = prepared("POST", FAL_URL, data=b"not json")
        names = set(vars(request))
        if isinstance(wire.answer, BaseException):
            with pytest.raises(requests.ConnectionError):
                through(fo, wire, request)
        else:
            through(fo, wire, request)
        assert set(vars(request)) == names


def test_positional_options_reach_the_adapter(fo: Failover) -> None:
    wire = Wire()
    adapter = FailoverAdapter(fo, wire)
    adapter.send(prepared("GET", FOREIGN), False, 4.0, True, None, {})
    assert wire.options == [
        {"stream": False, "timeout": 4.0, "verify": True, "cert": None, "proxies": {}}
    ]


def test_a_session_reads_cookies_and_keeps_history(fo: Failover) -> None:
    wire = Wire(b"{}", 200, {"set-cookie": "a=1; Path=/"})
    with requests.Session() as session:
        session.mount("https://", FailoverAdapter(fo, wire))
        answer = session.post(FAL_URL, json={})
        assert (answer.content, answer.history) == (b"{}", [])
    assert wire.closed == 1

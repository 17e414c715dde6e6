"""Exception classes of the client libraries: each has a row, and nested ones are told apart."""

from __future__ import annotations

import importlib
import socket
import ssl
import sys
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING

import httpcore
import httpcore2
import httpx
import httpx2
import pytest
import requests
import urllib3.exceptions as u3
import urllib3.util.ssl_match_hostname as u3_match

from failover.core.troubles import trouble_of
from failover.core.types import Trouble
from failover.core.verdict import document

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

LIBRARIES = (httpx, httpx2, httpcore, httpcore2, requests, importlib.import_module("urllib3"))
FAMILY = (httpx, httpx2)
R = requests.exceptions


def exception_classes(library: ModuleType) -> set[str]:
    """Every public exception class that importing the library brings; not those of websockets."""
    name = library.__name__
    loaded = [
        module
        for path, module in list(sys.modules.items())
        if path.partition(".")[0] == name and ".websockets" not in path
    ]
    values = [value for module in loaded for value in list(vars(module).values())]
    return {
        value.__name__
        for value in values
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and value.__module__.partition(".")[0] == name
        and not value.__name__.startswith("_")
    }


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_every_exception_class_has_a_row_of_its_own(library: ModuleType) -> None:
    rows = {
        (package, name)
        for entry in document()["troubles"]["libraries"]
        for package in entry["packages"]
        for name in entry["classes"]
    }
    found = exception_classes(library)
    assert len(found) > 10
    assert {name for name in found if (library.__name__, name) not in rows} == set()


def test_every_row_names_an_existing_class() -> None:
    existing = {lib.__name__: exception_classes(lib) for lib in LIBRARIES}
    for entry in document()["troubles"]["libraries"]:
        known = set().union(*(existing[package] for package in entry["packages"]))
        assert set(entry["classes"]) <= known


PLAIN_HTTPX = {
    "ConnectError": Trouble.CONNECT,
    "ConnectTimeout": Trouble.CONNECT_TIMEOUT,
    "ProxyError": Trouble.PROXY,
    "PoolTimeout": Trouble.POOL_TIMEOUT,
    "WriteError": Trouble.WRITE,
    "WriteTimeout": Trouble.WRITE_TIMEOUT,
    "ReadTimeout": Trouble.READ_TIMEOUT,
    "ReadError": Trouble.RESET,
    "CloseError": Trouble.RESET,
    "RemoteProtocolError": Trouble.RESET,
    "TooManyRedirects": Trouble.REDIRECTS,
    "DecodingError": Trouble.DECODING,
    "LocalProtocolError": Trouble.MISUSE,
    "UnsupportedProtocol": Trouble.MISUSE,
    "InvalidURL": Trouble.MISUSE,
    "StreamError": Trouble.MISUSE,
    "NetworkError": Trouble.RESET,
    "TransportError": Trouble.RESET,
    "TimeoutException": Trouble.READ_TIMEOUT,
    "RequestError": Trouble.OTHER,
    "HTTPError": Trouble.OTHER,
}


@pytest.mark.parametrize("library", FAMILY, ids=lambda library: library.__name__)
@pytest.mark.parametrize(("name", "trouble"), PLAIN_HTTPX.items())
def test_httpx_classes(library: object, name: str, trouble: Trouble) -> None:
    cls = getattr(library, name)
    assert trouble_of(cls("x")) is trouble
    assert trouble_of(type("Own", (cls,), {})("x")) is trouble


REQUESTS = [
    (R.ConnectionError(), Trouble.RESET),
    (R.ConnectTimeout(), Trouble.CONNECT_TIMEOUT),
    (R.ProxyError(), Trouble.PROXY),
    (R.SSLError(), Trouble.TLS),
    (R.ReadTimeout(), Trouble.READ_TIMEOUT),
    (R.Timeout(), Trouble.READ_TIMEOUT),
    (R.ChunkedEncodingError(), Trouble.RESET),
    (R.ContentDecodingError(), Trouble.DECODING),
    (R.TooManyRedirects(), Trouble.REDIRECTS),
    (R.InvalidURL(), Trouble.MISUSE),
    (R.InvalidHeader(), Trouble.MISUSE),
    (R.MissingSchema(), Trouble.MISUSE),
    (R.RetryError(), Trouble.OTHER),
    (R.RequestException(), Trouble.OTHER),
]


@pytest.mark.parametrize(("error", "trouble"), REQUESTS, ids=lambda value: type(value).__name__)
def test_requests_classes(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


def retried(reason: Exception) -> Exception:
    """As requests raises what urllib3 has given up on."""
    pool = importlib.import_module("urllib3").HTTPConnectionPool("h")
    return R.ConnectionError(u3.MaxRetryError(pool, "/", reason))


def aborted(inner: Exception) -> Exception:
    return R.ConnectionError(u3.ProtocolError("Connection aborted.", inner))


NESTED: list[tuple[Callable[[], Exception], Trouble]] = [
    (lambda: retried(u3.NewConnectionError(None, "refused")), Trouble.CONNECT),
    (lambda: retried(u3.NameResolutionError("h", None, socket.gaierror())), Trouble.DNS),
    (lambda: retried(u3.ConnectTimeoutError("slow")), Trouble.CONNECT_TIMEOUT),
    (lambda: retried(u3.SSLError(ssl.SSLError("x"))), Trouble.TLS),
    (lambda: retried(u3.SSLError(u3_match.CertificateError("name"))), Trouble.TLS),
    (lambda: retried(u3.ProxyError("no", OSError("403"))), Trouble.PROXY),
    (lambda: retried(u3.ReadTimeoutError(None, "/", "slow")), Trouble.READ_TIMEOUT),  # type: ignore[arg-type]
    (lambda: retried(u3.ProtocolError("Connection aborted.")), Trouble.RESET),
    (lambda: aborted(RemoteDisconnected("closed")), Trouble.RESET),
    (lambda: aborted(ConnectionResetError(104, "reset")), Trouble.RESET),
    (lambda: aborted(BrokenPipeError(32, "pipe")), Trouble.RESET),
    (lambda: aborted(BadStatusLine("x")), Trouble.RESET),
    (lambda: aborted(OSError("what")), Trouble.RESET),
    (lambda: R.ChunkedEncodingError(u3.ProtocolError("x", IncompleteRead(b""))), Trouble.RESET),
    (lambda: R.ConnectionError(u3.IncompleteRead(1, 2)), Trouble.RESET),
    (lambda: R.ConnectionError(u3.ClosedPoolError(None, "closed")), Trouble.MISUSE),  # type: ignore[arg-type]
    (lambda: u3.EmptyPoolError(None, "full"), Trouble.POOL_TIMEOUT),  # type: ignore[arg-type]
    (lambda: R.SSLError(u3.SSLError(ssl.SSLError("x"))), Trouble.TLS),
]


@pytest.mark.parametrize(("make", "trouble"), NESTED)
def test_reasons_nested_in_a_requests_error(
    make: Callable[[], Exception], trouble: Trouble
) -> None:
    assert trouble_of(make()) is trouble


CAUSES = [
    (ssl.SSLError("x"), Trouble.TLS),
    (ssl.SSLCertVerificationError("x"), Trouble.TLS),
    (socket.gaierror(-2, "unknown"), Trouble.DNS),
    (ConnectionRefusedError(111, "refused"), Trouble.CONNECT),
    (OSError(101, "unreachable"), Trouble.CONNECT),
    (ExceptionGroup("all failed", [OSError("a"), socket.gaierror(-2, "b")]), Trouble.DNS),
    (ExceptionGroup("all failed", [OSError("a"), OSError("b")]), Trouble.CONNECT),
]


@pytest.mark.parametrize(("library", "core"), [(httpx, httpcore), (httpx2, httpcore2)])
@pytest.mark.parametrize(("cause", "trouble"), CAUSES, ids=lambda value: type(value).__name__)
def test_what_lies_under_an_httpx_connect_error(
    library: object, core: object, cause: Exception, trouble: Trouble
) -> None:
    inner = core.ConnectError()  # type: ignore[attr-defined]
    inner.__cause__ = cause
    outer = library.ConnectError("x")  # type: ignore[attr-defined]
    outer.__cause__ = inner
    assert trouble_of(outer) is trouble


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        GeneratorExit(),
        TimeoutError(),
        OSError(),
        RuntimeError("x"),
        ValueError(httpx.ConnectError("x")),
        type("ConnectError", (Exception,), {})("same name, other library"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unknown_class_is_other_whatever_is_in_it(error: BaseException) -> None:
    assert trouble_of(error) is Trouble.OTHER


BARE = [
    (socket.gaierror(-2, "unknown"), Trouble.DNS),
    (ConnectionRefusedError(111, "refused"), Trouble.CONNECT),
    (ConnectionResetError(104, "reset"), Trouble.RESET),
    (ssl.SSLCertVerificationError("x"), Trouble.TLS),
]


@pytest.mark.parametrize(("error", "trouble"), BARE, ids=lambda value: type(value).__name__)
def test_network_errors_that_a_library_lets_through(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


def test_a_bare_tls_error_outside_the_handshake_is_a_reset() -> None:
    with pytest.raises(ssl.SSLError) as caught:
        raise ssl.SSLError("bad record")
    assert trouble_of(caught.value) is Trouble.RESET


def raised_while_handling(earlier: Exception, error: Exception) -> Exception:
    try:
        raise earlier
    except Exception:
        with pytest.raises(type(error)) as caught:
            raise error  # noqa: B904  # the context is what is tested
    return caught.value


def test_a_context_counts_when_it_is_no_other_requests_failure() -> None:
    bare = raised_while_handling(socket.gaierror(), httpx.ConnectError("x"))
    assert trouble_of(bare) is Trouble.DNS
    second = raised_while_handling(httpx.ConnectTimeout("first"), R.ConnectionError())
    assert trouble_of(second) is Trouble.RESET
    hidden = raised_while_handling(socket.gaierror(), httpx.ConnectError("x"))
    hidden.__suppress_context__ = True
    assert trouble_of(hidden) is Trouble.CONNECT


def test_loops_and_long_chains_end() -> None:
    error = R.ConnectionError()
    error.args = (error,)
    assert trouble_of(error) is Trouble.RESET
    first = inner = OSError()
    for _ in range(5000):
        inner.__cause__ = OSError()
        inner = inner.__cause__
    inner.__cause__ = socket.gaierror()
    assert trouble_of(R.ConnectionError(first)) is Trouble.RESET

"""Real failures, provoked over loopback sockets in each client library."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import httpx2
import pytest
import requests
import trustme

from failover.core.troubles import trouble_of
from failover.core.types import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Handler: TypeAlias = "Callable[[socket.socket], object]"
PATIENCE = 5.0


@contextlib.contextmanager
def server(handle: Handler) -> Iterator[int]:
    """Accept connections on loopback and hand each to a function, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)

    def run() -> None:
        for _ in range(40):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            with connection, contextlib.suppress(OSError):
                handle(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def request_of(connection: socket.socket) -> bytes:
    """Read one request, whose body is as long as it says."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    return data


def says(text: bytes) -> Handler:
    """Answer a request with these bytes and close."""

    def handle(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(text)

    return handle


def hangs_up(connection: socket.socket) -> None:
    request_of(connection)


def hangs(connection: socket.socket) -> None:
    """Say nothing until the other side goes away."""
    while connection.recv(65536):
        pass


Post: TypeAlias = "Callable[..., object]"


def post_httpx(library: Any) -> Post:
    def post(url: str, *, seconds: float = PATIENCE, data: bytes = b"{}", **options: Any) -> object:
        follow = options.pop("follow_redirects", False)
        with library.Client(timeout=seconds, trust_env=False, **options) as client:
            return client.post(url, content=data, follow_redirects=follow)

    return post


def post_httpx_async(library: Any) -> Post:
    def post(url: str, *, seconds: float = PATIENCE, data: bytes = b"{}", **options: Any) -> object:
        follow = options.pop("follow_redirects", False)

        async def run() -> object:
            async with library.AsyncClient(timeout=seconds, trust_env=False, **options) as client:
                return await client.post(url, content=data, follow_redirects=follow)

        return asyncio.run(run())

    return post


def post_requests(
    url: str,
    *,
    seconds: float = PATIENCE,
    data: bytes = b"{}",
    proxy: str | None = None,
    verify: str | bool = True,
    follow_redirects: bool = False,
) -> object:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            url,
            data=data,
            timeout=seconds,
            verify=verify,
            proxies={"https": proxy} if proxy else None,
            allow_redirects=follow_redirects,
        )


CLIENTS = {
    "httpx": post_httpx(httpx),
    "httpx2": post_httpx(httpx2),
    "httpx-async": post_httpx_async(httpx),
    "httpx2-async": post_httpx_async(httpx2),
    "requests": post_requests,
}


@pytest.fixture(params=CLIENTS)
def post(request: pytest.FixtureRequest) -> Post:
    return CLIENTS[request.param]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def trouble(post: Post, *args: object, **options: object) -> Trouble:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # its class is what is looked at
        post(*args, **options)
    return trouble_of(caught.value)


def test_refused_port(post: Post) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert trouble(post, f"http://127.0.0.1:{port}/") is Trouble.CONNECT


def test_unresolvable_name(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert trouble(post, "http://gone.example/") is Trouble.DNS


def test_connect_timeout(post: Post) -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # nobody accepts, so that the queue fills up
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert trouble(post, url, seconds=0.2) is Trouble.CONNECT_TIMEOUT


def test_tls_to_a_plain_port(post: Post) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with server(handle) as port:
        assert trouble(post, f"https://127.0.0.1:{port}/") is Trouble.TLS


def test_certificate_nobody_vouches_for(post: Post, authority: trustme.CA) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with server(lambda connection: context.wrap_socket(connection, server_side=True)) as port:
        assert trouble(post, f"https://127.0.0.1:{port}/") is Trouble.TLS


def test_closed_in_the_handshake_means_not_sent(post: Post) -> None:
    with server(lambda connection: connection.recv(10)) as port:
        found = trouble(post, f"https://127.0.0.1:{port}/")
    assert found in (Trouble.TLS, Trouble.CONNECT)


def test_silence_in_the_handshake_means_not_sent(post: Post) -> None:
    with server(hangs) as port:
        url = f"https://127.0.0.1:{port}/"
        assert trouble(post, url, seconds=0.2) is Trouble.CONNECT_TIMEOUT


def test_tls_that_breaks_after_the_request_is_a_reset(
    post: Post, authority: trustme.CA, tmp_path: Any
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))

    def handle(connection: socket.socket) -> None:
        secured = context.wrap_socket(connection, server_side=True)
        request_of(secured)
        with socket.socket(fileno=secured.detach()) as raw:
            raw.sendall(b"HTTP/1.1 500 not encrypted\r\n\r\n")

    trusted: object = str(bundle)
    if post is not post_requests:
        trusted = ssl.create_default_context(cafile=str(bundle))
    with server(handle) as port:
        assert trouble(post, f"https://127.0.0.1:{port}/", verify=trusted) is Trouble.RESET


def test_closed_after_the_request(post: Post) -> None:
    with server(hangs_up) as port:
        assert trouble(post, f"http://127.0.0.1:{port}/") is Trouble.RESET


def test_reset_after_the_request(post: Post) -> None:
    def handle(connection: socket.socket) -> None:
        request_of(connection)
        linger = (1).to_bytes(4, "little") + bytes(4)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with server(handle) as port:
        assert trouble(post, f"http://127.0.0.1:{port}/") is Trouble.RESET


def test_read_timeout(post: Post) -> None:
    with server(hangs) as port:
        url = f"http://127.0.0.1:{port}/"
        assert trouble(post, url, seconds=0.2) is Trouble.READ_TIMEOUT


def test_write_timeout(post: Post) -> None:
    done = threading.Event()
    with server(lambda _: done.wait(PATIENCE)) as port:
        url, body = f"http://127.0.0.1:{port}/", bytes(32 << 20)
        try:
            assert trouble(post, url, seconds=0.3, data=body) is Trouble.WRITE_TIMEOUT
        finally:
            done.set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"not HTTP at all\r\n\r\n", Trouble.RESET),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", Trouble.RESET),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", Trouble.RESET),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
            Trouble.DECODING,
        ),
    ],
)
def test_replies_that_break(post: Post, text: bytes, expected: Trouble) -> None:
    with server(says(text)) as port:
        assert trouble(post, f"http://127.0.0.1:{port}/") is expected


def test_redirects_without_end(post: Post) -> None:
    loop = b"HTTP/1.1 307 Again\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    with server(says(loop)) as port:
        url = f"http://127.0.0.1:{port}/"
        assert trouble(post, url, follow_redirects=True) is Trouble.REDIRECTS


def test_proxy_that_will_not_connect(post: Post) -> None:
    with server(says(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")) as port:
        proxy = f"http://127.0.0.1:{port}"
        assert trouble(post, "https://provider.example/", proxy=proxy) is Trouble.PROXY


@pytest.mark.parametrize("url", ["nonsense://127.0.0.1/", "http://[::1/"])
def test_urls_that_cannot_be_dialled(post: Post, url: str) -> None:
    assert trouble(post, url) is Trouble.MISUSE


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
def test_no_free_connection(library: Any) -> None:
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    limits = library.Limits(max_connections=1)
    with (
        server(says(reply)) as port,
        library.Client(limits=limits, timeout=0.2, trust_env=False) as client,
        client.stream("POST", f"http://127.0.0.1:{port}/"),
    ):
        assert trouble(client.post, f"http://127.0.0.1:{port}/") is Trouble.POOL_TIMEOUT

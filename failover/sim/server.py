"""Sockets: a TLS and a plain listener on 127.0.0.1, a thread for each connection.

The server knows HTTP and how to break it; what is said is its handler's matter. ``stop`` closes
everything and joins every thread.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final

from failover.sim.http1 import MalformedRequest, read_request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from failover.sim.certificates import Presenter
    from failover.sim.clock import Clock
    from failover.sim.delivery import Delivery
    from failover.sim.http1 import Request

LOOPBACK: Final = "127.0.0.1"
HANDSHAKE_SECONDS: Final = 10.0
JOIN_SECONDS: Final = 5.0


class Connection:
    """One accepted connection, served until either side closes it."""

    def __init__(self, server: Server, sock: socket.socket, presenter: Presenter | None) -> None:
        self._server = server
        self._socket = sock
        self._presenter = presenter
        self.name = ""
        self.thread = threading.Thread(target=self._run, name="failover-sim", daemon=True)

    def abort(self) -> None:
        """Break the connection from another thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            self._handshake()
            self._serve()
        except (OSError, MalformedRequest, ValueError):
            pass  # a client that leaves or talks nonsense is a client's matter
        finally:
            self._socket.close()
            self._server.forget(self)

    def _handshake(self) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._presenter is None:
            return
        self._socket.settimeout(HANDSHAKE_SECONDS)
        self._socket = self._presenter.context.wrap_socket(self._socket, server_side=True)
        self.name = self._presenter.asked()
        self._socket.settimeout(None)

    def _serve(self) -> None:
        with self._socket.makefile("rb") as stream:
            while request := read_request(stream, secure=self._presenter is not None):
                self.name = self.name or request.host
                delivery = self._server.handler(request)
                if delivery.wait is not None:
                    delivery.wait(self._client_is_there)
                head_only = request.method == "HEAD"
                for piece in delivery.pieces(self._server.pause, head_only=head_only):
                    self._socket.sendall(piece)
                if delivery.abrupt:
                    self._socket.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                if delivery.ends_connection or "close" in request.header("connection").lower():
                    return

    def _client_is_there(self) -> bool:
        """Tell whether the client still holds its end (it has nothing to say while it waits)."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        return not readable


class Server:
    """Listen on two loopback ports and hand every request to one handler.

    Args:
        handler: Answers a request; called in the connection's thread.
        presenter: Certificates for the TLS port.
        clock: The world's clock, for slow replies.
    """

    def __init__(
        self, handler: Callable[[Request], Delivery], presenter: Presenter, clock: Clock
    ) -> None:
        self.handler = handler
        self._clock = clock
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._listeners = {
            socket.create_server((LOOPBACK, 0), backlog=256): presenter,
            socket.create_server((LOOPBACK, 0), backlog=256): None,
        }
        ports: list[int] = [listener.getsockname()[1] for listener in self._listeners]
        self.https_port, self.http_port = ports
        self._closed = socket.socket()
        self._closed.bind((LOOPBACK, 0))
        self.closed_port: int = self._closed.getsockname()[1]
        self._threads = [
            threading.Thread(target=self._accept, args=pair, name="failover-sim-accept")
            for pair in self._listeners.items()
        ]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def pause(self, seconds: float) -> None:
        """Wait, or return early when the world ends."""
        self._clock.sleep_until(self._clock.now() + seconds)

    def drop(self, names: Collection[str]) -> None:
        """Break every connection to one of these host names."""
        with self._lock:
            hit = [c for c in self._connections if c.name in names]
        for connection in hit:
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """Drop a finished connection from the books."""
        with self._lock:
            self._connections.discard(connection)

    def stop(self) -> None:
        """Close the listeners and every connection, and join their threads."""
        self._stopping = True
        for listener in self._listeners:
            with contextlib.suppress(OSError), socket.socket() as knock:
                knock.settimeout(1.0)
                knock.connect(listener.getsockname())
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        with self._lock:
            left = list(self._connections)
        for connection in left:
            connection.abort()
        for connection in left:
            connection.thread.join(JOIN_SECONDS)
        for listener in (*self._listeners, self._closed):
            listener.close()

    def _accept(self, listener: socket.socket, presenter: Presenter | None) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            if self._stopping:
                sock.close()
                return
            connection = Connection(self, sock, presenter)
            with self._lock:
                self._connections.add(connection)
            connection.thread.start()

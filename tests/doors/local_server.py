"""A real HTTP/1.1 server on loopback that stands for both providers, under a path each."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from doors.stage import MADE_BY_REPLICATE, prediction

if TYPE_CHECKING:
    from collections.abc import Iterator


class LocalServer(ThreadingHTTPServer):
    """Answers 503 for fal and makes pictures for Replicate; counts connections.

    Attributes:
        asked: paths, in order.
        accepted: number of connections.
        address: URL of the server.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.accepted = 0
        self.address = f"http://127.0.0.1:{self.server_port}"

    @property
    def base_urls(self) -> dict[str, Any]:
        """What to hand to `Failover`."""
        fal = {"fal.run": f"{self.address}/fal", "queue.fal.run": f"{self.address}/queue"}
        return {"fal": fal, "replicate": f"{self.address}/replicate"}

    def process_request(self, request: Any, client_address: Any) -> None:
        self.accepted += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.startswith("/replicate/"):
            self._say(201, json.dumps(prediction(MADE_BY_REPLICATE)).encode())
        else:
            self._say(503, b'{"detail": "' + b"busy " * 200 + b'"}')

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[LocalServer]:
    """Run the server for one block."""
    server = LocalServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

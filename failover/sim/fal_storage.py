"""fal's files: upload tokens, uploads whole and in parts, and the content network.

Uploads go to the content network with a short-lived token (fal documentation, "CDN"); files are
read without any key.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from failover.sim.http1 import Reply
from failover.sim.media import Media
from failover.sim.provider import Route

if TYPE_CHECKING:
    from failover.sim.fal import Fal
    from failover.sim.provider import Incoming

CDN: Final = "https://v3.fal.media"
TOKEN_LIFE: Final = timedelta(hours=1)


class FalStorage:
    """Serve uploads and files of a simulated fal.

    Uploads have the further phase ``rest`` or ``media``, after the host that they go to.
    """

    def __init__(self, fal: Fal) -> None:
        self._fal = fal
        self._tokens: set[str] = set()
        self._parts: dict[str, dict[int, bytes]] = {}
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """List the routes of the REST host and the content network."""
        part = r"(?P<path>/files/.+)/multipart/(?P<upload>\w+)/(?P<part>\d+)"
        done = r"(?P<path>/files/.+)/multipart/(?P<upload>\w+)/complete"
        table = [
            ("POST", "rest", r"/storage/auth/token", self._token, False),
            ("POST", "rest", r"/storage/upload/initiate", self._initiate, False),
            ("POST", "rest", r"/tokens/?", self._realtime_token, False),
            ("POST", "media", r"/files/upload", self._upload, True),
            ("POST", "media", r"/files/upload/multipart", self._begin, True),
            ("PUT", "media", part, self._part, True),
            ("POST", "media", done, self._complete, True),
            ("PUT", "media", r"(?P<path>/files/.+)", self._put, True),
        ]
        routes = [
            Route(method, role, re.compile(pattern), ("upload", role), handler, open)
            for method, role, pattern, handler, open in table  # noqa: A001 - the field's name
        ]
        asset = re.compile(r"(?P<path>/files/.+)")
        routes += [Route(m, "media", asset, ("asset",), self._get, open=True) for m in _READS]
        return routes

    def publish(self, media: Media, base: str) -> str:
        """Store a file that a model made; return its URL."""
        return (base or CDN) + self._fal.assets.put(media, "files/sim")

    def _token(self, incoming: Incoming) -> Reply:
        token = secrets.token_hex(16)
        with self._lock:
            self._tokens.add(token)
        body = {
            "token": token,
            "token_type": "Bearer",
            "base_url": self._fal.media_base(incoming.request) or CDN,
            "expires_at": (self._fal.clock.utc() + TOKEN_LIFE).isoformat(),
        }
        return Reply.of_json(200, body)

    def _realtime_token(self, _incoming: Incoming) -> Reply:
        return Reply.of_json(201, secrets.token_urlsafe(24))

    def _initiate(self, incoming: Incoming) -> Reply:
        wanted = incoming.object() or {}
        name = str(wanted.get("file_name", "upload.bin"))
        path = f"/files/sim/{secrets.token_hex(12)}/{name}"
        url = (self._fal.media_base(incoming.request) or CDN) + path
        return Reply.of_json(200, {"upload_url": url, "file_url": url})

    def _put(self, incoming: Incoming) -> Reply:
        self._fal.assets.put_at(incoming.params["path"], _file(incoming))
        return Reply(200)

    def _upload(self, incoming: Incoming) -> Reply:
        if not self._admitted(incoming):
            return Reply.of_json(401, {"detail": "Invalid upload token"})
        url = self.publish(_file(incoming), self._fal.media_base(incoming.request))
        return Reply.of_json(200, {"access_url": url})

    def _begin(self, incoming: Incoming) -> Reply:
        if not self._admitted(incoming):
            return Reply.of_json(401, {"detail": "Invalid upload token"})
        upload = secrets.token_hex(8)
        with self._lock:
            self._parts[upload] = {}
        url = self.publish(_file(incoming), self._fal.media_base(incoming.request))
        return Reply.of_json(200, {"access_url": url, "uploadId": upload})

    def _part(self, incoming: Incoming) -> Reply:
        parts = self._parts.get(incoming.params["upload"])
        if parts is None:
            return Reply.of_json(404, {"detail": "Upload not found"})
        number = int(incoming.params["part"])
        with self._lock:
            parts[number] = incoming.request.body
        return Reply(200, {"etag": f'"{number}"'})

    def _complete(self, incoming: Incoming) -> Reply:
        with self._lock:
            parts = self._parts.pop(incoming.params["upload"], None)
        started = self._fal.assets.get(incoming.params["path"])
        if parts is None or started is None:
            return Reply.of_json(404, {"detail": "Upload not found"})
        data = b"".join(parts[number] for number in sorted(parts))
        whole = Media(data, started.content_type, started.file_name)
        self._fal.assets.put_at(incoming.params["path"], whole)
        return Reply.of_json(200, {"access_url": (CDN) + incoming.params["path"]})

    def _get(self, incoming: Incoming) -> Reply:
        missing = Reply(404, {"content-type": "application/json"}, json.dumps(_GONE).encode())
        return self._fal.assets.serve(incoming.params["path"]) or missing

    def _admitted(self, incoming: Incoming) -> bool:
        scheme, _, token = incoming.request.header("authorization").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            incoming.complain("upload without a token from storage/auth/token")
            return False
        return True


_READS: Final = ("GET", "HEAD")
_GONE: Final = {"detail": "File not found"}


def _file(incoming: Incoming) -> Media:
    request = incoming.request
    name = request.header("x-fal-file-name") or request.path.rpartition("/")[2] or "upload.bin"
    kind = request.header("content-type") or "application/octet-stream"
    return Media(request.body, kind, name)

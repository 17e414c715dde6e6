"""Replicate's files: uploads of inputs, and the delivery of outputs.

An uploaded file's URL needs the token and gives its description, not its bytes; so it is of use
to Replicate alone. Outputs are read without any key (Replicate documentation, "Files").
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from datetime import timedelta
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, Final

from failover.sim.http1 import Reply
from failover.sim.provider import Route
from failover.sim.replicate_errors import error_reply

if TYPE_CHECKING:
    from email.message import Message

    from failover.sim.media import Media
    from failover.sim.provider import Incoming
    from failover.sim.replicate import Replicate

DELIVERY: Final = "https://replicate.delivery"
UPLOAD_LIFE: Final = timedelta(hours=24)


class ReplicateFiles:
    """Serve uploads and outputs of a simulated Replicate."""

    def __init__(self, replicate: Replicate) -> None:
        self._replicate = replicate
        self._uploads: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[Route]:
        """List the routes about files."""
        one = re.compile(r"/v1/files/(?P<file>[^/]+)")
        upload = re.compile(r"/v1/files")
        asset = re.compile(r"(?P<path>/.+)")
        return [
            Route("POST", "api", upload, ("upload",), self._upload),
            Route("GET", "api", upload, ("other",), self._list),
            Route("GET", "api", one, ("other",), self._describe),
            Route("DELETE", "api", one, ("other",), self._delete),
            Route("GET", "delivery", asset, ("asset",), self._get, open=True),
            Route("HEAD", "delivery", asset, ("asset",), self._get, open=True),
        ]

    def publish(self, media: Media, base: str) -> str:
        """Store a file that a model made; return its URL."""
        return (base or DELIVERY) + self._replicate.assets.put(media, "xezq")

    def holds(self, url: str) -> bool:
        """Tell whether a URL is that of an uploaded file."""
        return "/v1/files/" in url and url.rpartition("/")[2] in self._uploads

    def _upload(self, incoming: Incoming) -> Reply:
        kind = incoming.request.header("content-type")
        text = f"content-type: {kind}\r\n\r\n".encode() + incoming.request.body
        parts = {
            part.get_param("name", header="content-disposition"): part
            for part in BytesParser(policy=HTTP).parsebytes(text).iter_parts()
        }
        content = parts.get("content")
        if content is None:
            return error_reply(None, "validation")
        data = _payload(content)
        metadata = _payload(parts["metadata"]) if "metadata" in parts else b"{}"
        file_id = base64.b32encode(secrets.token_bytes(20)).decode().lower()
        api = self._replicate.api_base(incoming.request)
        now = self._replicate.clock.utc()
        digest = hashlib.sha256(data).hexdigest()
        self._uploads[file_id] = {
            "id": file_id,
            "name": content.get_filename() or "file",
            "content_type": content.get_content_type(),
            "size": len(data),
            "etag": digest[:32],
            "checksums": {"sha256": digest},
            "metadata": json.loads(metadata),
            "created_at": now.isoformat(),
            "expires_at": (now + UPLOAD_LIFE).isoformat(),
            "urls": {"get": f"{api}/v1/files/{file_id}"},
        }
        return Reply.of_json(201, self._uploads[file_id])

    def _list(self, _incoming: Incoming) -> Reply:
        results = list(self._uploads.values())
        return Reply.of_json(200, {"next": None, "previous": None, "results": results})

    def _describe(self, incoming: Incoming) -> Reply:
        found = self._uploads.get(incoming.params["file"])
        return error_reply(404, None) if found is None else Reply.of_json(200, found)

    def _delete(self, incoming: Incoming) -> Reply:
        found = self._uploads.pop(incoming.params["file"], None)
        return error_reply(404, None) if found is None else Reply(204)

    def _get(self, incoming: Incoming) -> Reply:
        return self._replicate.assets.serve(incoming.params["path"]) or Reply(404)


def _payload(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""

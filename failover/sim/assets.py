"""Files that a provider serves: what it made, and what was uploaded to it."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

from failover.sim.http1 import Reply

if TYPE_CHECKING:
    from failover.sim.media import Media


class AssetStore:
    """Keep files under unguessable paths."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, Media] = {}

    def put(self, media: Media, folder: str) -> str:
        """Store a file.

        Args:
            media: The file.
            folder: What its path begins with, without slashes at the ends.

        Returns:
            Its path, with a leading slash.
        """
        path = f"/{folder}/{secrets.token_hex(12)}/{media.file_name}"
        return self.put_at(path, media)

    def put_at(self, path: str, media: Media) -> str:
        """Store a file under a path already given out."""
        with self._lock:
            self._files[path] = media
        return path

    def get(self, path: str) -> Media | None:
        """Return the file at a path, or ``None``."""
        with self._lock:
            return self._files.get(path)

    def serve(self, path: str) -> Reply | None:
        """Return the reply to a GET of a path, or ``None`` if nothing is there."""
        media = self.get(path)
        if media is None:
            return None
        headers = {
            "content-type": media.content_type,
            "cache-control": "public, max-age=3600",
            "access-control-allow-origin": "*",
        }
        return Reply(200, headers, media.data)

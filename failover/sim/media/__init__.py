"""Small real media files, made in pure Python: what the simulated models produce.

Each format is hand-made from its specification and decodes in ordinary players and libraries. The
same wish gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from failover.sim.media.audio import mp3, wav
from failover.sim.media.images import jpeg, png, svg, webp
from failover.sim.media.video import mp4

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT_TYPES: Final = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "glb": "model/gltf-binary",
    "zip": "application/zip",
    "safetensors": "application/octet-stream",
    "json": "application/json",
    "txt": "text/plain",
}
"""Every format that can be made, with its content type."""


@dataclass(frozen=True)
class Wish:
    """What a file should be.

    Attributes:
        format: A key of ``CONTENT_TYPES``.
        width: In pixels.
        height: In pixels.
        seconds: Duration of sound or video.
        seed: Whatever the content should depend on.
    """

    format: str
    width: int = 64
    height: int = 64
    seconds: float = 1.0
    seed: str = ""

    @property
    def colour(self) -> tuple[int, int, int]:
        """The main colour, from the seed."""
        red, green, blue = hashlib.sha256(self.seed.encode()).digest()[:3]
        return red, green, blue


@dataclass(frozen=True)
class Media:
    """A file: its bytes, content type and name."""

    data: bytes
    content_type: str
    file_name: str


def glb() -> bytes:
    """Return an empty binary glTF 2.0 scene."""
    text = json.dumps({"asset": {"version": "2.0"}, "scenes": [{"nodes": []}], "scene": 0})
    chunk = text.encode().ljust(-(-len(text) // 4) * 4)
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(chunk), len(chunk), 0x4E4F534A)
    return head + chunk


def safetensors() -> bytes:
    """Return a safetensors file that holds one number."""
    header = b'{"scale":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return struct.pack("<Q", len(header)) + header + struct.pack("<f", 1.0)


def archive() -> bytes:
    """Return a zip file with one text in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo("readme.txt"), "made by a simulator")
    return buffer.getvalue()


MAKERS: Final[dict[str, Callable[[Wish], bytes]]] = {
    "png": lambda w: png(w.width, w.height, w.colour),
    "jpeg": lambda w: jpeg(w.width, w.height, w.colour),
    "webp": lambda w: webp(w.width, w.height, w.colour),
    "svg": lambda w: svg(w.width, w.height, w.colour),
    "mp4": lambda w: mp4(w.width, w.height, w.seconds, w.colour),
    "wav": lambda w: wav(w.seconds, w.colour[0]),
    "mp3": lambda w: mp3(w.seconds),
    "glb": lambda _: glb(),
    "zip": lambda _: archive(),
    "safetensors": lambda _: safetensors(),
    "json": lambda _: b'{"made_by":"simulator"}',
    "txt": lambda _: b"made by a simulator",
}


@lru_cache(maxsize=64)
def make(wish: Wish) -> Media:
    """Make a file.

    Raises:
        KeyError: If the format is unknown.
    """
    extension = {"jpeg": "jpg"}.get(wish.format, wish.format)
    return Media(MAKERS[wish.format](wish), CONTENT_TYPES[wish.format], f"output.{extension}")

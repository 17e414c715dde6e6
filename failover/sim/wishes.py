"""What an input asks for: size, number, format, length. Read by the names in use everywhere.

The simulated models obey what they are asked; a picture of the wrong size would hide a wrong
translation.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from failover.sim.media import CONTENT_TYPES, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

PRESETS: Final = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""fal's named sizes, in pixels (fal documentation, ``image_size``)."""

COUNT_NAMES: Final = (
    "num_images",
    "num_outputs",
    "number_of_images",
    "num_samples",
    "max_images",
    "n",
)
FORMAT_NAMES: Final = ("output_format", "audio_format", "output_audio_format", "format")
SECONDS_NAMES: Final = ("duration", "seconds", "seconds_total", "video_length", "audio_length")
SHORT_EDGE: Final = {"480p": 480, "540p": 540, "580p": 580, "720p": 720, "1080p": 1080}
AREA: Final = {"0.5K": 512, "1K": 1024, "2K": 2048, "4K": 4096}
LARGEST: Final = 4096
ALIASES: Final = {"jpg": "jpeg", "mpeg": "mp3", "x-wav": "wav"}


@dataclass(frozen=True)
class Asked:
    """What an input asks for.

    Attributes:
        values: The input, defaults filled in.
        count: Number of files wanted.
        inline: Whether files are wanted as data URIs.
    """

    values: Mapping[str, Any]
    count: int
    inline: bool

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Asked:
        """Read an input."""
        count = next((values[n] for n in COUNT_NAMES if isinstance(values.get(n), int)), 1)
        return cls(values, max(1, min(count, 64)), values.get("sync_mode") is True)

    @property
    def prompt(self) -> str:
        """The main text of the input."""
        names = ("prompt", "text", "gen_text", "lyrics", "input")
        return str(next((self.values[n] for n in names if self.values.get(n)), ""))

    @property
    def seed(self) -> int:
        """The seed asked for, or one that depends on the input."""
        if isinstance(seed := self.values.get("seed"), int):
            return seed
        return sum(json.dumps(self.values, sort_keys=True, default=str).encode()) * 7919 % 2**31

    @property
    def seconds(self) -> float:
        """The duration asked for, at most a minute."""
        for name in SECONDS_NAMES:
            found = re.match(r"\d+(\.\d+)?", str(self.values.get(name, "")))
            if found and float(found.group()) > 0:
                return min(float(found.group()), 60.0)
        return 5.0

    def size(self, kind: str) -> tuple[int, int]:
        """Return the width and height asked for, for an ``image`` or a ``video``."""
        size = self.values.get("image_size", self.values.get("size"))
        if isinstance(size, dict):
            return _limit(size.get("width", 512), size.get("height", 512))
        if isinstance(size, str):
            if size in PRESETS:
                return PRESETS[size]
            if found := re.fullmatch(r"(\d+)\s*[x*×]\s*(\d+)", size):  # noqa: RUF001 - as written
                return _limit(*map(int, found.groups()))
        width, height = self.values.get("width"), self.values.get("height")
        if isinstance(width, int) and isinstance(height, int):
            return _limit(width, height)
        return self._by_ratio(kind)

    def _by_ratio(self, kind: str) -> tuple[int, int]:
        ratio = str(self.values.get("aspect_ratio", "16:9" if kind == "video" else "1:1"))
        found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", ratio)
        across, down = map(float, found.groups()) if found else (1.0, 1.0)
        resolution = str(self.values.get("resolution", ""))
        if resolution in SHORT_EDGE or kind == "video":
            edge = SHORT_EDGE.get(resolution, 720)
            scale = edge / min(across, down)
            return _limit(round(across * scale / 2) * 2, round(down * scale / 2) * 2)
        area = AREA.get(resolution, 1024) ** 2 * _megapixels(self.values.get("megapixels"))
        scale = math.sqrt(area / (across * down))
        return _limit(round(across * scale / 16) * 16, round(down * scale / 16) * 16)

    def wish(self, kind: str, index: int) -> Wish:
        """Return the wish for one file.

        Args:
            kind: ``image``, ``video``, ``audio``, ``text``, or a format of ``CONTENT_TYPES``.
            index: Which of several.
        """
        seed = f"{self.prompt}|{self.seed}|{index}"
        kind = "txt" if kind == "text" else kind
        if kind in CONTENT_TYPES and kind != "svg":
            return Wish(kind, seed=seed)
        width, height = self.size(kind)
        format_ = kind if kind == "svg" else self._format(kind)
        return Wish(format_, width, height, self.seconds, seed)

    def _format(self, kind: str) -> str:
        fitting = {
            "image": ("jpeg", "png", "webp", "svg"),
            "video": ("mp4",),
            "audio": ("mp3", "wav"),
        }[kind]
        for name in FORMAT_NAMES:
            word = str(self.values.get(name, "")).lower().rpartition("/")[2]
            word = re.split(r"[^a-z0-9]", word)[0]
            if (word := ALIASES.get(word, word)) in fitting:
                return word
        return fitting[0]


def _megapixels(value: Any) -> float:
    found = re.match(r"\d+(\.\d+)?", str(value or ""))
    return min(float(found.group()), 16.0) if found and float(found.group()) > 0 else 1.0


def _limit(width: Any, height: Any) -> tuple[int, int]:
    whole = (max(1, min(LARGEST, int(edge))) for edge in (width, height))
    return next(whole), next(whole)

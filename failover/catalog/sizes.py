"""What a size is, whichever way an endpoint spells it.

Pixels, ratios, megapixels, presets and resolution tiers all become one `Size`. Its facets are
independent: a caller may say only the ratio, or only the tier. `parse_word` reads every spelling
that occurs in an endpoint's list of allowed values.

Pixels of fal's presets: square_hd 1024x1024, square 512x512, portrait_4_3 768x1024, portrait_16_9
576x1024, landscape_4_3 1024x768, landscape_16_9 1024x576 (fal's API reference, ``image_size``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import gcd, sqrt
from typing import Final, Literal

MEGAPIXEL: Final = 1024.0 * 1024.0
"""One megapixel as image models count it: the area of a 1024x1024 picture."""

MULTIPLE: Final = 16
"""Pixel sizes that we compute ourselves are multiples of this: every known model takes them."""

PRESETS: Final[dict[str, tuple[int, int]]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}

_NAMED_RATIOS: Final[dict[str, tuple[int, int]]] = {
    "square": (1, 1),
    "portrait": (9, 16),
    "landscape": (16, 9),
}
_FOLLOWS: Final = frozenset({
    "auto", "match_input_image", "match_input", "match", "original", "adaptive",
    "keep_ratio",
})  # fmt: skip
_UNSET: Final = frozenset({"not set", "none", ""})
_RATIO: Final = re.compile(r"^(\d{1,4}(?:\.\d+)?)\s*[:/]\s*(\d{1,4}(?:\.\d+)?)$")
_DIMS: Final = re.compile(r"^(\d{2,5})\s*[x*\u00d7]\s*(\d{2,5})(?:\s*\(\w+\))?$")
_TIER: Final = re.compile(r"^(?:true_)?(\d{3,4})p$")
_KILO: Final = re.compile(r"^(auto_)?(\d(?:\.\d+)?)k$")
_MEGA: Final = re.compile(r"^(\d(?:\.\d+)?)\s*mp$")
_VIDEO_KILO: Final = {2.0: 1440, 4.0: 2160}


@dataclass(frozen=True, slots=True)
class Size:
    """A size, as far as it is said. `ratio` is width / height, `area` in pixels, `short` in pixels.

    `short` is the shorter side, as video tiers ("720p") count it. `pixels` is set only when exact
    pixels are meant. `follows`: the ratio is the input picture's.
    """

    ratio: float | None = None
    area: float | None = None
    short: int | None = None
    pixels: tuple[int, int] | None = None
    follows: bool = False
    label: str = ""

    def square_pixels(self) -> float | None:
        """Return the area in pixels, worked out from the tier where need be."""
        if self.area is not None or self.short is None:
            return self.area
        ratio = self.ratio or 16 / 9
        return float(self.short * self.short) * max(ratio, 1 / ratio)


@dataclass(frozen=True, slots=True)
class Word:
    """One allowed value of a size parameter, understood."""

    role: Literal["ratio", "pixels", "tier", "area", "follows", "custom", "unset"]
    ratio: float | None = None
    area: float | None = None
    short: int | None = None
    pixels: tuple[int, int] | None = None


def parse_word(value: object, *, video: bool = False, megapixels: bool = False) -> Word | None:
    """Read one allowed value of a size parameter.

    Args:
        value: The value as the schema lists it.
        video: "2k" and "4k" then mean 1440 and 2160 lines, not 2048 and 4096 pixels a side.
        megapixels: A bare number is then an area in megapixels.

    Returns:
        What it means, or None when it is no size.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip().lower()
    if text in _FOLLOWS:
        return Word("follows")
    if text in _UNSET:
        return Word("unset")
    if text == "custom":
        return Word("custom")
    if megapixels and re.fullmatch(r"\d+(\.\d+)?", text):
        return Word("area", area=float(text) * MEGAPIXEL)
    return _parse_shape(text, video=video)


def _parse_shape(text: str, *, video: bool) -> Word | None:
    if match := _RATIO.match(text):
        width, height = float(match[1]), float(match[2])
        return Word("ratio", ratio=width / height) if width and height else None
    if match := _DIMS.match(text):
        return pixels_word(int(match[1]), int(match[2]))
    if match := _TIER.match(text):
        return Word("tier", short=int(match[1]))
    if match := _KILO.match(text):
        sides = float(match[2])
        if video and sides in _VIDEO_KILO:
            return Word("tier", short=_VIDEO_KILO[sides])
        return Word("area", area=sides * sides * MEGAPIXEL)
    if match := _MEGA.match(text):
        return Word("area", area=float(match[1]) * MEGAPIXEL)
    if text in _NAMED_RATIOS:
        width_units, height_units = _NAMED_RATIOS[text]
        return Word("ratio", ratio=width_units / height_units)
    return None


def pixels_word(width: int, height: int) -> Word | None:
    """Return the word of exact pixels, or None when a side is not positive."""
    if width <= 0 or height <= 0:
        return None
    return Word("pixels", ratio=width / height, area=float(width * height), pixels=(width, height))


def ratio_error(wanted: float, got: float) -> float:
    """Return how far two ratios are apart: 0.0 for equal, 0.05 for five per cent."""
    return max(wanted / got, got / wanted) - 1.0


def orientation(ratio: float) -> int:
    """Return 1 for landscape, -1 for portrait, 0 for square (within two per cent)."""
    if ratio_error(ratio, 1.0) <= 0.02:
        return 0
    return 1 if ratio > 1.0 else -1


def spell_ratio(width: int, height: int) -> str:
    """Spell the ratio of two sides in lowest terms: 1024, 768 is "4:3"."""
    divisor = gcd(width, height) or 1
    return f"{width // divisor}:{height // divisor}"


def fit_pixels(
    ratio: float, area: float, *, least: int, most: int, multiple: int = MULTIPLE
) -> tuple[int, int] | None:
    """Return the pixel size nearest to a ratio first, then to an area.

    Args:
        ratio: Width / height wanted.
        area: Square pixels wanted.
        least: Smallest legal side, in pixels.
        most: Largest legal side, in pixels.
        multiple: Both sides are multiples of this.

    Returns:
        Width and height, or None when no legal size has about that ratio.
    """
    height = sqrt(area / ratio)
    longest = max(height, height * ratio)
    scale = min(1.0, most / longest)
    shortest = min(height, height * ratio) * scale
    scale = max(scale, scale * least / shortest) if shortest < least else scale
    middle = round(height * scale / multiple)
    best: tuple[float, float, int, int] | None = None
    for steps in range(max(1, middle - 6), middle + 7):
        tall = steps * multiple
        wide = max(1, round(tall * ratio / multiple)) * multiple
        if not (least <= tall <= most and least <= wide <= most):
            continue
        error = ratio_error(ratio, wide / tall)
        rank = (round(error, 3), abs(wide * tall / area - 1.0), wide, tall)
        best = rank if best is None or rank < best else best
    return (best[2], best[3]) if best else None

"""Pictures: a chequered pattern in two colours, as PNG, JPEG, WebP or SVG, of any size."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from failover.sim.media.bits import Bits

Colour = tuple[int, int, int]
SQUARE: Final = 32
"""Edge of a square of the pattern, in pixels."""


def _lighter(colour: Colour) -> Colour:
    red, green, blue = (128 + part // 2 for part in colour)
    return red, green, blue


def png(width: int, height: int, colour: Colour) -> bytes:
    """Return a palette PNG (W3C PNG, third edition)."""
    stripes = bytes((x // SQUARE) % 2 for x in range(width + SQUARE))
    rows = (b"\0" + stripes[(y // SQUARE) % 2 * SQUARE :][:width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"PLTE", bytes((*colour, *_lighter(colour)))),
        (b"IDAT", zlib.compress(b"".join(rows), 1)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def svg(width: int, height: int, colour: Colour) -> bytes:
    """Return an SVG 1.1 drawing."""
    light = _lighter(colour)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">'
        f'<rect width="100%" height="100%" fill="rgb{colour}"/>'
        f'<circle cx="50%" cy="50%" r="25%" fill="rgb{light}"/></svg>'
    ).encode()


def webp(width: int, height: int, colour: Colour) -> bytes:
    """Return a lossless WebP (RFC 9649) whose green channel takes one bit a pixel."""
    red, green, blue = colour
    other = green ^ 0x40
    bits = Bits()
    bits.put_reversed(0x2F, 8)
    bits.put_reversed(width - 1, 14)
    bits.put_reversed(height - 1, 14)
    bits.put_reversed(0, 1 + 3)  # alpha unused, version 0
    bits.put_reversed(0, 1 + 1 + 1)  # no transform, no colour cache, one prefix code group
    low, high = sorted((green, other))
    bits.put_text("1" + "1" + "1")  # a simple code of two symbols, the first of eight bits
    bits.put_reversed(low, 8)
    bits.put_reversed(high, 8)
    for symbol in (red, blue, 255, 0):  # red, blue, alpha, distance: one symbol each, no bits
        bits.put_text("1" + "0" + "1")
        bits.put_reversed(symbol, 8)
    stripe = "".join(str((x // SQUARE) % 2) for x in range(width + SQUARE))
    for y in range(height):
        bits.put_text(stripe[(y // SQUARE) % 2 * SQUARE :][:width])
    data = bits.to_bytes_low_first()
    padded = data + b"\0" * (len(data) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + padded
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


# ITU-T T.81, Annex K.3: the luminance DC code lengths; for AC only "end of block" is needed.
_DC_COUNTS: Final = bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
_DC_CODES: Final = ("00", "010", "011", "100", "101", "110", "1110", "11110", "111110", "1111110")
_EOB: Final = "0"


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _dc(bits: Bits, difference: int) -> None:
    size = abs(difference).bit_length()
    bits.put_text(_DC_CODES[size])
    if size:
        bits.put(difference if difference > 0 else difference + (1 << size) - 1, size)
    bits.put_text(_EOB)


def _band(blocks: int, first: int, levels: tuple[tuple[int, int, int], ...]) -> bytes:
    """Encode one row of 8x8 blocks, from a fresh prediction, with its bytes stuffed."""
    bits, before = Bits(), (0, 0, 0)
    for x in range(blocks):
        now = levels[(x * 8 // SQUARE + first) % 2]
        for component in range(3):
            _dc(bits, now[component] - before[component])
        before = now
    return bits.to_bytes("1").replace(b"\xff", b"\xff\x00")


def jpeg(width: int, height: int, colour: Colour) -> bytes:
    """Return a baseline JPEG (ITU-T T.81) of flat 8x8 blocks.

    Each row of blocks is a restart interval, so that equal rows are equal bytes.
    """
    levels = tuple(_levels(c) for c in (colour, _lighter(colour)))
    across, down = -(-width // 8), -(-height // 8)
    bands = [_band(across, first, levels) for first in (0, 1)]
    body = b"".join(
        bands[y * 8 // SQUARE % 2] + (bytes((0xFF, 0xD0 + y % 8)) if y < down - 1 else b"")
        for y in range(down)
    )
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            _segment(0xDB, b"\0" + bytes([8] * 64)),
            _segment(0xC0, frame),
            _segment(0xC4, b"\x00" + _DC_COUNTS + bytes(range(sum(_DC_COUNTS)))),
            _segment(0xC4, b"\x10" + bytes((1, *([0] * 15))) + b"\x00"),
            _segment(0xDD, struct.pack(">H", across)),
            _segment(0xDA, b"\3\1\0\2\0\3\0\0\x3f\0"),
            body,
            b"\xff\xd9",
        )
    )


def _levels(colour: Colour) -> tuple[int, int, int]:
    """Return the quantised DC levels of a flat block: with a step of 8, the sample less 128."""
    red, green, blue = colour
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(luma) - 128,
        round(0.564 * (blue - luma)),
        round(0.713 * (red - luma)),
    )

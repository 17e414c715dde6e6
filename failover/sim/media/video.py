"""Video: one still colour for as long as asked, as H.264 in MP4.

The smallest real H.264 there is (ITU-T H.264, constrained baseline): the first macroblock holds
the colour as raw samples, every other one of that picture predicts from its neighbours, and every
further picture says "as before". A minute of 1080p takes a few kilobytes.
"""

from __future__ import annotations

import struct
from typing import Final

from failover.sim.media.bits import Bits

FPS: Final = 8
TIMESCALE: Final = FPS * 100


def mp4(width: int, height: int, seconds: float, colour: tuple[int, int, int]) -> bytes:
    """Return a playable MP4 (ISO/IEC 14496-12, -14 and -15) with one video track.

    Args:
        width: In pixels; odd sizes are cropped from the next even one.
        height: In pixels.
        seconds: Duration.
        colour: Red, green, blue.
    """
    width, height = max(2, width - width % 2), max(2, height - height % 2)
    across, down = -(-width // 16), -(-height // 16)
    parameters = _sequence(width, height), _nal(0x68, _picture())
    frames = max(1, round(seconds * FPS))
    first = _nal(0x65, _intra(across, down, _yuv(colour)))
    rest = [_nal(0x41, _skip(across * down, n)) for n in range(1, frames)]
    samples = [struct.pack(">I", len(nal)) + nal for nal in (first, *rest)]
    file_type = _box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    header_size = len(file_type) + 8
    movie = _movie(width, height, [len(s) for s in samples], header_size, parameters)
    return file_type + _box(b"mdat", b"".join(samples)) + movie


def _yuv(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Convert to limited-range BT.601."""
    red, green, blue = colour
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


def _nal(header: int, payload: bytes) -> bytes:
    """Return a NAL unit with emulation prevention bytes (7.4.1)."""
    out, zeros = bytearray((header,)), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _sequence(width: int, height: int) -> bytes:
    """Return the sequence parameter set (7.3.2.1)."""
    bits = Bits()
    bits.put(66, 8)  # baseline
    bits.put(0b11000000, 8)  # constrained
    bits.put(51, 8)  # level 5.1: every size up to 4096 x 2304
    for value in (0, 0, 2, 1):  # id, frame_num of 4 bits, output in decoding order, 1 reference
        bits.put_ue(value)
    bits.put(0, 1)
    across, down = -(-width // 16), -(-height // 16)
    bits.put_ue(across - 1)
    bits.put_ue(down - 1)
    bits.put(0b11, 2)  # frames only, direct 8x8 inference
    right, bottom = (across * 16 - width) // 2, (down * 16 - height) // 2
    bits.put(int(bool(right or bottom)), 1)
    if right or bottom:
        for value in (0, right, 0, bottom):
            bits.put_ue(value)
    bits.put(0, 1)  # no VUI
    return _nal(0x67, _trailed(bits))


def _picture() -> bytes:
    """Return the picture parameter set (7.3.2.2)."""
    bits = Bits()
    bits.put_ue(0)
    bits.put_ue(0)
    bits.put(0, 2)  # CAVLC, no field order
    for value in (0, 0, 0):  # one slice group, default references
        bits.put_ue(value)
    bits.put(0, 3)  # no weighted prediction
    for value in (0, 0, 0):
        bits.put_se(value)
    bits.put(0b100, 3)  # deblocking control present
    return _trailed(bits)


def _trailed(bits: Bits) -> bytes:
    bits.put(1, 1)
    return bits.to_bytes()


def _intra(across: int, down: int, colour: tuple[int, int, int]) -> bytes:
    """Return the slice of an IDR picture of one colour."""
    bits = Bits()
    for value in (0, 7, 0):  # first macroblock, I slice, parameter set
        bits.put_ue(value)
    bits.put(0, 4)  # frame_num
    bits.put_ue(0)  # idr_pic_id
    bits.put(0, 2)  # no output of prior pictures, short-term
    bits.put_se(0)  # quantiser
    bits.put_ue(1)  # no deblocking
    bits.put_ue(25)  # I_PCM
    bits.align()
    luma, blue, red = colour
    for level, count in ((luma, 256), (blue, 64), (red, 64)):
        bits.put_text(format(level, "08b") * count)
    for index in range(1, across * down):
        # The neighbours of the raw macroblock see 16 coefficients there (9.2.1).
        beside_raw = index in {1, across} if across > 1 else index == 1
        bits.put_ue(3)  # I_16x16, DC prediction, no residual
        bits.put_text("1" + "1" + ("000011" if beside_raw else "1"))
    return _trailed(bits)


def _skip(macroblocks: int, number: int) -> bytes:
    """Return the slice of a P picture that repeats the one before."""
    bits = Bits()
    for value in (0, 5, 0):
        bits.put_ue(value)
    bits.put(number % 16, 4)
    bits.put(0, 3)  # default references, order and marking
    bits.put_se(0)
    bits.put_ue(1)
    bits.put_ue(macroblocks)
    return _trailed(bits)


def _box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def _movie(
    width: int, height: int, sizes: list[int], offset: int, parameters: tuple[bytes, bytes]
) -> bytes:
    """Return the moov box of a file whose samples lie in one chunk at an offset."""
    length = len(sizes) * TIMESCALE // FPS
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    sps, pps = parameters
    decoder = b"\1" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps
    decoder += b"\1" + struct.pack(">H", len(pps)) + pps
    entry = struct.pack(">6xH16xHHIII", 1, width, height, 0x480000, 0x480000, 0)
    entry += struct.pack(">H32xHh", 1, 24, -1)
    described = _box(b"avc1", entry, _box(b"avcC", decoder))
    table = _box(
        b"stbl",
        _box(b"stsd", struct.pack(">II", 0, 1), described),
        _box(b"stts", struct.pack(">IIII", 0, 1, len(sizes), TIMESCALE // FPS)),
        _box(b"stss", struct.pack(">III", 0, 1, 1)),
        _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(sizes), 1)),
        _box(b"stsz", struct.pack(f">III{len(sizes)}I", 0, 0, len(sizes), *sizes)),
        _box(b"stco", struct.pack(">III", 0, 1, offset)),
    )
    reference = _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", b"\0\0\0\1"))
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, TIMESCALE, length, 0x55C4, 0)),
        _box(b"hdlr", b"\0" * 8 + b"vide" + b"\0" * 12 + b"video\0"),
        _box(b"minf", _box(b"vmhd", b"\0\0\0\1" + b"\0" * 8), _box(b"dinf", reference), table),
    )
    shown = struct.pack(">IIIII", 7, 0, 0, 1, 0) + struct.pack(">I8xHHHH", length, 0, 0, 0, 0)
    track = _box(b"tkhd", shown, matrix, struct.pack(">II", width << 16, height << 16))
    head = struct.pack(">IIIIIIH10x", 0, 0, 0, TIMESCALE, length, 0x10000, 0x100)
    header = _box(b"mvhd", head, matrix, b"\0" * 24, struct.pack(">I", 2))
    return _box(b"moov", header, _box(b"trak", track, media))

"""Sound: a tone as WAV, silence as MP3."""

from __future__ import annotations

import io
import math
import struct
import wave
from typing import Final

RATE: Final = 16000
MP3_FRAME_SECONDS: Final = 1152 / 44100


def wav(seconds: float, pitch: int) -> bytes:
    """Return mono 16-bit PCM at 16 kHz: a tone of 220 Hz and up."""
    frequency = 220 + pitch
    period = [int(8000 * math.sin(2 * math.pi * frequency * n / RATE)) for n in range(RATE // 10)]
    samples = struct.pack(f"<{len(period)}h", *period) * max(1, round(seconds * 10))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples)
    return buffer.getvalue()


def mp3(seconds: float) -> bytes:
    """Return silence as MPEG-1 layer III (ISO/IEC 11172-3), mono, 44.1 kHz, 128 kbit/s.

    A frame whose side information is all zero holds no coded samples and decodes to silence.
    """
    frame = b"\xff\xfb\x90\xc0".ljust(417, b"\0")
    return frame * max(1, round(seconds / MP3_FRAME_SECONDS))

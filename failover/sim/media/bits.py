"""A string of bits, the common ground of the compressed formats."""

from __future__ import annotations


class Bits:
    """Collect bits and turn them into bytes."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def put(self, value: int, width: int) -> None:
        """Append a number, most significant bit first."""
        self._text.append(format(value, f"0{width}b"))

    def put_reversed(self, value: int, width: int) -> None:
        """Append a number, least significant bit first."""
        self._text.append(format(value, f"0{width}b")[::-1])

    def put_text(self, bits: str) -> None:
        """Append bits written as a text of 0 and 1."""
        self._text.append(bits)

    def put_ue(self, value: int) -> None:
        """Append an unsigned Exp-Golomb code (ITU-T H.264, 9.1)."""
        digits = format(value + 1, "b")
        self._text.append("0" * (len(digits) - 1) + digits)

    def put_se(self, value: int) -> None:
        """Append a signed Exp-Golomb code (ITU-T H.264, 9.1.1)."""
        self.put_ue(2 * value - 1 if value > 0 else -2 * value)

    def __len__(self) -> int:
        return sum(map(len, self._text))

    def align(self, fill: str = "0") -> None:
        """Append bits up to the next byte boundary."""
        self._text.append(fill * (-len(self) % 8))

    def to_bytes(self, fill: str = "0") -> bytes:
        """Return the bits as bytes, first bit highest."""
        text = "".join(self._text)
        text += fill * (-len(text) % 8)
        return int(text or "0", 2).to_bytes(len(text) // 8, "big")

    def to_bytes_low_first(self) -> bytes:
        """Return the bits as bytes, first bit lowest, as WebP wants them."""
        text = "".join(self._text)
        text += "0" * (-len(text) % 8)
        return int(text[::-1] or "0", 2).to_bytes(len(text) // 8, "little")

"""How one endpoint spells LoRAs: a list of path and scale, or pairs of weight and scale parameters.

Canonical form: a tuple of (path, scale or None). Only public https addresses travel: a slug or a
stored id means something at its own provider only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from failover.catalog.conversions import INVALID

PAIRS: Final = (
    ("lora_weights", "lora_scale"),
    ("extra_lora", "extra_lora_scale"),
    ("lora_url", "lora_strength"),
)
"""Names of weight and scale parameters that go together, in the order in which they are filled."""


@dataclass(frozen=True, slots=True)
class LoraGroup:
    """The LoRA parameters of one endpoint: one list, or pairs.

    `most` bounds the list, `scales` each scale.
    """

    whole: str | None = None
    pairs: tuple[tuple[str, str | None], ...] = ()
    most: int | None = None
    scales: tuple[float, float] = (-1e9, 1e9)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that belong to the group."""
        flat = [name for pair in self.pairs for name in pair if name is not None]
        return (self.whole, *flat) if self.whole is not None else tuple(flat)

    def read(self, said: Mapping[str, Any]) -> Any:
        """Return the LoRAs that a call names, None for none, or INVALID."""
        found: list[tuple[str, float | None]] = []
        if self.whole is not None:
            entries = said.get(self.whole)
            if entries is not None and not isinstance(entries, list):
                return INVALID
            for entry in entries or []:
                if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
                    return INVALID
                found.append((entry["path"], _scale(entry.get("scale"))))
        for weights, scale in self.pairs:
            path = said.get(weights)
            if path in (None, ""):
                continue
            if not isinstance(path, str):
                return INVALID
            found.append((path, _scale(said.get(scale)) if scale else None))
        return tuple(found) or None

    def write(self, loras: tuple[tuple[str, float | None], ...]) -> dict[str, Any] | None:
        """Return the parameters that ask for these LoRAs, or None when they don't fit."""
        low, high = self.scales
        if any(scale is not None and not low <= scale <= high for _, scale in loras):
            return None
        if self.whole is not None:
            if self.most is not None and len(loras) > self.most:
                return None
            return {
                self.whole: [
                    {"path": path} if scale is None else {"path": path, "scale": scale}
                    for path, scale in loras
                ]
            }
        if len(loras) > len(self.pairs):
            return None
        written: dict[str, Any] = {}
        for (weights, name), (path, scale) in zip(self.pairs, loras, strict=False):
            written[weights] = path
            if scale is not None:
                if name is None:
                    return None
                written[name] = scale
        return written


def _scale(value: Any) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value

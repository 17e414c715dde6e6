"""How one endpoint spells size: up to five parameters that only mean something together.

A group is read as a whole (what is said first, then the endpoint's defaults) and written as a
whole: of all the combinations that the endpoint allows, the nearest is taken, by orientation,
then ratio, then area. Nothing else in the package knows how a size is spelt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from failover.catalog.size_choice import Choice, Options, nearest, options_of
from failover.catalog.sizes import (
    PRESETS,
    Size,
    Word,
    parse_word,
    pixels_word,
)

_CACHE_LIMIT: Final = 512


class Fact(NamedTuple):
    """One facet source while reading: said by the caller or a default, and by which parameter."""

    said: bool
    name: str
    word: Word
    label: str


class Reading(NamedTuple):
    """What a call says about size. The names are of the parameters that said it, if any did."""

    size: Size
    ratio_by: str | None
    area_by: str | None
    invalid: str | None = None


@dataclass(frozen=True, slots=True)
class WordParameter:
    """A size parameter with a list of words. `free`: it takes any ratio as text."""

    name: str
    words: dict[Any, Word]
    default: Any
    free: bool = False
    video: bool = False
    megapixels: bool = False

    def read(self, value: Any) -> Word | None:
        """Return what a caller's value means, or None."""
        try:
            known = self.words.get(value)
        except TypeError:
            return None
        return known or parse_word(value, video=self.video, megapixels=self.megapixels)


@dataclass(frozen=True, slots=True)
class PixelParameters:
    """Width and height, as two parameters or as one object. Sides are in pixels."""

    width: str
    height: str
    whole: str | None = None
    least: int = 64
    most: int = 14142
    default: tuple[int, int] | None = None
    partial: tuple[int, int] = (512, 512)

    def assign(self, width: int, height: int) -> tuple[tuple[str, Any], ...]:
        """Return the assignments that ask for these pixels."""
        if self.whole is not None:
            return ((self.whole, {self.width: width, self.height: height}),)
        return ((self.width, width), (self.height, height))


@dataclass(slots=True)
class SizeGroup:
    """All size parameters of one endpoint."""

    words: tuple[WordParameter, ...]
    pixels: PixelParameters | None
    _options: Options = field(init=False)
    _cache: dict[Size, Choice | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._options = options_of(self.words)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that belong to the group."""
        names = [parameter.name for parameter in self.words if parameter.name]
        if self.pixels is not None:
            names += [self.pixels.whole] if self.pixels.whole else []
            names += [] if self.pixels.whole else [self.pixels.width, self.pixels.height]
        return tuple(dict.fromkeys(names))

    def read(self, said: Mapping[str, Any]) -> Reading:
        """Read the size that a call means: what it says, then what the endpoint assumes."""
        facts: list[Fact] = []
        custom = False
        for parameter in self.words:
            value = said.get(parameter.name)
            is_said = value is not None
            if isinstance(value, Mapping) and self.pixels and self.pixels.whole == parameter.name:
                continue
            value = value if is_said else parameter.default
            if value is None or isinstance(value, Mapping):
                continue
            word = parameter.read(value)
            if word is None:
                if is_said:
                    return Reading(Size(), None, None, parameter.name)
                continue
            custom = custom or word.role == "custom"
            if word.role not in ("unset", "custom"):
                facts.append(Fact(is_said, parameter.name, word, str(value)))
        if self.pixels is not None:
            fact, invalid = self._read_pixels(said, custom=custom)
            if invalid:
                return Reading(Size(), None, None, invalid)
            facts += [fact] if fact else []
        return _merge(facts)

    def _read_pixels(
        self, said: Mapping[str, Any], *, custom: bool
    ) -> tuple[Fact | None, str | None]:
        group = self.pixels
        if group is None:
            return None, None
        if group.whole is None and self._has_custom and not custom:
            return None, None
        box = said.get(group.whole) if group.whole is not None else said
        if group.whole is not None and isinstance(box, str):
            return None, None
        if group.whole is not None and box is not None and not isinstance(box, Mapping):
            return None, group.whole
        values: Mapping[str, Any] = box if isinstance(box, Mapping) else {}
        width, height = values.get(group.width), values.get(group.height)
        is_said = width is not None or height is not None
        name = group.whole or (group.width if width is not None else group.height)
        if not is_said:
            if group.default is None:
                return None, None
            width, height = group.default
        base = (group.default if group.whole is None else None) or group.partial
        sides = (base[0] if width is None else width, base[1] if height is None else height)
        word = _sides(*sides)
        if word is None or word.pixels is None:
            return None, name if is_said else None
        return Fact(is_said, name, word, f"{word.pixels[0]}x{word.pixels[1]}"), None

    @property
    def _has_custom(self) -> bool:
        return any(w.role == "custom" for p in self.words for w in p.words.values())

    def choose(self, size: Size) -> Choice | None:
        """Return the nearest way in which the endpoint can say a size, or None when it can't."""
        if (kept := self._cache.get(size)) is not None:
            return kept
        choice = nearest(size, self._options, self.words, self.pixels)
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        self._cache[size] = choice
        return choice


def _sides(width: Any, height: Any) -> Word | None:
    for side in (width, height):
        if isinstance(side, bool) or not isinstance(side, int | float) or not side < 1e6:
            return None
    return pixels_word(int(width), int(height))


def _merge(facts: list[Fact]) -> Reading:
    """Join the facts: said beats assumed, and exact pixels beat words."""
    facts.sort(key=lambda fact: (not fact.said, fact.word.pixels is None))
    ratio_fact = next((f for f in facts if f.word.ratio or f.word.role == "follows"), None)
    area_fact = next((f for f in facts if f.word.area or f.word.short), None)
    ratio = ratio_fact.word.ratio if ratio_fact else None
    whole = ratio_fact is not None and ratio_fact is area_fact
    pixels = ratio_fact.word.pixels if ratio_fact and whole else None
    if pixels and ratio_fact and ratio_fact.label in PRESETS:
        pixels = None
    size = Size(
        ratio,
        area_fact.word.area if area_fact else None,
        area_fact.word.short if area_fact else None,
        pixels,
        ratio_fact is not None and ratio_fact.word.role == "follows",
        " ".join(dict.fromkeys(f.label for f in (ratio_fact, area_fact) if f)),
    )
    return Reading(
        size,
        ratio_fact.name if ratio_fact and ratio_fact.said else None,
        area_fact.name if area_fact and area_fact.said else None,
    )

"""How one endpoint spells size: up to five parameters that only mean something together.

A group is read as a whole (what is said first, then the endpoint's defaults) and written as a
whole: of all the combinations that the endpoint allows, the nearest is taken, by orientation,
then ratio, then area. Nothing else in the package knows how a size is spelt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import log
from typing import Any, Final, NamedTuple

from failover.catalog.sizes import (
    MEGAPIXEL,
    PRESETS,
    Size,
    Word,
    fit_pixels,
    orientation,
    parse_word,
    pixels_word,
    ratio_error,
    spell_ratio,
)

UNKNOWN_AREA: Final = 0.2
"""Cost of an option whose area is not known, as the logarithm of the error it may hide."""
COMPUTED: Final = 0.3
"""Cost of pixels that we worked out, where a named size of the endpoint would do as well."""
NO_DIFFERENCE: Final = 0.005
"""Ratios this close are equal: 1344x768 is what models make of 16:9."""
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


class Choice(NamedTuple):
    """How a size is written: the assignments, what they mean, and what got lost."""

    assignments: tuple[tuple[str, Any], ...]
    size: Size
    ratio_error: float = 0.0
    turned: bool = False
    area_error: float = 0.0
    ratio_lost: bool = False
    area_lost: bool = False


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
    _options: tuple[Choice, ...] = ()
    _alone: tuple[Choice, ...] = ()
    _cache: dict[Size, Choice | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._options = tuple(_options(self.words))
        self._alone = tuple(_ratios_alone(self.words))

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
        if size not in self._cache:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            self._cache[size] = self._search(size)
        return self._cache[size]

    def _search(self, size: Size) -> Choice | None:
        alone = self._alone if size.square_pixels() is None else ()
        options = (*alone, *self._options)
        has_ratios = any(option.size.ratio and not option.size.pixels for option in options)
        ranked = [
            (
                _rank(size, option, extra=_listed_cost(size, option) if has_ratios else 0.0),
                i,
                option,
            )
            for i, option in enumerate(options)
        ]
        computed = self._computed(size)
        if computed is not None:
            extra = 0.0 if size.pixels else COMPUTED
            ranked.append((_rank(size, computed, extra=extra), len(ranked), computed))
        ranked.sort(key=lambda entry: entry[:2])
        if not ranked or ranked[0][0][0] >= 9:
            return None
        return _judge(size, ranked[0][2])

    def _computed(self, size: Size) -> Choice | None:
        """Return the option of exact or worked-out pixels, where the endpoint takes pixels."""
        group = self.pixels
        if size.ratio is None:
            return None
        if group is None:
            return self._free_ratio(size)
        custom = tuple(
            (p.name, value)
            for p in self.words
            for value, word in p.words.items()
            if word.role == "custom"
        )
        has_ratio_words = any(w.role == "ratio" for p in self.words for w in p.words.values())
        if group.whole is None and has_ratio_words and not custom:
            return None
        sides = size.pixels
        if sides is None or not all(group.least <= side <= group.most for side in sides):
            area = size.square_pixels() or self._usual_area
            sides = fit_pixels(size.ratio, area, least=group.least, most=group.most)
        if sides is None:
            return None
        return _plain(custom + group.assign(*sides), _size_of(pixels_word(*sides)))

    @property
    def _usual_area(self) -> float:
        default = self.pixels.default if self.pixels else None
        return float(default[0] * default[1]) if default else MEGAPIXEL

    def _free_ratio(self, size: Size) -> Choice | None:
        for parameter in self.words:
            if parameter.free and size.ratio is not None:
                text = size.label if ":" in size.label else ""
                if size.pixels:
                    text = spell_ratio(*size.pixels)
                word = parse_word(text)
                if word is not None:
                    return _plain(((parameter.name, text),), _size_of(word))
        return None


def _sides(width: Any, height: Any) -> Word | None:
    for side in (width, height):
        if isinstance(side, bool) or not isinstance(side, int | float) or not side < 1e6:
            return None
    return pixels_word(int(width), int(height))


def _size_of(word: Word | None, label: str = "") -> Size:
    if word is None:
        return Size()
    return Size(word.ratio, word.area, word.short, word.pixels, word.role == "follows", label)


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


def _plain(assignments: tuple[tuple[str, Any], ...], size: Size) -> Choice:
    return Choice(tuple(pair for pair in assignments if pair[0]), size)


def _options(words: tuple[WordParameter, ...]) -> list[Choice]:
    """List every combination of words that the endpoint allows, each with its meaning."""
    areas = [(p.name, value, word) for p, value, word in _entries(words, "tier", "area")]
    areas += [(p.name, v, w) for p, v, w in _entries(words, "follows") if w.area]
    options: list[Choice] = []
    for parameter, value, word in _entries(words, "ratio", "follows", "pixels"):
        pairs = [area for area in areas if area[0] != parameter.name]
        label = str(value)
        if word.pixels or word.area or not pairs:
            options.append(_plain(((parameter.name, value),), _size_of(word, label)))
            continue
        options += [
            _plain(
                ((parameter.name, value), (other, tier)),
                replace(_size_of(word, f"{value} {tier}"), area=facet.area, short=facet.short),
            )
            for other, tier, facet in pairs
        ]
    options += [_plain(((name, value),), _size_of(word, str(value))) for name, value, word in areas]
    return options


def _ratios_alone(words: tuple[WordParameter, ...]) -> list[Choice]:
    """List the ratios without a tier, for a call that says nothing about the area."""
    return [
        _plain(((parameter.name, value),), _size_of(word, str(value)))
        for parameter, value, word in _entries(words, "ratio", "follows")
    ]


def _entries(
    words: tuple[WordParameter, ...], *roles: str
) -> Iterator[tuple[WordParameter, Any, Word]]:
    for parameter in words:
        for value, word in parameter.words.items():
            if word.role in roles:
                yield parameter, value, word


def _rank(size: Size, option: Choice, *, extra: float = 0.0) -> tuple[float, ...]:
    """Order options: the same orientation, then the ratio, then exact pixels, then the area."""
    got = option.size
    if size.ratio is not None:
        if got.ratio is None:
            return (9.0,) if got.follows or size.square_pixels() is None else (5.0, _far(size, got))
        error = ratio_error(size.ratio, got.ratio)
        turned = orientation(size.ratio) * orientation(got.ratio) < 0
        near = 0.0 if error <= NO_DIFFERENCE else error
        exact = 0.0 if size.pixels is None or size.pixels == got.pixels else 1.0
        return (2.0 if turned else 0.0, near, exact, _far(size, got) + extra)
    if size.follows:
        matched = 0.0 if got.follows else 1.0
        if not got.follows and got.ratio is not None:
            return (9.0,)
        return (matched, _far(size, got))
    if got.ratio is not None or got.follows or size.square_pixels() is None:
        return (9.0,)
    return (0.0, _far(size, got))


def _listed_cost(size: Size, option: Choice) -> float:
    return COMPUTED if option.size.pixels and not size.pixels else 0.0


def _far(size: Size, got: Size) -> float:
    if size.short is not None and got.short is not None:
        return 2 * abs(log(size.short / got.short))
    wanted = size.square_pixels()
    if wanted is None:
        return 0.0 if got.square_pixels() is None else 0.01
    area = got.square_pixels()
    if area is None:
        apart = abs(log(wanted / MEGAPIXEL))
        return UNKNOWN_AREA if apart < log(2.0) or size.short else apart
    return abs(log(wanted / area))


def _judge(size: Size, option: Choice) -> Choice:
    """Say what an option loses of a size."""
    got = option.size
    both = size.ratio is not None and got.ratio is not None
    error = ratio_error(size.ratio, got.ratio) if both else 0.0  # type: ignore[arg-type]
    turned = both and orientation(size.ratio) * orientation(got.ratio) < 0  # type: ignore[arg-type]
    wants_area = size.square_pixels() is not None
    return option._replace(
        ratio_error=error,
        turned=turned,
        area_error=_far(size, got),
        ratio_lost=(size.ratio is not None and got.ratio is None)
        or (size.follows and not got.follows),
        area_lost=wants_area and got.square_pixels() is None,
    )

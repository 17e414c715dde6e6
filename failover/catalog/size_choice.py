"""Which of an endpoint's sizes is nearest to the one that is meant.

Every combination of words that the endpoint allows is an option, and so are pixels where it takes
them. Options are ordered by orientation, then ratio, then exact pixels, then area.
"""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover.catalog.size_group import PixelParameters, WordParameter

UNKNOWN_AREA: Final = 0.2
"""Cost of an option whose area is not known, as the logarithm of the error it may hide."""
COMPUTED: Final = 0.3
"""Cost of pixels that we worked out, where a named size of the endpoint would do as well."""
NO_DIFFERENCE: Final = 0.005
"""Ratios this close are equal: 1344x768 is what models make of 16:9."""
_IMPOSSIBLE: Final = 9.0
"""First rank of an option that can't stand for the size at all."""


class Choice(NamedTuple):
    """How a size is written: the assignments, what they mean, and what got lost."""

    assignments: tuple[tuple[str, Any], ...]
    size: Size
    ratio_error: float = 0.0
    turned: bool = False
    area_error: float = 0.0
    ratio_lost: bool = False
    area_lost: bool = False


class Options(NamedTuple):
    """All sizes that an endpoint lists: with a tier where there is one, and the ratios alone."""

    listed: tuple[Choice, ...]
    ratios: tuple[Choice, ...]


def options_of(words: tuple[WordParameter, ...]) -> Options:
    """Work out an endpoint's options from its parameters with lists of words."""
    return Options(tuple(_options(words)), tuple(_ratios_alone(words)))


def nearest(
    size: Size,
    options: Options,
    words: tuple[WordParameter, ...],
    pixels: PixelParameters | None,
) -> Choice | None:
    """Return the nearest way in which an endpoint can say a size, or None when it can't.

    Args:
        size: What is meant.
        options: The endpoint's listed sizes.
        words: Its size parameters with lists of words.
        pixels: Its parameters for pixels, if it has any.
    """
    listed = (*options.ratios, *options.listed) if size.square_pixels() is None else options.listed
    has_ratios = any(option.size.ratio and not option.size.pixels for option in listed)
    ranked = []
    for number, option in enumerate(listed):
        extra = COMPUTED if has_ratios and option.size.pixels and not size.pixels else 0.0
        ranked.append((_rank(size, option, extra), number, option))
    computed = _computed(size, words, pixels) if size.ratio is not None else None
    if computed is not None:
        extra = 0.0 if size.pixels else COMPUTED
        ranked.append((_rank(size, computed, extra), len(ranked), computed))
    ranked.sort(key=lambda entry: entry[:2])
    if not ranked or ranked[0][0][0] >= _IMPOSSIBLE:
        return None
    return _judge(size, ranked[0][2])


def _computed(
    size: Size, words: tuple[WordParameter, ...], pixels: PixelParameters | None
) -> Choice | None:
    """Return the option of exact or worked-out pixels, or of a ratio spelt out."""
    if size.ratio is None:
        return None
    if pixels is None:
        return _spelt_out(size, words)
    custom = tuple((p.name, value) for p, value, _ in _entries(words, "custom"))
    if pixels.whole is None and not custom and any(_entries(words, "ratio")):
        return None
    sides = size.pixels
    if sides is None or not all(pixels.least <= side <= pixels.most for side in sides):
        usual = pixels.default[0] * pixels.default[1] if pixels.default else MEGAPIXEL
        area = size.square_pixels() or float(usual)
        sides = fit_pixels(size.ratio, area, least=pixels.least, most=pixels.most)
    if sides is None:
        return None
    return _plain((*custom, *pixels.assign(*sides)), _size_of(pixels_word(*sides)))


def _spelt_out(size: Size, words: tuple[WordParameter, ...]) -> Choice | None:
    free = next((parameter for parameter in words if parameter.free), None)
    if free is None:
        return None
    text = size.label.partition(" ")[0]
    sides = size.pixels or PRESETS.get(text)
    text = spell_ratio(*sides) if sides else text
    word = parse_word(text)
    return _plain(((free.name, text),), _size_of(word)) if word is not None else None


def _size_of(word: Word | None, label: str = "") -> Size:
    if word is None:
        return Size()
    return Size(word.ratio, word.area, word.short, word.pixels, word.role == "follows", label)


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
                replace(_size_of(word, _label(value, tier)), area=facet.area, short=facet.short),
            )
            for other, tier, facet in pairs
        ]
    options += [_plain(((name, value),), _size_of(word, str(value))) for name, value, word in areas]
    return options


def _label(ratio: Any, tier: Any) -> str:
    """Name a ratio with its tier, for the report; a bare number is one of megapixels."""
    bare = str(tier).replace(".", "").isdigit()
    return f"{ratio} {tier} MP" if bare else f"{ratio} {tier}"


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


def _rank(size: Size, option: Choice, extra: float) -> tuple[float, ...]:
    """Order options: the same orientation, then the ratio, then exact pixels, then the area."""
    got = option.size
    if size.ratio is not None:
        if got.ratio is None:
            return (
                (_IMPOSSIBLE,)
                if got.follows or size.square_pixels() is None
                else (5.0, _far(size, got))
            )
        error = ratio_error(size.ratio, got.ratio)
        turned = orientation(size.ratio) * orientation(got.ratio) < 0
        near = 0.0 if error <= NO_DIFFERENCE else error
        exact = 0.0 if size.pixels is None or size.pixels == got.pixels else 1.0
        return (2.0 if turned else 0.0, near, exact, _far(size, got) + extra)
    if size.follows:
        matched = 0.0 if got.follows else 1.0
        if not got.follows and got.ratio is not None:
            return (_IMPOSSIBLE,)
        return (matched, _far(size, got))
    if got.ratio is not None or got.follows or size.square_pixels() is None:
        return (_IMPOSSIBLE,)
    return (0.0, _far(size, got))


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
    error, turned = 0.0, False
    if size.ratio is not None and got.ratio is not None:
        error = ratio_error(size.ratio, got.ratio)
        turned = orientation(size.ratio) * orientation(got.ratio) < 0
    wants_area = size.square_pixels() is not None
    return option._replace(
        ratio_error=error,
        turned=turned,
        area_error=_far(size, got),
        ratio_lost=(size.ratio is not None and got.ratio is None)
        or (size.follows and not got.follows),
        area_lost=wants_area and got.square_pixels() is None,
    )

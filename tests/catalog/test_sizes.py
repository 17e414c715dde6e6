"""Sizes: every spelling understood, and the nearest legal one found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from failover.catalog.binder import bind
from failover.catalog.bindings import plan_input
from failover.catalog.sizes import (
    MEGAPIXEL,
    Size,
    fit_pixels,
    orientation,
    parse_word,
    ratio_error,
    spell_ratio,
)

if TYPE_CHECKING:
    from failover.catalog.size_group import SizeGroup


def group(schema: dict[str, Any], kind: str = "image") -> SizeGroup:
    whole = {"type": "object", "properties": schema}
    size = plan_input(whole, bind(whole, kind), kind).size
    assert size is not None
    return size


def enum(*values: Any, default: Any = None) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)} | ({"default": default} if default else {})


PRESETS = [
    "square_hd",
    "square",
    "portrait_4_3",
    "portrait_16_9",
    "landscape_4_3",
    "landscape_16_9",
]
SIDE = {"type": "integer", "exclusiveMinimum": 0, "maximum": 14142}
FAL = {
    "image_size": {
        "anyOf": [
            {"type": "object", "properties": {"width": SIDE, "height": SIDE}},
            {"type": "string", "enum": PRESETS},
        ],
        "default": "landscape_4_3",
    }
}
RATIOS = {"aspect_ratio": enum("1:1", "16:9", "4:3", "3:4", "9:16", default="1:1")}


@pytest.mark.parametrize(
    ("text", "role", "facts"),
    [
        ("16:9", "ratio", {"ratio": 16 / 9}),
        ("2.35:1", "ratio", {"ratio": 2.35}),
        ("1024x768", "pixels", {"pixels": (1024, 768)}),
        ("1280*720", "pixels", {"pixels": (1280, 720)}),
        ("768 \u00d7 1360 (Portrait)", "pixels", {"pixels": (768, 1360)}),
        ("720p", "tier", {"short": 720}),
        ("768P", "tier", {"short": 768}),
        ("2K", "area", {"area": 4 * MEGAPIXEL}),
        ("0.5K", "area", {"area": MEGAPIXEL / 4}),
        ("0.5 MP", "area", {"area": MEGAPIXEL / 2}),
        ("portrait", "ratio", {"ratio": 9 / 16}),
        ("match_input_image", "follows", {}),
        ("auto", "follows", {}),
        ("Not set", "unset", {}),
        ("custom", "custom", {}),
    ],
)
def test_a_word_is_understood(text: str, role: str, facts: dict[str, Any]) -> None:
    word = parse_word(text)
    assert word is not None
    assert word.role == role
    for name, value in facts.items():
        assert getattr(word, name) == value


def test_words_depend_on_where_they_are() -> None:
    assert parse_word("4k", video=True).short == 2160  # type: ignore[union-attr]
    assert parse_word("0.25", megapixels=True).area == MEGAPIXEL / 4  # type: ignore[union-attr]
    values: tuple[Any, ...] = ("0.25", "soft", True, None, [], "0:9", "1:0")
    for value in values:
        assert parse_word(value) is None


@pytest.mark.parametrize("ratio", [0.4286, 0.5625, 0.75, 1.0, 1.25, 4 / 3, 1.5, 16 / 9, 2.3333])
@pytest.mark.parametrize("area", [0.25 * MEGAPIXEL, MEGAPIXEL, 4 * MEGAPIXEL])
def test_pixels_fit_the_ratio_then_the_area(ratio: float, area: float) -> None:
    sides = fit_pixels(ratio, area, least=64, most=14142)
    assert sides is not None
    assert sides[0] % 16 == sides[1] % 16 == 0
    assert ratio_error(ratio, sides[0] / sides[1]) < 0.012
    assert 0.5 < sides[0] * sides[1] / area < 2


def test_pixels_respect_the_limits() -> None:
    assert fit_pixels(16 / 9, 16 * MEGAPIXEL, least=64, most=1440) == (1280, 720)
    low = fit_pixels(16 / 9, MEGAPIXEL / 4, least=1024, most=4096)
    assert low is not None
    assert min(low) >= 1024
    assert fit_pixels(30.0, MEGAPIXEL, least=512, most=1024) is None


def test_ratios_are_spelt_in_lowest_terms() -> None:
    assert spell_ratio(1024, 768) == "4:3"
    assert spell_ratio(1000, 700) == "10:7"
    assert [orientation(r) for r in (0.9, 0.99, 1.0, 1.01, 1.1)] == [-1, 0, 0, 0, 1]


def test_a_preset_reads_as_its_ratio_and_area() -> None:
    size = group(FAL).read({"image_size": "portrait_4_3"}).size
    assert (size.ratio, size.area, size.pixels) == (768 / 1024, 768 * 1024, None)


def test_said_beats_assumed() -> None:
    fal = group(FAL)
    assert fal.read({}).size.ratio == 4 / 3
    reading = fal.read({"image_size": {"width": 800, "height": 600}})
    assert reading.size.pixels == (800, 600)
    assert reading.ratio_by == reading.area_by == "image_size"
    assert fal.read({}).ratio_by is None


@pytest.mark.parametrize("value", ["max", 5, [], {"width": 0, "height": 5}, {"width": "a"}])
def test_what_is_no_size_is_invalid(value: Any) -> None:
    assert group(FAL).read({"image_size": value}).invalid == "image_size"


def test_a_side_that_is_not_said_is_the_one_the_schema_assumes() -> None:
    reading = group(FAL).read({"image_size": {"width": 1024}})
    assert reading.size.pixels == (1024, 512)


def test_the_nearest_ratio_wins_and_never_turns_the_picture() -> None:
    ratios = group(RATIOS)
    choice = ratios.choose(Size(ratio=1.9, area=MEGAPIXEL))
    assert choice is not None
    assert choice.assignments == (("aspect_ratio", "16:9"),)
    only_tall = group({"aspect_ratio": enum("9:16", "1:1", "3:4")})
    choice = only_tall.choose(Size(ratio=1.4))
    assert choice is not None
    assert choice.assignments == (("aspect_ratio", "1:1"),)
    assert not choice.turned


def test_ratio_and_tier_are_chosen_together() -> None:
    both = group(RATIOS | {"resolution": enum("1K", "2K", "4K", default="1K")})
    choice = both.choose(Size(ratio=3 / 4, area=4.2 * MEGAPIXEL))
    assert choice is not None
    assert dict(choice.assignments) == {"aspect_ratio": "3:4", "resolution": "2K"}


def test_a_call_without_a_tier_leaves_the_tier_alone() -> None:
    both = group(RATIOS | {"resolution": enum("1K", "2K")})
    choice = both.choose(Size(ratio=3 / 4))
    assert choice is not None
    assert dict(choice.assignments) == {"aspect_ratio": "3:4"}


def test_a_call_without_a_ratio_sets_the_tier_only() -> None:
    both = group(RATIOS | {"resolution": enum("480p", "720p")}, "video")
    choice = both.choose(Size(short=480))
    assert choice is not None
    assert dict(choice.assignments) == {"resolution": "480p"}


def test_exact_pixels_go_through_the_custom_door() -> None:
    schema = {
        "aspect_ratio": enum("custom", "1:1", "16:9", default="1:1"),
        "width": {"type": "integer", "minimum": 256, "maximum": 1440},
        "height": {"type": "integer", "minimum": 256, "maximum": 1440},
    }
    custom = group(schema)
    choice = custom.choose(Size(1.25, 800 * 640, pixels=(800, 640)))
    assert choice is not None
    assert dict(choice.assignments) == {"aspect_ratio": "custom", "width": 800, "height": 640}
    assert custom.read({"width": 800, "height": 640}).size.ratio == 1.0  # without custom: ignored
    too_big = custom.choose(Size(1.25, 2000 * 1600, pixels=(2000, 1600)))
    assert too_big is not None
    sides = dict(too_big.assignments)
    assert max(sides["width"], sides["height"]) <= 1440
    assert ratio_error(1.25, sides["width"] / sides["height"]) < 0.01


def test_pixel_lists_take_the_nearest_entry() -> None:
    listed = group({"size": enum("1280*720", "720*1280", "1920*1080", "1080*1920")}, "video")
    choice = listed.choose(Size(ratio=9 / 16, short=1080))
    assert choice is not None
    assert choice.assignments == (("size", "1080*1920"),)


def test_a_free_ratio_is_spelt_out() -> None:
    free = group({"aspect_ratio": {"type": "string"}})
    choice = free.choose(Size(1.25, 800 * 640, pixels=(800, 640)))
    assert choice is not None
    assert choice.assignments == (("aspect_ratio", "5:4"),)


def test_the_pictures_own_ratio_is_asked_for_where_there_is_a_word() -> None:
    words = group({"aspect_ratio": enum("match_input_image", "1:1", "16:9")})
    choice = words.choose(Size(follows=True))
    assert choice is not None
    assert choice.assignments == (("aspect_ratio", "match_input_image"),)
    assert group(RATIOS).choose(Size(follows=True)) is None


def test_choices_are_kept_but_not_without_bound() -> None:
    ratios = group(RATIOS)
    for width in range(1, 1500):
        ratios.choose(Size(ratio=width / 700))
    assert len(ratios._cache) <= 512

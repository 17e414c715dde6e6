"""Which model an endpoint is: exactly its own, or unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.pairs import CATALOG, MODELS, SCHEMAS
from failover.catalog import Endpoint
from failover.catalog.build import NEWEST_SNAPSHOT

SLUGS = json.loads((Path(__file__).parent / "slugs.json").read_text("utf-8"))
"""Every endpoint id that fal's and Replicate's published lists have had."""


def test_f01_every_published_endpoint_is_itself_or_unknown() -> None:
    known = 0
    for provider, slugs in SLUGS.items():
        for slug in slugs:
            endpoint = CATALOG.endpoint(provider, slug)
            if endpoint is None:
                continue
            known += 1
            assert (endpoint.provider, endpoint.slug) == (provider, slug)
            for model in CATALOG._served(endpoint):
                assert slug in MODELS[model]["endpoints"][provider]
    assert known == sum(len(SCHEMAS[provider]) for provider in SCHEMAS)


@pytest.mark.parametrize(
    ("provider", "slug"),
    [
        ("fal", "fal-ai/flux"),
        ("fal", "fal-ai/flux-pro"),
        ("fal", "fal-ai/flux/dev/"),
        ("fal", "fal-ai/flux/dev2"),
        ("fal", "FAL-AI/flux/dev"),
        ("fal", "fal-ai/flux/dev/image-to-image/x"),
        ("fal", "fal-ai/flux-pro-trainer"),
        ("fal", ""),
        ("replicate", "black-forest-labs/flux"),
        ("replicate", "black-forest-labs/flux-dev:latest"),
        ("replicate", "fal-ai/flux/dev"),
        ("fal", "black-forest-labs/flux-dev"),
        ("somewhere", "fal-ai/flux/dev"),
    ],
)
def test_f01_near_misses_are_unknown(provider: str, slug: str) -> None:
    assert CATALOG.endpoint(provider, slug) is None


@pytest.mark.parametrize(
    ("slug", "model"),
    [
        ("fal-ai/flux-pro/new", "flux-pro"),
        ("fal-ai/flux-pro/v1.1", "flux-1.1-pro"),
        ("fal-ai/flux-pro/v1.1-ultra", "flux-1.1-pro-ultra"),
        ("fal-ai/flux-pro/kontext", "flux-kontext-pro"),
        ("fal-ai/flux-pro/kontext/max", "flux-kontext-max"),
        ("fal-ai/flux-pro/kontext/text-to-image", "flux-kontext-pro-t2i"),
        ("fal-ai/flux/dev/image-to-image", "flux-dev-i2i"),
        ("fal-ai/nano-banana/edit", "nano-banana-edit"),
        ("fal-ai/kling-video/v2.5-turbo/pro/image-to-video", "kling-2.5-turbo-pro-i2v"),
        ("fal-ai/kling-video/v2.5-turbo/pro/text-to-video", "kling-2.5-turbo-pro"),
    ],
)
def test_f01_close_names_are_different_models(slug: str, model: str) -> None:
    endpoint = CATALOG.endpoint("fal", slug)
    assert endpoint is not None
    assert CATALOG.model(endpoint, {}) == model


IMAGE = "https://files.test/a.png"


@pytest.mark.parametrize(
    ("slug", "call", "model"),
    [
        ("black-forest-labs/flux-dev", {}, "flux-dev"),
        ("black-forest-labs/flux-dev", {"image": IMAGE}, "flux-dev-i2i"),
        ("black-forest-labs/flux-dev", {"image": None}, "flux-dev"),
        ("black-forest-labs/flux-kontext-pro", {"input_image": IMAGE}, "flux-kontext-pro"),
        ("black-forest-labs/flux-kontext-pro", {}, "flux-kontext-pro-t2i"),
        ("black-forest-labs/flux-1.1-pro", {"image_prompt": IMAGE}, "flux-1.1-pro-redux"),
        ("google/nano-banana", {"image_input": [IMAGE]}, "nano-banana-edit"),
        ("google/nano-banana", {"image_input": []}, "nano-banana"),
        ("bytedance/seedream-4", {"image_input": [IMAGE]}, "seedream-4-edit"),
        ("stability-ai/sdxl", {}, "sdxl"),
        ("stability-ai/sdxl", {"image": IMAGE}, "sdxl-i2i"),
        ("stability-ai/sdxl", {"image": IMAGE, "mask": IMAGE}, "sdxl-inpaint"),
        ("kwaivgi/kling-v2.5-turbo-pro", {"start_image": IMAGE}, "kling-2.5-turbo-pro-i2v"),
        ("kwaivgi/kling-v2.5-turbo-pro", {"image": IMAGE}, "kling-2.5-turbo-pro-i2v"),
        ("minimax/hailuo-02", {}, "hailuo-02-pro"),
        ("minimax/hailuo-02", {"resolution": "768p"}, "hailuo-02-standard"),
        (
            "minimax/hailuo-02",
            {"resolution": "512p", "first_frame_image": IMAGE},
            "hailuo-02-standard-i2v",
        ),
        ("kwaivgi/kling-v3-video", {"mode": "standard"}, "kling-3.0-standard"),
        ("bytedance/seedance-2.0", {"reference_images": [IMAGE]}, "seedance-2.0-reference"),
    ],
)
def test_one_slug_of_several_models_is_chosen_by_the_call(
    slug: str, call: dict[str, object], model: str
) -> None:
    endpoint = CATALOG.endpoint("replicate", slug)
    assert endpoint is not None
    assert CATALOG.model(endpoint, call) == model


@pytest.mark.parametrize(
    ("speed", "slug"),
    [
        ("TURBO", "ideogram-ai/ideogram-v3-turbo"),
        ("BALANCED", "ideogram-ai/ideogram-v3-balanced"),
        (None, "ideogram-ai/ideogram-v3-balanced"),
        ("QUALITY", "ideogram-ai/ideogram-v3-quality"),
    ],
)
def test_a_parameter_that_selects_a_variant_selects_the_target(
    speed: str | None, slug: str
) -> None:
    endpoint = CATALOG.endpoint("fal", "fal-ai/ideogram/v3")
    assert endpoint is not None
    (target,) = CATALOG.targets(endpoint, {"rendering_speed": speed} if speed else {})
    assert target.endpoint.slug == slug


def test_f02_targets_are_exact_slugs_of_other_providers() -> None:
    for provider, lines in SCHEMAS.items():
        for slug in lines:
            source = CATALOG.endpoint(provider, slug)
            assert source is not None
            for target in CATALOG.targets(source, {}):
                assert target.endpoint.provider != provider
                assert target.endpoint.slug in SCHEMAS[target.endpoint.provider]
                assert target.endpoint.retired is None


def test_f02_a_model_without_an_endpoint_elsewhere_has_no_target() -> None:
    source = CATALOG.endpoint("fal", "fal-ai/flux-realism")
    assert source is not None
    assert CATALOG.targets(source, {"prompt": "x"}) == ()


def test_f04_unknown_endpoints_have_no_model_and_no_targets() -> None:
    stranger = Endpoint("fal", "fal-ai/flux-2-x", "image")
    assert CATALOG.model(stranger, {"prompt": "x"}) is None
    assert CATALOG.targets(stranger, {"prompt": "x"}) == ()
    assert CATALOG.endpoints_of("no-such-model") == ()
    assert CATALOG.output_schema(stranger) is None


def test_f05_what_left_the_newest_list_is_retired_and_no_target() -> None:
    for slug in SCHEMAS["fal"]:
        seen = SCHEMAS["fal"][slug].get("last_seen")
        endpoint = CATALOG.endpoint("fal", slug)
        assert endpoint is not None
        if seen is not None and seen < NEWEST_SNAPSHOT:
            assert endpoint.retired == seen
        elif seen == NEWEST_SNAPSHOT:
            assert endpoint.retired is None


def test_f05_a_retired_source_still_fails_over() -> None:
    source = CATALOG.endpoint("fal", "fal-ai/imagen4/preview")
    assert source is not None
    assert source.retired == "2026-04-07"
    targets = CATALOG.targets(source, {"prompt": "x"})
    assert [target.endpoint.slug for target in targets] == ["google/imagen-4"]
    other = CATALOG.endpoint("replicate", "google/imagen-4")
    assert other is not None
    assert CATALOG.targets(other, {"prompt": "x"}) == ()


def test_f60_endpoints_of_a_model_make_the_same_kind_of_thing() -> None:
    makes = {
        "video": "video", "image-to-video": "video", "video-edit": "video", "lipsync": "video",
        "avatar": "video", "video-upscale": "video", "interpolation": "video",
        "tts": "audio", "music": "audio", "sound": "audio", "audio-separation": "audio",
        "video-to-audio": "sound track", "transcription": "text", "vision": "text", "3d": "3d",
    }  # fmt: skip
    for provider, lines in SCHEMAS.items():
        for slug in lines:
            endpoint = CATALOG.endpoint(provider, slug)
            assert endpoint is not None
            kinds = {makes.get(MODELS[m]["kind"], "image") for m in CATALOG._served(endpoint)}
            mixed = {"zsxkib/seedvr2", "zsxkib/mmaudio", "fal-ai/mmaudio-v2"}
            assert len(kinds) == 1 or slug in mixed, (slug, kinds)


def test_versions_name_their_slug() -> None:
    found = 0
    for slug in SCHEMAS["replicate"]:
        version = SCHEMAS["replicate"][slug].get("version")
        if version is not None:
            found += 1
            assert CATALOG.slug_of_version(version) == slug
    assert found > 100
    assert CATALOG.slug_of_version("0" * 64) is None
    assert CATALOG.slug_of_version("black-forest-labs/flux-dev") is None


def test_community_models_are_called_by_version() -> None:
    sdxl = CATALOG.endpoint("replicate", "stability-ai/sdxl")
    schnell = CATALOG.endpoint("replicate", "black-forest-labs/flux-schnell")
    assert sdxl is not None
    assert schnell is not None
    assert sdxl.official is False
    assert sdxl.version is not None
    assert len(sdxl.version) == 64
    assert schnell.official is True


def test_the_asked_size_chooses_among_slugs_of_one_size_each() -> None:
    source = CATALOG.endpoint("fal", "fal-ai/wan-i2v")
    assert source is not None
    call = {"prompt": "x", "image_url": IMAGE}
    first = {
        size: CATALOG.targets(source, call | {"resolution": size})[0].endpoint.slug
        for size in ("480p", "720p")
    }
    assert first == {
        "480p": "wavespeedai/wan-2.1-i2v-480p",
        "720p": "wavespeedai/wan-2.1-i2v-720p",
    }

"""The rules of translation, one by one: loss, fidelity, safety, defaults, private inputs."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.pairs import CATALOG
from failover.catalog import Endpoint, Refusal, Target, Translation

IMAGE = "https://files.test/a.png"
FLUX = "fal-ai/flux/dev"
FLUX_REPLICATE = "black-forest-labs/flux-dev"


def translate(
    provider: str, slug: str, call: dict[str, Any], fidelity: str = "close", at: int = 0
) -> Translation | Refusal:
    source = CATALOG.endpoint(provider, slug)
    assert source is not None
    return CATALOG.translate(source, CATALOG.targets(source, call)[at], call, fidelity=fidelity)


def sent(provider: str, slug: str, call: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = translate(provider, slug, call, **options)
    assert isinstance(answer, Translation), answer
    return answer.inputs[0]


# Safety.


def test_f16_a_checker_that_is_on_stays_on() -> None:
    assert "disable_safety_checker" not in sent("fal", FLUX, {"prompt": "a fox"})
    asked = sent("fal", FLUX, {"prompt": "a fox", "enable_safety_checker": True})
    assert asked["disable_safety_checker"] is False


def test_f16_a_checker_goes_off_only_when_the_caller_says_so() -> None:
    off = sent("fal", FLUX, {"prompt": "a fox", "enable_safety_checker": False})
    assert off["disable_safety_checker"] is True
    # fal's Wan endpoints have it off by default; that does not travel.
    wan = sent("fal", "fal-ai/wan/v2.2-a14b/text-to-video", {"prompt": "a fox"})
    assert wan.get("disable_safety_checker", False) is False


@pytest.mark.parametrize(
    ("level", "filter_level"),
    [
        ("1", "block_low_and_above"),
        ("2", "block_low_and_above"),
        ("3", "block_medium_and_above"),
        ("4", "block_medium_and_above"),
        ("5", "block_only_high"),
        ("6", "block_only_high"),
        (None, "block_medium_and_above"),
    ],
)
def test_f16_a_filter_is_never_weaker_than_the_level(level: str | None, filter_level: str) -> None:
    call = {"prompt": "a fox"} if level is None else {"prompt": "a fox", "safety_tolerance": level}
    got = sent("fal", "fal-ai/nano-banana-pro", call)
    assert got["safety_filter_level"] == filter_level


@pytest.mark.parametrize(
    ("filter_level", "level"),
    [
        ("block_low_and_above", "1"),
        ("block_medium_and_above", "3"),
        ("block_only_high", "5"),
        (None, None),
    ],
)
def test_f16_a_level_is_never_weaker_than_the_filter(
    filter_level: str | None, level: str | None
) -> None:
    call = {"prompt": "a fox"} | ({"safety_filter_level": filter_level} if filter_level else {})
    assert sent("replicate", "google/nano-banana-pro", call).get("safety_tolerance") == level


def test_f16_no_level_strict_enough_is_a_refusal() -> None:
    call = {"prompt": "a fox", "input_image": IMAGE, "safety_tolerance": 0}
    answer = translate("replicate", "black-forest-labs/flux-kontext-pro", call)
    assert answer == Refusal("safety", "safety_tolerance")


# Count.


def test_f09_a_count_that_one_request_cannot_make_is_refused() -> None:
    call = {"prompt": "a fox", "num_images": 2}
    assert translate("fal", "fal-ai/flux-pro/v1.1", call) == Refusal("count", "num_images")
    assert translate("fal", "fal-ai/fast-sdxl", {"prompt": "a fox", "num_images": 5}) == Refusal(
        "count", "num_images"
    )
    assert sent("fal", FLUX, {"prompt": "a fox", "num_images": 4})["num_outputs"] == 4


def test_f09_fidelity_any_never_makes_fewer_either() -> None:
    call = {"prompt": "a fox", "num_images": 2}
    answer = translate("fal", "fal-ai/flux-pro/v1.1", call, fidelity="any")
    assert answer == Refusal("count", "num_images")


def test_one_piece_is_no_loss_where_nothing_says_how_many() -> None:
    call = {"prompt": "a fox", "num_images": 1}
    answer = translate("fal", "fal-ai/flux-pro/v1.1", call, fidelity="exact")
    assert isinstance(answer, Translation)
    assert answer.dropped == ()


# Sizes.


def test_f13_the_sources_default_size_travels() -> None:
    assert sent("fal", FLUX, {"prompt": "a fox"})["aspect_ratio"] == "4:3"
    back = sent("replicate", FLUX_REPLICATE, {"prompt": "a fox"})
    assert back["image_size"] == "square_hd"


def test_f14_width_and_height_are_carried() -> None:
    call = {"prompt": "a fox", "width": 832, "height": 1216}
    assert sent("replicate", "stability-ai/sdxl", call)["image_size"] == {
        "width": 832,
        "height": 1216,
    }


def test_f16_a_ratio_is_always_one_that_the_target_lists() -> None:
    call = {"prompt": "a fox", "image_size": {"width": 1792, "height": 1024}}
    answer = translate("fal", FLUX, call)
    assert isinstance(answer, Translation)
    assert answer.inputs[0]["aspect_ratio"] == "16:9"
    assert answer.changed == ("image_size: 1792x1024 -> 16:9 1 MP",)


def test_a_ratio_too_far_off_is_refused_unless_anything_goes() -> None:
    call = {"prompt": "a fox", "image_size": {"width": 1536, "height": 512}}
    assert translate("fal", FLUX, call) == Refusal("shape", "image_size")
    assert sent("fal", FLUX, call, fidelity="any")["aspect_ratio"] == "21:9"


def test_an_area_too_far_off_is_refused_unless_anything_goes() -> None:
    call = {"prompt": "a fox", "image_size": {"width": 4096, "height": 4096}}
    assert translate("fal", FLUX, call) == Refusal("shape", "image_size")
    assert sent("fal", FLUX, call, fidelity="any")["aspect_ratio"] == "1:1"


def test_a_ratio_that_the_target_has_no_word_for_is_refused() -> None:
    call = {"prompt": "a fox", "image": IMAGE, "aspect_ratio": "9:16"}
    answer = translate("replicate", "alibaba/happyhorse-1.0", call)
    assert answer == Refusal("shape", "aspect_ratio")
    answer = translate("replicate", "alibaba/happyhorse-1.0", call, "any")
    assert isinstance(answer, Translation)
    assert answer.dropped == ("aspect_ratio",)


def test_a_picture_decides_the_size_where_the_model_says_so() -> None:
    call = {"prompt": "a fox", "image": IMAGE, "aspect_ratio": "16:9"}
    answer = translate("replicate", FLUX_REPLICATE, call)
    assert isinstance(answer, Translation)
    assert answer.dropped == ("aspect_ratio",)


def test_a_tier_travels_though_a_picture_decides_the_ratio() -> None:
    call = {"prompt": "a fox", "image": IMAGE, "resolution": "480p"}
    assert sent("replicate", "bytedance/seedance-1-pro", call)["resolution"] == "480p"
    del call["resolution"]
    assert sent("replicate", "bytedance/seedance-1-pro", call)["resolution"] == "1080p"


# Durations.


def test_durations_are_written_as_the_target_writes_them() -> None:
    call = {"prompt": "a fox", "duration": 10}
    assert sent("replicate", "kwaivgi/kling-v2.5-turbo-pro", call)["duration"] == "10"
    call = {"prompt": "a fox", "duration": "10"}
    slug = "fal-ai/kling-video/v2.5-turbo/pro/text-to-video"
    assert sent("fal", slug, call)["duration"] == 10


def test_a_duration_too_far_off_is_refused_unless_anything_goes() -> None:
    call = {"prompt": "a fox", "duration": 10, "resolution": "1080p"}
    assert translate("replicate", "minimax/hailuo-02", call) == Refusal("shape", "duration")
    answer = translate("replicate", "minimax/hailuo-02", call, "any")
    assert isinstance(answer, Translation)
    assert answer.dropped == ("duration",)


# Tuning.


def test_tuning_is_clamped_and_reported() -> None:
    answer = translate("fal", "fal-ai/flux/schnell", {"prompt": "a fox", "num_inference_steps": 12})
    assert isinstance(answer, Translation)
    assert answer.inputs[0]["num_inference_steps"] == 4
    assert answer.changed == ("num_inference_steps: 12 -> 4",)


def test_tuning_that_the_target_lacks_is_dropped_and_reported() -> None:
    call = {"prompt": "a fox", "output_quality": 90, "output_format": "webp"}
    answer = translate("replicate", FLUX_REPLICATE, call)
    assert isinstance(answer, Translation)
    assert set(answer.dropped) == {"output_quality", "output_format"}


def test_unsaid_tuning_is_never_reported_nor_clamped() -> None:
    answer = translate("fal", "fal-ai/flux/schnell", {"prompt": "a fox"})
    assert isinstance(answer, Translation)
    assert "num_inference_steps" not in answer.inputs[0]  # fal's default is 28, the target's most 4
    assert answer.changed == answer.dropped == ()


def test_a_seed_out_of_range_is_dropped_not_bent() -> None:
    call = {"prompt": "a fox", "seed": 2**40}
    answer = translate("fal", "fal-ai/ideogram/v3", call | {"rendering_speed": "TURBO"})
    assert isinstance(answer, Translation)
    assert "seed" not in answer.inputs[0]
    assert answer.dropped == ("seed",)


# Essentials.


@pytest.mark.parametrize(
    ("provider", "slug", "call", "parameter"),
    [
        ("fal", "fal-ai/fast-sdxl", {"embeddings": [{"path": "https://a.test/e"}]}, "embeddings"),
        ("fal", "fal-ai/recraft/v3/text-to-image", {"style_id": "a-style"}, "style_id"),
        ("replicate", "stability-ai/sdxl", {"replicate_weights": "https://a.test/w"},
         "replicate_weights"),
        ("replicate", "minimax/video-01", {"subject_reference": IMAGE, "first_frame_image": IMAGE},
         "subject_reference"),
    ],
)  # fmt: skip
def test_x14_what_the_call_is_about_is_never_dropped(
    provider: str, slug: str, call: dict[str, Any], parameter: str
) -> None:
    for fidelity in ("close", "any"):
        answer = translate(provider, slug, {"prompt": "a fox", **call}, fidelity)
        assert answer == Refusal("essential", parameter)


def test_x14_models_that_live_at_one_provider_are_private() -> None:
    slug = "black-forest-labs/flux-dev-lora"
    call = {"prompt": "a fox", "lora_weights": "acme/style"}
    assert translate("replicate", slug, call) == Refusal("private_model", "lora_weights")
    call = {"prompt": "a fox", "lora_weights": "https://files.test/l.safetensors"}
    assert sent("replicate", slug, call)["loras"] == [{"path": call["lora_weights"]}]


@pytest.mark.parametrize(
    "scheme", ["https://api.replicate.com/v1/files/x", "HTTPS://API.replicate.com/v1/files/x"]
)
def test_x13_files_behind_a_providers_key_stay_there(scheme: str) -> None:
    call = {"prompt": "a fox", "image": scheme}
    assert translate("replicate", FLUX_REPLICATE, call) == Refusal("private_input", "image")
    several = {"prompt": "a fox", "image_input": [IMAGE, scheme]}
    answer = translate("replicate", "google/nano-banana", several)
    assert answer == Refusal("private_input", "image_input")


@pytest.mark.parametrize("file", ["data:image/png;base64,AAAA", IMAGE, "http://files.test/a.png"])
def test_files_that_anybody_can_read_are_carried_as_they_are(file: str) -> None:
    call = {"prompt": "a fox", "image_url": file}
    assert sent("fal", "fal-ai/flux/dev/image-to-image", call)["image"] == file


def test_one_file_of_a_list_goes_where_one_is_taken_and_two_do_not() -> None:
    call = {"prompt": "a fox", "image_urls": [IMAGE, IMAGE + "?2"]}
    assert len(sent("fal", "fal-ai/nano-banana/edit", call)["image_input"]) == 2
    multi = {"prompt": "a fox", "image_urls": [IMAGE, IMAGE + "?2"]}
    got = sent("fal", "fal-ai/flux-pro/kontext/max/multi", multi)
    assert (got["input_image_1"], got["input_image_2"]) == tuple(multi["image_urls"])
    three = {"prompt": "a fox", "image_urls": [IMAGE, IMAGE, IMAGE]}
    answer = translate("fal", "fal-ai/flux-pro/kontext/max/multi", three)
    assert answer == Refusal("essential", "image_urls")


def test_a_prompt_is_never_shortened() -> None:
    call = {"prompt": "x" * 3000}
    answer = translate("replicate", "kwaivgi/kling-v2.5-turbo-pro", call)
    assert answer == Refusal("essential", "prompt")


def test_keys_in_the_input_never_travel() -> None:
    call = {"prompt": "a fox", "openai_api_key": "sk-canary", "input_images": [IMAGE]}
    answer = translate("replicate", "openai/gpt-image-1", call)
    assert isinstance(answer, Translation)
    assert "canary" not in repr(answer)
    assert "openai_api_key" in answer.dropped


def test_what_the_target_requires_and_nobody_said_is_a_refusal() -> None:
    answer = translate("fal", "fal-ai/gpt-image-1/text-to-image", {"prompt": "a fox"})
    assert answer == Refusal("required", "openai_api_key")


def test_a_language_is_not_assumed() -> None:
    call = {"audio": "https://files.test/a.mp3"}
    assert translate("replicate", "openai/whisper", call) == Refusal("essential", "language")
    assert sent("replicate", "openai/whisper", call | {"language": "de"})["language"] == "de"
    assert sent("replicate", "openai/whisper", call | {"language": "German"})["language"] == "de"


# Fidelity and reports.


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        ({"num_inference_steps": 12}, "num_inference_steps"),
        ({"sync_mode": True}, "sync_mode"),
        ({"image_size": {"width": 1000, "height": 700}}, "image_size"),
    ],
)
def test_exact_refuses_what_would_change(call: dict[str, Any], parameter: str) -> None:
    call = {"prompt": "a fox"} | call
    assert translate("fal", "fal-ai/flux/schnell", call, "exact") == Refusal("exact", parameter)


def test_exact_refuses_what_the_schema_does_not_know() -> None:
    call = {"prompt": "a fox", "surprise": 1}
    assert translate("fal", FLUX, call, "exact") == Refusal("unknown_parameter", "surprise")
    answer = translate("fal", FLUX, call)
    assert isinstance(answer, Translation)
    assert answer.dropped == ("surprise",)
    assert "surprise" not in answer.inputs[0]


def test_exact_takes_what_can_be_said_exactly() -> None:
    call = {
        "prompt": "a fox", "seed": 4, "num_images": 2, "guidance_scale": 4.5,
        "image_size": "square_hd", "num_inference_steps": 20, "output_format": "png",
        "sync_mode": False,
    }  # fmt: skip
    answer = translate("fal", FLUX, call, "exact")
    assert isinstance(answer, Translation)
    assert answer.dropped == answer.changed == ()
    assert answer.inputs[0] == {
        "prompt": "a fox", "seed": 4, "num_outputs": 2, "guidance": 4.5, "aspect_ratio": "1:1",
        "megapixels": "1", "num_inference_steps": 20, "output_format": "png", "go_fast": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": "a fox", "image_size": "max"}, "image_size"),
        ({"prompt": "a fox", "image_size": {"width": 0, "height": 10}}, "image_size"),
        ({"prompt": "a fox", "num_images": "many"}, "num_images"),
        ({"prompt": "a fox", "enable_safety_checker": "yes"}, "enable_safety_checker"),
    ],
)
def test_f14_a_value_of_the_wrong_type_is_a_refusal(call: dict[str, Any], parameter: str) -> None:
    assert translate("fal", FLUX, call) == Refusal("invalid", parameter)


def test_reports_are_short_printable_and_name_no_text() -> None:
    call = {"prompt": "secret words", "image_size": {"width": 1000, "height": 700}, "b\u00e4d": 1}
    answer = translate("fal", FLUX, call)
    assert isinstance(answer, Translation)
    for line in (*answer.dropped, *answer.changed):
        assert line.isascii()
        assert len(line) <= 80
        assert "secret" not in line


def test_the_callers_input_is_left_alone() -> None:
    call = {"prompt": "a fox", "image_urls": [IMAGE]}
    before = {"prompt": "a fox", "image_urls": [IMAGE]}
    got = sent("fal", "fal-ai/nano-banana/edit", call)
    got["image_input"].append("other")
    assert call == before


def test_two_names_of_one_thing_must_agree() -> None:
    call = {"prompt": "a fox", "start_image": IMAGE, "image": IMAGE}
    slug = "kwaivgi/kling-v2.5-turbo-pro"
    assert sent("replicate", slug, call)["image_url"] == IMAGE
    call["image"] = IMAGE + "?other"
    assert translate("replicate", slug, call) == Refusal("invalid", "image")


def test_a_seed_is_kept_digit_by_digit() -> None:
    assert sent("fal", FLUX, {"prompt": "a fox", "seed": 2**62 + 1})["seed"] == 2**62 + 1
    answer = translate("fal", FLUX, {"prompt": "a fox", "seed": 2**70})
    assert answer == Refusal("invalid", "seed")
    assert sent("fal", FLUX, {"prompt": "a fox", "seed": 5.0})["seed"] == 5


def test_another_model_may_stand_in_when_the_user_says_so() -> None:
    source = CATALOG.endpoint("fal", FLUX)
    assert source is not None
    call = {"prompt": "a fox", "image_size": "landscape_16_9", "num_inference_steps": 20}
    (other,) = [e for e in CATALOG.endpoints_of("imagen-4") if e.provider == "replicate"]
    answer = CATALOG.translate(source, Target("imagen-4", other), call)
    assert isinstance(answer, Translation)
    assert answer.inputs[0]["aspect_ratio"] == "16:9"
    assert answer.dropped == ("num_inference_steps",)


def test_an_endpoint_without_a_schema_is_refused() -> None:
    source = CATALOG.endpoint("fal", FLUX)
    assert source is not None
    stranger = Target("imagen-4", Endpoint("google", "imagen-4.0-generate-001", "image"))
    assert CATALOG.translate(source, stranger, {"prompt": "a fox"}) == Refusal("no_schema")


def test_what_is_done_to_one_translation_does_not_reach_the_next() -> None:
    call = {"prompt": "a fox", "aspect_ratio": "16:9"}
    first = sent("replicate", FLUX_REPLICATE, call)
    first["image_size"]["width"] = 1
    assert sent("replicate", FLUX_REPLICATE, call)["image_size"] == {"width": 1280, "height": 720}

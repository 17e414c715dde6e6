"""Calls for many models, and what each must be at the other provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PROMPT = {"prompt": "a fox"}
PICTURE = "https://pictures.example/in.png"
SOUND = "https://sounds.example/in.mp3"


@dataclass(frozen=True)
class Row:
    """One call, and what it must be elsewhere.

    Attributes:
        source: the endpoint that is asked.
        said: the input.
        target: the endpoint that must serve it.
        sent: what must be in the input there.
        shape: width by height of every picture; None where there is none.
        count: how many files come back.
    """

    source: str
    said: dict[str, Any]
    target: str
    sent: dict[str, Any] = field(default_factory=dict)
    shape: float | None = None
    count: int = 1

    def __str__(self) -> str:
        return f"{self.source}-{','.join(sorted(set(self.said) - {'prompt'}))}"


FROM_FAL = (
    Row(
        "fal-ai/flux/schnell",
        {**PROMPT, "image_size": "landscape_16_9", "num_images": 2},
        "black-forest-labs/flux-schnell",
        {**PROMPT, "aspect_ratio": "16:9", "num_outputs": 2},
        16 / 9,
        2,
    ),
    Row("fal-ai/flux/schnell", PROMPT, "black-forest-labs/flux-schnell", PROMPT, 4 / 3),
    Row(
        "fal-ai/flux/dev",
        {
            **PROMPT,
            "image_size": "portrait_16_9",
            "num_images": 3,
            "seed": 7,
            "num_inference_steps": 20,
            "guidance_scale": 5,
            "output_format": "png",
        },
        "black-forest-labs/flux-dev",
        {
            "aspect_ratio": "9:16",
            "num_outputs": 3,
            "seed": 7,
            "num_inference_steps": 20,
            "guidance": 5,
            "output_format": "png",
        },
        9 / 16,
        3,
    ),
    Row(
        "fal-ai/flux/dev",
        {**PROMPT, "image_size": {"width": 1024, "height": 1024}},
        "black-forest-labs/flux-dev",
        {"aspect_ratio": "1:1"},
        1.0,
    ),
    Row(
        "fal-ai/flux-pro/v1.1",
        {**PROMPT, "image_size": {"width": 800, "height": 1200}, "safety_tolerance": "3"},
        "black-forest-labs/flux-1.1-pro",
        {"safety_tolerance": 3},
        2 / 3,
    ),
    Row(
        "fal-ai/flux-pro/kontext",
        {**PROMPT, "image_url": PICTURE, "aspect_ratio": "16:9"},
        "black-forest-labs/flux-kontext-pro",
        {**PROMPT, "input_image": PICTURE, "aspect_ratio": "16:9"},
        16 / 9,
    ),
    Row(
        "fal-ai/fast-sdxl",
        {**PROMPT, "image_size": "landscape_16_9", "negative_prompt": "blur", "num_images": 2},
        "stability-ai/sdxl",
        {"negative_prompt": "blur", "num_outputs": 2},
        16 / 9,
        2,
    ),
    Row(
        "fal-ai/recraft/v3/text-to-image",
        {**PROMPT, "image_size": "portrait_4_3", "style": "digital_illustration"},
        "recraft-ai/recraft-v3",
        {"style": "digital_illustration"},
        3 / 4,
    ),
    Row(
        "fal-ai/ideogram/v3",
        {**PROMPT, "image_size": "portrait_4_3", "rendering_speed": "TURBO", "style": "REALISTIC"},
        "ideogram-ai/ideogram-v3-turbo",
        {"style_type": "Realistic"},
        3 / 4,
    ),
    Row("fal-ai/ideogram/v3", PROMPT, "ideogram-ai/ideogram-v3-balanced", PROMPT, 1.0),
    Row(
        "fal-ai/nano-banana",
        {**PROMPT, "aspect_ratio": "9:16"},
        "google/nano-banana",
        {"aspect_ratio": "9:16"},
        9 / 16,
    ),
    Row(
        "fal-ai/nano-banana/edit",
        {**PROMPT, "image_urls": [PICTURE, PICTURE + "?2"]},
        "google/nano-banana",
        {"image_input": [PICTURE, PICTURE + "?2"]},
    ),
    Row(
        "fal-ai/bytedance/seedream/v4/text-to-image",
        {**PROMPT, "image_size": {"width": 2048, "height": 1536}},
        "bytedance/seedream-4",
        PROMPT,
        4 / 3,
    ),
    Row(
        "fal-ai/clarity-upscaler",
        {"image_url": PICTURE, "upscale_factor": 4, **PROMPT},
        "philz1337x/clarity-upscaler",
        {"image": PICTURE, "scale_factor": 4, **PROMPT},
    ),
    Row("fal-ai/imageutils/rembg", {"image_url": PICTURE}, "cjwbw/rembg", {"image": PICTURE}),
    Row(
        "fal-ai/minimax/hailuo-02/standard/text-to-video",
        {**PROMPT, "duration": "10"},
        "minimax/hailuo-02",
        {**PROMPT, "duration": 10},
    ),
    Row(
        "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        {**PROMPT, "image_url": PICTURE, "duration": "10"},
        "kwaivgi/kling-v2.5-turbo-pro",
        {**PROMPT, "duration": 10},
    ),
)
FROM_REPLICATE = (
    Row("black-forest-labs/flux-schnell", PROMPT, "fal-ai/flux/schnell", PROMPT, 1.0),
    Row(
        "black-forest-labs/flux-dev",
        {**PROMPT, "aspect_ratio": "16:9", "num_outputs": 2, "output_format": "png", "guidance": 4},
        "fal-ai/flux/dev",
        {"num_images": 2, "output_format": "png", "guidance_scale": 4},
        16 / 9,
        2,
    ),
    Row(
        "black-forest-labs/flux-dev",
        {**PROMPT, "aspect_ratio": "21:9", "seed": 3},
        "fal-ai/flux/dev",
        {"seed": 3},
        21 / 9,
    ),
    Row(
        "black-forest-labs/flux-1.1-pro",
        {**PROMPT, "aspect_ratio": "2:3", "safety_tolerance": 4},
        "fal-ai/flux-pro/v1.1",
        {"safety_tolerance": "4"},
        2 / 3,
    ),
    Row(
        "black-forest-labs/flux-kontext-pro",
        {**PROMPT, "input_image": PICTURE, "aspect_ratio": "3:4"},
        "fal-ai/flux-pro/kontext",
        {"image_url": PICTURE, "aspect_ratio": "3:4"},
        3 / 4,
    ),
    Row(
        "recraft-ai/recraft-v3",
        {**PROMPT, "size": "1024x1820", "style": "realistic_image"},
        "fal-ai/recraft/v3/text-to-image",
        {"style": "realistic_image"},
        9 / 16,
    ),
    Row(
        "ideogram-ai/ideogram-v3-turbo",
        {**PROMPT, "aspect_ratio": "3:4"},
        "fal-ai/ideogram/v3",
        {"rendering_speed": "TURBO"},
        3 / 4,
    ),
    Row(
        "google/nano-banana",
        {**PROMPT, "aspect_ratio": "16:9"},
        "fal-ai/nano-banana",
        {"aspect_ratio": "16:9"},
        16 / 9,
    ),
    Row(
        "google/nano-banana",
        {**PROMPT, "image_input": [PICTURE]},
        "fal-ai/nano-banana/edit",
        {"image_urls": [PICTURE]},
    ),
    Row(
        "bytedance/seedream-4",
        {**PROMPT, "aspect_ratio": "16:9"},
        "fal-ai/bytedance/seedream/v4/text-to-image",
        PROMPT,
        16 / 9,
    ),
    Row(
        "minimax/hailuo-02",
        {**PROMPT, "duration": 6, "resolution": "768p"},
        "fal-ai/minimax/hailuo-02/standard/text-to-video",
        {"duration": "6"},
    ),
    Row(
        "kwaivgi/kling-v2.5-turbo-pro",
        {**PROMPT, "start_image": PICTURE, "duration": 10},
        "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        {"image_url": PICTURE, "duration": "10"},
    ),
)
BY_VERSION = (
    Row(
        "stability-ai/sdxl",
        {**PROMPT, "width": 768, "height": 1152, "num_outputs": 2},
        "fal-ai/fast-sdxl",
        {"num_images": 2},
        2 / 3,
        2,
    ),
    Row(
        "nightmareai/real-esrgan",
        {"image": PICTURE, "scale": 2},
        "fal-ai/esrgan",
        {"image_url": PICTURE, "scale": 2},
    ),
    Row("cjwbw/rembg", {"image": PICTURE}, "fal-ai/imageutils/rembg", {"image_url": PICTURE}),
    Row(
        "philz1337x/clarity-upscaler",
        {"image": PICTURE, "scale_factor": 2, **PROMPT},
        "fal-ai/clarity-upscaler",
        {"image_url": PICTURE, "upscale_factor": 2},
    ),
)

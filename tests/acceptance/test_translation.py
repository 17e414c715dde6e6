"""What arrives at the other provider: legal there, and meaning what the caller said or left unsaid.

The simulators refuse every field and value that the published schema does not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.pictures import size_of
from acceptance.stage import OTHER, assert_nothing_wrong, fetched
from failover import Policy

if TYPE_CHECKING:
    from acceptance.stage import Stage

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


def assert_arrived(stage: Stage, home: str, row: Row) -> None:
    """Look at the one submit at the other provider."""
    other = stage.world.providers[OTHER[home]]
    (entry,) = other.submits
    assert entry.endpoint == row.target
    body = entry.request.json()
    sent = body["input"] if other.name == "replicate" else body
    assert {name: sent.get(name) for name in row.sent} == row.sent
    assert stage.told("Exhausted") == []
    assert_nothing_wrong(stage)


def assert_shaped(stage: Stage, row: Row, urls: list[str]) -> None:
    assert len(urls) == row.count
    for url in urls:
        data = fetched(stage, url)
        if row.shape is not None:
            width, height = size_of(data)
            assert abs(width / height / row.shape - 1) < 0.06, (width, height)


def files_of(output: Any) -> list[str]:
    """The addresses in fal's output."""
    found = output.get("images") or [output.get("image") or output.get("video")]
    return [file["url"] for file in found]


@pytest.mark.parametrize("row", FROM_FAL, ids=str)
def test_from_fal_to_replicate(stage: Stage, row: Row) -> None:
    stage.world.fal.fail(503)
    with stage.installed(), fal_calls.client_of(stage) as client:
        output = client.run(row.source, arguments=row.said)
    assert_arrived(stage, "fal", row)
    assert_shaped(stage, row, files_of(output))


@pytest.mark.parametrize("row", [*FROM_REPLICATE, *BY_VERSION], ids=str)
def test_from_replicate_to_fal(stage: Stage, row: Row) -> None:
    stage.world.replicate.fail(503)
    ref = row.source
    if row in BY_VERSION:
        ref = f"{ref}:{stage.world.replicate.models.version_of(ref)}"
    with stage.installed(), replicate_calls.client_of(stage) as client:
        output = client.run(ref, input=row.said, use_file_output=False)
    assert_arrived(stage, "replicate", row)
    assert_shaped(stage, row, output if isinstance(output, list) else [output])


def test_speech_from_fal_to_replicate(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(), fal_calls.client_of(stage) as client:
        output = client.run("fal-ai/whisper", arguments={"audio_url": SOUND, "language": "en"})
    assert isinstance(output["text"], str)
    assert output["text"]
    (entry,) = stage.world.replicate.submits
    assert SOUND in entry.request.json()["input"].values()
    assert_nothing_wrong(stage)


def test_speech_from_replicate_to_fal(stage: Stage) -> None:
    stage.world.replicate.fail(503)
    model = "vaibhavs10/incredibly-fast-whisper"
    ref = f"{model}:{stage.world.replicate.models.version_of(model)}"
    with stage.installed(), replicate_calls.client_of(stage) as client:
        output = client.run(ref, input={"audio": SOUND, "language": "english"})
    assert output["text"]
    (entry,) = stage.world.fal.submits
    assert entry.request.json() | {"audio_url": SOUND, "language": "en"} == entry.request.json()
    assert_nothing_wrong(stage)


# --- what must not be carried, and what is said about it ------------------------------------------


def _surfaced(stage: Stage, endpoint: str, said: dict[str, Any], **settings: Any) -> str:
    """Ask a fal that is down for something, and return why it was not served elsewhere."""
    stage.world.fal.fail(503)
    with stage.installed(**settings), httpx.Client() as client:
        url = f"https://fal.run/{endpoint}"
        reply = client.post(url, json=said, headers=plain_calls.fal_headers(stage))
    assert reply.status_code == 503
    assert stage.world.replicate.requests == []
    (event,) = stage.told("NotRerouted")
    return event.reason


def test_never_fewer_pictures_than_asked(stage: Stage) -> None:
    said = {**PROMPT, "num_images": 2}
    assert _surfaced(stage, "fal-ai/flux-pro/v1.1", said) == "count"


def test_never_without_an_essential(stage: Stage) -> None:
    said = {**PROMPT, "loras": [{"path": "https://models.example/a.safetensors", "scale": 1}]}
    assert _surfaced(stage, "fal-ai/fast-sdxl", said) == "essential"


def test_never_a_picture_on_its_side(stage: Stage) -> None:
    said = {**PROMPT, "image_size": {"width": 512, "height": 2048}}
    assert _surfaced(stage, "fal-ai/flux/dev", said) == "shape"


def test_never_an_input_that_only_its_owner_can_read(stage: Stage) -> None:
    said = {**PROMPT, "image_url": "https://api.replicate.com/v1/files/abc"}
    reason = _surfaced(stage, "fal-ai/flux-pro/kontext", said)
    assert reason.startswith("private")


def test_exact_means_exact(stage: Stage) -> None:
    said = {**PROMPT, "image_size": {"width": 1000, "height": 1000}}
    policy = Policy(fidelity="exact")
    assert _surfaced(stage, "fal-ai/flux/dev", said, policy=policy)


@pytest.mark.parametrize(
    ("endpoint", "said", "dropped", "changed"),
    [
        ("fal-ai/flux/dev", {"image_size": {"width": 1000, "height": 1000}}, (), ["image_size"]),
        (
            "fal-ai/flux-pro/kontext",
            {"image_url": PICTURE, "guidance_scale": 6},
            ("guidance_scale",),
            [],
        ),
        ("fal-ai/flux/dev", {"num_inference_steps": 3, "speling": 1}, ("speling",), []),
    ],
    ids=["changed", "dropped", "unknown"],
)
def test_what_is_lost_is_said(
    stage: Stage,
    endpoint: str,
    said: dict[str, Any],
    dropped: tuple[str, ...],
    changed: list[str],
) -> None:
    stage.world.fal.fail(503)
    said = {**PROMPT, **said}
    with stage.installed(), httpx.Client() as client:
        url = f"https://fal.run/{endpoint}"
        reply = client.post(url, json=said, headers=plain_calls.fal_headers(stage))
    report = reply.extensions["failover"]
    (event,) = stage.told("ParamsDropped")
    assert (report.dropped, report.changed) == (event.dropped, event.changed)
    assert report.dropped == dropped
    assert [line.partition(":")[0] for line in report.changed] == changed
    assert "a fox" not in repr(stage.events)


def test_f62_another_model_only_if_the_user_says_so(stage: Stage) -> None:
    stage.world.fal.fail(503)
    with stage.installed(substitutes={"flux-1.1-pro": ["imagen-4"]}), httpx.Client() as client:
        url = "https://fal.run/fal-ai/flux-pro/v1.1"
        stage.world.replicate.fail(503, endpoint="black-forest-labs/flux-1.1-pro")
        reply = client.post(url, json=PROMPT, headers=plain_calls.fal_headers(stage))
    assert reply.status_code == 200
    (event,) = stage.told("Rerouted")
    assert event.model == "imagen-4"
    assert [e.endpoint for e in stage.world.replicate.submits] == [
        "black-forest-labs/flux-1.1-pro",
        "google/imagen-4",
    ]

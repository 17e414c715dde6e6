"""What arrives at the other provider: legal there, and meaning what the caller said or left unsaid.

The simulators refuse every field and value that the published schema does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from acceptance import fal_calls, plain_calls, replicate_calls
from acceptance.pictures import size_of
from acceptance.stage import OTHER, assert_nothing_wrong, fetched
from acceptance.translation_rows import (
    BY_VERSION,
    FROM_FAL,
    FROM_REPLICATE,
    PICTURE,
    PROMPT,
    SOUND,
    Row,
)
from failover import Policy

if TYPE_CHECKING:
    from acceptance.stage import Stage


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

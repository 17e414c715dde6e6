"""The replicate SDK, unmodified, gets from the simulated Replicate what it gets from Replicate."""

from __future__ import annotations

import asyncio
import io

import pytest
from replicate.exceptions import ModelError, ReplicateError

from failover.sim import Pace

SCHNELL = "black-forest-labs/flux-schnell"
SDXL = "stability-ai/sdxl"
PROMPT = {"prompt": "a fox"}


def test_run(world, rep):
    (file,) = rep.run(SCHNELL, input=PROMPT)
    assert file.url.startswith("https://replicate.delivery/")
    assert file.read()[8:12] == b"WEBP"
    assert (world.replicate.billed, len(world.replicate.submits)) == (1, 1)
    assert world.violations == []
    assert world.leaks() == []


def test_run_of_a_version_reads_the_version(world, rep):
    version = world.replicate.models.version_of(SDXL)
    (file,) = rep.run(f"{SDXL}:{version}", input=PROMPT)
    assert file.read()
    paths = [e.path for e in world.replicate.requests][:2]
    assert paths == ["/v1/predictions", f"/v1/models/{SDXL}/versions/{version}"]


def test_run_that_outlives_its_wait_is_polled(world, rep):
    world.replicate.pace = Pace(running_seconds=1.3)
    (file,) = rep.run(SCHNELL, input=PROMPT, wait=1)
    assert file.read()
    assert [e.status for e in world.replicate.submits] == [202]
    assert {e.phase for e in world.replicate.requests} == {"submit", "poll", "asset"}


def test_run_of_text_gives_the_pieces(world, rep):
    pieces = rep.run("openai/gpt-4o-transcribe", input={"audio_file": "https://x.test/a.mp3"})
    assert "".join(pieces) == "A simulated transcript."


def test_async_run(world, arep):
    async def call():
        async with arep() as client:
            (file,) = await client.async_run(SCHNELL, input=PROMPT)
            return await file.aread()

    assert asyncio.run(call())[8:12] == b"WEBP"


def test_create_reload_wait(world, rep):
    world.replicate.pace = Pace(queued_polls=1, running_polls=1)
    prediction = rep.predictions.create(model=SCHNELL, input=PROMPT)
    seen = [prediction.status]
    for _ in range(3):
        prediction.reload()
        seen.append(prediction.status)
    assert seen == ["starting", "starting", "processing", "succeeded"]
    assert len(prediction.id) == 26
    assert prediction.metrics["image_count"] == 1
    again = rep.predictions.create(model=SCHNELL, input=PROMPT)
    again.wait()
    assert again.output
    assert rep.predictions.get(again.id).status == "succeeded"


def test_cancel(world, rep):
    world.replicate.pace = Pace(queued_seconds=60)
    prediction = rep.predictions.create(model=SCHNELL, input=PROMPT)
    prediction.cancel()
    assert prediction.status == "canceled"
    assert (world.replicate.cancelled, world.replicate.billed) == (1, 0)
    finished = rep.predictions.create(model=SCHNELL, input=PROMPT, wait=True)
    assert finished.status == "starting"


def test_list_pages(world, rep):
    for _ in range(103):
        rep.predictions.create(model=SCHNELL, input=PROMPT)
    first = rep.predictions.list()
    assert len(first) == 100
    second = rep.predictions.list(first.next)
    assert len(second) == 3
    assert second.next is None
    assert len({p.id for p in [*first, *second]}) == 103


def test_models_and_versions(world, rep):
    model = rep.models.get(SDXL)
    assert model.latest_version.id == world.replicate.models.version_of(SDXL)
    assert "prompt" in str(model.latest_version.openapi_schema)
    assert [v.id for v in model.versions.list()] == [model.latest_version.id]
    assert model.versions.get(model.latest_version.id).cog_version
    prediction = rep.predictions.create(version=model.latest_version, input=PROMPT)
    assert prediction.version == model.latest_version.id
    with pytest.raises(ReplicateError, match="404"):
        rep.models.get(SCHNELL).versions.list()


def test_deployments(world, rep):
    world.replicate.deploy("acme/pictures", SCHNELL)
    deployment = rep.deployments.get("acme/pictures")
    assert deployment.current_release.model == SCHNELL
    prediction = deployment.predictions.create(input=PROMPT)
    prediction.wait()
    assert prediction.output
    assert rep.predictions.create(deployment="acme/pictures", input=PROMPT).model == SCHNELL
    assert [d.name for d in rep.deployments.list()] == ["pictures"]


def test_files(world, rep):
    file = rep.files.create(io.BytesIO(b"picture"), filename="in.png", metadata={"a": 1})
    assert (file.name, file.size, file.metadata) == ("in.png", 7, {"a": 1})
    assert rep.files.get(file.id).checksums == file.checksums
    assert [f.id for f in rep.files.list()] == [file.id]
    edited = rep.predictions.create(
        model="black-forest-labs/flux-kontext-pro",
        input={**PROMPT, "input_image": file.urls["get"]},
    )
    edited.wait()
    assert edited.status == "succeeded"
    assert rep.files.delete(file.id)
    assert list(rep.files.list()) == []


def test_run_uploads_an_open_file(world, rep):
    output = rep.run(
        "black-forest-labs/flux-kontext-pro", input={**PROMPT, "input_image": io.BytesIO(b"png")}
    )
    assert output.read()
    assert [e.phase for e in world.replicate.requests] == ["upload", "submit", "asset"]


def test_stream(world, rep):
    source = {"audio_file": "https://x.test/a.mp3"}
    events = list(rep.stream("openai/gpt-4o-transcribe", input=source))
    assert "".join(str(e) for e in events) == "A simulated transcript."
    assert events[-1].event.value == "done"


def test_account_and_hardware(rep):
    assert rep.accounts.current().username == "sim"
    assert rep.hardware.list()[0].sku == "gpu-t4"


def test_bad_input_is_refused_with_replicates_words(world, rep):
    with pytest.raises(ReplicateError) as caught:
        rep.run(SCHNELL, input={**PROMPT, "num_outputs": 9, "speling": 1})
    assert caught.value.status == 422
    assert caught.value.title == "Input validation failed"
    assert "- input.num_outputs: " in caught.value.detail
    assert "speling" in caught.value.detail
    assert world.replicate.billed == 0
    assert len(world.replicate.violations) == 2


def test_failed_job_raises_model_error(world, rep):
    world.replicate.job_fails("policy", times=1)
    with pytest.raises(ModelError, match="E005"):
        rep.run(SCHNELL, input=PROMPT)
    assert rep.run(SCHNELL, input=PROMPT)

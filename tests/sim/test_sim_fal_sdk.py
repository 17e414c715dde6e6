"""fal_client, unmodified, gets from the simulated fal what it gets from fal."""

from __future__ import annotations

import asyncio
import gc

import fal_client
import httpx
import pytest

from failover.sim import Pace

FLUX = "fal-ai/flux/dev"
PROMPT = {"prompt": "a fox"}
UNCLOSED = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""fal_client never closes the HTTP client of an upload; so it is collected inside the test."""


def fetched(output):
    return httpx.get(output["images"][0]["url"]).content


def test_run(world, fal):
    output = fal.run(FLUX, arguments={**PROMPT, "seed": 7, "num_images": 2})
    assert output["seed"] == 7
    assert output["prompt"] == "a fox"
    assert output["has_nsfw_concepts"] == [False, False]
    assert [(i["width"], i["height"]) for i in output["images"]] == [(1024, 768)] * 2
    assert fetched(output).startswith(b"\xff\xd8\xff")
    assert len(fetched(output)) == output["images"][0]["file_size"]
    assert (world.fal.billed, len(world.fal.submits)) == (1, 1)
    assert world.violations == []
    assert world.leaks() == []


def test_same_seed_same_picture(fal):
    one, two = (fal.run(FLUX, arguments={**PROMPT, "seed": 7}) for _ in range(2))
    assert fetched(one) == fetched(two)
    assert fetched(one) != fetched(fal.run(FLUX, arguments={**PROMPT, "seed": 8}))


def test_submit_poll_result(world, fal):
    world.fal.pace = Pace(queued_polls=1, running_polls=1)
    handle = fal.submit(FLUX, arguments=PROMPT)
    assert handle.status() == fal_client.Queued(position=0)
    assert handle.status() == fal_client.InProgress(logs=None)
    done = handle.status(with_logs=True)
    assert isinstance(done, fal_client.Completed)
    assert done.error is None
    assert done.logs
    assert handle.get()["images"]
    assert [e.phase for e in world.fal.requests][:4] == ["submit", "poll", "poll", "poll"]


def test_status_and_result_by_id(fal):
    request_id = fal.submit(FLUX, arguments=PROMPT).request_id
    assert isinstance(fal.status(FLUX, request_id), fal_client.InProgress)
    assert fal.result(FLUX, request_id)["prompt"] == "a fox"


def test_subscribe(world, fal):
    assert fal.subscribe(FLUX, arguments=PROMPT)["images"]
    assert [e.phase for e in world.fal.requests] == ["submit", "poll", "poll", "result"]


def test_subscribe_with_updates(world, fal):
    seen = []
    output = fal.subscribe(FLUX, arguments=PROMPT, with_logs=True, on_queue_update=seen.append)
    assert output["images"]
    assert [type(update).__name__ for update in seen] == ["InProgress", "Completed"]
    assert [e.phase for e in world.fal.requests] == ["submit", "poll", "poll", "poll", "result"]


def test_iter_events(fal):
    handle = fal.submit(FLUX, arguments=PROMPT)
    assert [type(e).__name__ for e in handle.iter_events()] == ["InProgress", "Completed"]


def test_cancel_in_queue_costs_nothing(world, fal):
    world.fal.pace = Pace(queued_seconds=60)
    handle = fal.submit(FLUX, arguments=PROMPT)
    handle.cancel()
    assert isinstance(handle.status(), fal_client.Completed)
    with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
        handle.get()
    assert (caught.value.status_code, caught.value.error_type) == (499, "client_cancelled")
    assert (world.fal.cancelled, world.fal.billed) == (1, 0)


def test_cancel_of_a_finished_job_is_refused(fal):
    handle = fal.submit(FLUX, arguments=PROMPT)
    handle.get()
    with pytest.raises(fal_client.client.FalClientHTTPError, match="ALREADY_COMPLETED"):
        handle.cancel()


def test_stream(fal):
    events = list(fal.stream(FLUX, arguments=PROMPT))
    assert events[-1]["images"]


@UNCLOSED
def test_upload_and_use(world, fal):
    url = fal.upload(b"\x89PNG\r\n\x1a\n", "image/png", "in.png")
    assert url.startswith("https://v3.fal.media/files/")
    assert httpx.get(url).content == b"\x89PNG\r\n\x1a\n"
    output = fal.run("fal-ai/esrgan", arguments={"image_url": url})
    assert output["image"]["url"]
    assert [e.host for e in world.fal.requests][:2] == ["rest.fal.ai", "v3.fal.media"]
    assert world.violations == []
    gc.collect()


@UNCLOSED
def test_upload_falls_back_to_storage(world, fal, caplog):
    caplog.set_level("ERROR", "fal_client.client")  # its record would keep the client alive
    world.fal.fail(500, on="media", times=1)
    url = fal.upload(b"x", "image/png", "in.png")
    assert httpx.get(url).content == b"x"
    assert [e.method for e in world.fal.requests] == ["POST", "POST", "POST", "PUT", "GET"]
    gc.collect()


def test_multipart_upload(fal, tmp_path):
    big = tmp_path / "big.bin"
    data = bytes(range(256)) * 5
    big.write_bytes(data)
    with httpx.Client() as client:
        url = fal_client.client.MultipartUpload.save_file(
            file_path=big, token_manager=fal._token_manager, client=client, chunk_size=1000
        )
    assert httpx.get(url).content == data


def test_bad_input_is_refused_with_fals_words(world, fal):
    with pytest.raises(fal_client.client.FalClientHTTPError) as caught:
        fal.run(FLUX, arguments={**PROMPT, "num_images": 9})
    assert caught.value.status_code == 422
    (detail,) = caught.value.message
    assert detail["loc"] == ["body", "num_images"]
    assert (detail["type"], detail["ctx"]) == ("less_than_equal", {"le": 4})
    assert world.fal.billed == 0
    assert any("num_images" in violation for violation in world.fal.violations)


def test_async_twins(world, afal):
    async def calls():
        async with afal() as client:
            run = await client.run(FLUX, arguments=PROMPT)
            subscribed = await client.subscribe(FLUX, arguments=PROMPT)
            handle = await client.submit(FLUX, arguments=PROMPT)
            events = [e async for e in handle.iter_events()]
            result = await handle.get()
            streamed = [e async for e in client.stream(FLUX, arguments=PROMPT)]
            url = await client.upload(b"x", "image/png", "in.png")
            world.fal.pace = Pace(queued_seconds=60)
            await (await client.submit(FLUX, arguments=PROMPT)).cancel()
            return run, subscribed, events, result, streamed, url

    run, subscribed, events, result, streamed, url = asyncio.run(calls())
    assert run["images"]
    assert subscribed["images"]
    assert result["images"]
    assert streamed[-1]["images"]
    assert isinstance(events[-1], fal_client.Completed)
    assert url.startswith("https://v3.fal.media/")
    assert (world.fal.cancelled, world.fal.billed) == (1, 4)
    assert world.violations == []

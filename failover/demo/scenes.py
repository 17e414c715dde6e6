"""What the demo does: real SDK calls, and what goes wrong with their provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fal_client
import httpx
import requests
from replicate.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from failover.sim import World

PROMPT = "a lighthouse in a storm, oil on canvas"


@dataclass(frozen=True)
class Scene:
    """One call of a user's program.

    Args:
        code: the call, as he wrote it.
        trouble: what his provider does, in words.
        strike: makes the simulated provider do it.
        call: makes the call and returns the URL of what came of it.
    """

    code: str
    trouble: str
    strike: Callable[[World], object]
    call: Callable[[World], str]


def scenes() -> list[Scene]:
    """List the scenes in the order in which they are played."""
    return [
        Scene(
            'fal_client.run("fal-ai/flux/schnell", {...})',
            "nothing, all is well",
            lambda world: world.heal(),
            _fal_run,
        ),
        Scene(
            'fal_client.run("fal-ai/flux/schnell", {...})',
            "fal is down: 503",
            lambda world: world.fal.fail(status=503),
            _fal_run,
        ),
        Scene(
            'fal_client.subscribe("fal-ai/flux/dev", {...})',
            "fal has locked the account: 403",
            lambda world: world.fal.fail(kind="locked"),
            _fal_subscribe,
        ),
        Scene(
            'requests.post("https://fal.run/fal-ai/flux/dev")',
            "fal's name does not resolve",
            lambda world: world.fal.dns_failure(),
            _plain_requests,
        ),
        Scene(
            'replicate.run("black-forest-labs/flux-schnell")',
            "Replicate is throttling: 429",
            lambda world: world.replicate.fail(status=429),
            _replicate_run,
        ),
        Scene(
            "replicate.predictions.create(model=...); wait()",
            "Replicate's credit is used up: 402",
            lambda world: world.replicate.fail(status=402),
            _replicate_create,
        ),
    ]


def _fal_run(world: World) -> str:
    client = fal_client.SyncClient(key=world.secrets["fal"][0])
    result = client.run(
        "fal-ai/flux/schnell", {"prompt": PROMPT, "image_size": "landscape_16_9", "seed": 7}
    )
    return _first(result["images"])


def _fal_subscribe(world: World) -> str:
    client = fal_client.SyncClient(key=world.secrets["fal"][0])
    result = client.subscribe(
        "fal-ai/flux/dev", {"prompt": PROMPT, "num_inference_steps": 30, "guidance_scale": 4}
    )
    return _first(result["images"])


def _plain_requests(world: World) -> str:
    response = requests.post(
        "https://fal.run/fal-ai/flux/dev",
        json={"prompt": PROMPT, "image_size": "portrait_4_3"},
        headers={"Authorization": f"Key {world.secrets['fal'][0]}"},
        timeout=30,
    )
    response.raise_for_status()
    return _first(response.json()["images"])


def _replicate_run(world: World) -> str:
    client = Client(api_token=world.secrets["replicate"][0])
    output: Any = client.run(
        "black-forest-labs/flux-schnell", input={"prompt": PROMPT, "aspect_ratio": "3:2"}
    )
    return str(output[0].url)


def _replicate_create(world: World) -> str:
    client = Client(api_token=world.secrets["replicate"][0])
    prediction = client.predictions.create(
        model="black-forest-labs/flux-schnell", input={"prompt": PROMPT}
    )
    prediction.wait()
    output: Any = prediction.output
    return str(output[0])


def _first(images: list[dict[str, Any]]) -> str:
    return str(images[0]["url"])


def download(url: str) -> bytes:
    """Fetch what a call produced.

    Args:
        url: where it is.
    """
    return httpx.get(url).raise_for_status().content

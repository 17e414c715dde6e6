"""fal_client, unchanged, while fal is down. `--sim` runs it against simulated providers."""

from __future__ import annotations

import os

import fal_client
from simulated import main

import failover


def make_picture() -> None:
    """Make a picture as any program would."""
    failover.install()
    client = fal_client.SyncClient(key=os.environ["FAL_KEY"])
    result = client.subscribe("fal-ai/flux/schnell", {"prompt": "a lighthouse", "num_images": 1})
    print(result["images"][0]["url"])


if __name__ == "__main__":
    main(make_picture, down="fal")

"""replicate, unchanged, while Replicate is down. `--sim` runs it against simulated providers."""

from __future__ import annotations

import os

import replicate
from simulated import main

import failover


def make_picture() -> None:
    """Make a picture as any program would, and read its bytes."""
    failover.install()
    client = replicate.Client(api_token=os.environ["REPLICATE_API_TOKEN"])
    output = client.run("black-forest-labs/flux-schnell", input={"prompt": "a lighthouse"})
    print(output[0].url, len(output[0].read()), "bytes")


if __name__ == "__main__":
    main(make_picture, down="replicate")

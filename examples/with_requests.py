"""Plain requests with an explicit adapter, nothing patched. `--sim` uses simulated providers."""

from __future__ import annotations

import os

import requests
from simulated import main

import failover
import failover.requests


def make_picture() -> None:
    """Post to fal and look at who answered."""
    fo = failover.Failover()
    with requests.Session() as session:
        session.mount("https://", failover.requests.FailoverAdapter(fo))
        response = session.post(
            "https://fal.run/fal-ai/flux/dev",
            json={"prompt": "a lighthouse", "image_size": "portrait_16_9"},
            headers={"Authorization": f"Key {os.environ['FAL_KEY']}"},
            timeout=60,
        )
    print(response.json()["images"][0]["url"])
    print(response.headers.get("x-failover", "served by fal itself"))


if __name__ == "__main__":
    main(make_picture, down="fal")

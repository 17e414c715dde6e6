"""An asynchronous httpx client, wrapped. `--sim` uses simulated providers."""

from __future__ import annotations

import asyncio
import os

import httpx
from simulated import main

import failover


async def make_pictures() -> None:
    """Make two pictures at once."""
    fo = failover.Failover()
    async with fo.wrap(httpx.AsyncClient(timeout=60)) as client:
        calls = [
            client.post(
                "https://fal.run/fal-ai/flux/schnell",
                json={"prompt": f"a lighthouse, {mood}"},
                headers={"Authorization": f"Key {os.environ['FAL_KEY']}"},
            )
            for mood in ("calm", "stormy")
        ]
        for response in await asyncio.gather(*calls):
            print(response.json()["images"][0]["url"], response.extensions["failover"].provider)


if __name__ == "__main__":
    main(lambda: asyncio.run(make_pictures()), down="fal")

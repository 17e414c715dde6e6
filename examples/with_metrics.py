"""Counting reroutes with a callback. `--sim` uses simulated providers."""

from __future__ import annotations

import os
from collections import Counter

import fal_client
from simulated import main

import failover

counts: Counter[tuple[str, str, str]] = Counter()


def count(event: failover.Rerouted) -> None:
    """Count a call that was served elsewhere."""
    counts[event.source, event.target, event.reason] += 1


def make_pictures() -> None:
    """Make three pictures and show the counts."""
    failover.install(on_failover=count)
    client = fal_client.SyncClient(key=os.environ["FAL_KEY"])
    for _ in range(3):
        client.run("fal-ai/flux/schnell", {"prompt": "a lighthouse"})
    for (source, target, reason), number in counts.items():
        print(f"{number} x {source} -> {target} because of {reason}")


if __name__ == "__main__":
    main(make_pictures, down="fal")

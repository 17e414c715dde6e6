"""What every example shares: `--sim` puts simulated providers in front, one of them down."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def main(example: Callable[[], None], *, down: str) -> None:
    """Run an example.

    Args:
        example: the program.
        down: the provider that is down under `--sim`.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--sim", action="store_true", help="use simulated providers, no keys needed"
    )
    if not parser.parse_args().sim:
        example()
        return
    from failover.sim import World  # noqa: PLC0415  # pip install 'failover[sim]'

    with World() as world, world.environ():
        world.providers[down].fail(status=503)
        example()

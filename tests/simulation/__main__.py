"""`python -m tests.simulation`: run schedules, replay one, or look for planted bugs."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from .planted import PLANTED
from .planting import hunt
from .runner import report, run_many, shown
from .world import World


def main() -> int:
    """Do what the command line says; 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument(
        "--schedules", type=int, help="how many (default 2000; for each planted bug at most 8000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes to use (default 2)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--replay", type=int, metavar="SEED", help="show one schedule")
    parser.add_argument("--planted", action="store_true", help="look for every planted bug")
    given = parser.parse_args()
    if given.replay is not None:
        return _replay(given.replay)
    if given.planted:
        return _planted(given.schedules or 8000)
    count = given.schedules or 2000
    begun = time.perf_counter()
    tally = run_many(
        count,
        given.seed,
        workers=given.workers,
        progress=lambda so_far: shown(so_far, count, begun),
    )
    sys.stderr.write("\n")
    figures = report(tally, given.seed, time.perf_counter() - begun)
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", "utf-8")
    told = ("wall_seconds", "calls", "submits", "ends", "violations", "violations_by_rule")
    for name in told:
        sys.stdout.write(f"{name}: {figures[name]}\n")
    for violation in tally.violations[:10]:
        sys.stdout.write(f"  --replay {violation.seed}: {violation.rule}: {violation.text}\n")
    return 1 if tally.found else 0


def _replay(seed: int) -> int:
    world = World(seed, record=True).run()
    sys.stdout.write(f"{world.plan}\n")
    sys.stdout.writelines(f"{line}\n" for line in world.lines or ())
    sys.stdout.writelines(f"{violation}\n" for violation in world.violations)
    sys.stdout.write(f"hash {world.hash()}\n")
    return 1 if world.violations else 0


def _planted(most: int) -> int:
    missed = 0
    for bug in PLANTED:
        found = hunt(bug, most)
        missed += found is None
        what = f"seed {found.seed}: {found.rule}" if found else f"NOT in {most} schedules"
        sys.stdout.write(f"{bug.name:45} {what}\n")
    sys.stdout.write(f"{len(PLANTED) - missed} of {len(PLANTED)} found\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

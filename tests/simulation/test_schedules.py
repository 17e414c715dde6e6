"""The push test: some hundred schedules, none of which may break an invariant, and the replay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .invariants import INVARIANTS
from .runner import Tally, report, run_range
from .world import World

ROOT = Path(__file__).parents[2]
SCHEDULES = 500


def told(tally: Tally) -> str:
    """The violations, with what shows them again."""
    lines = (f"--replay {one.seed}: {one.rule}: {one.text}" for one in tally.violations)
    return "\n".join(lines)


def test_no_schedule_breaks_an_invariant() -> None:
    tally = run_range(0, SCHEDULES)
    assert not tally.violations, told(tally)
    assert tally.schedules == SCHEDULES
    assert tally.ends["served"] > 3 * SCHEDULES
    assert tally.ends["not served"] > SCHEDULES / 2  # or the weather is too fine to prove anything


def test_the_same_seed_tells_the_same_story() -> None:
    for seed in range(40):
        first, again = World(seed, record=True).run(), World(seed, record=True).run()
        assert first.lines == again.lines
        assert len(first.lines or ()) > 10


def test_the_story_does_not_depend_on_the_interpreter() -> None:
    """Not on the order of sets, nor on addresses in memory."""
    program = (
        "from tests.simulation.world import World\n"
        "print([World(seed, record=True).run().hash() for seed in range(12)])"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=50,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1


def test_the_figures_name_every_invariant_and_why_one_is_off() -> None:
    figures = report(run_range(0, 5), 0, 1.0)
    assert figures["seeds"] == {"first": 0, "count": 5}
    assert set(figures["invariants"]) == set(INVARIANTS)
    assert all(one["checked"] or one["off"] for one in figures["invariants"].values())
    assert figures["violations"] == 0

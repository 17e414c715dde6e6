"""Every planted bug is found; one that isn't means that an invariant has gone blind.

The rare ones need more schedules than a test may take: `python -m tests.simulation --planted`.
"""

from __future__ import annotations

import pytest

from .planted import PLANTED
from .planting import Bug, hunt, planted
from .world import World

ENOUGH = 400


@pytest.mark.parametrize(
    "bug", [bug for bug in PLANTED if not bug.rare], ids=lambda bug: bug.name.replace(" ", "-")
)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    assert hunt(bug, ENOUGH) is not None


def test_nothing_of_a_planted_bug_stays() -> None:
    """Each can be planted, so its text is still there; afterwards all is as it was."""
    before = World(3, record=True).run().hash()
    for bug in PLANTED:
        with planted(bug):
            pass
    assert World(3, record=True).run().hash() == before

"""Every planted bug is found; one that isn't means that an invariant has gone blind."""

from __future__ import annotations

import pytest

from .planted import PLANTED, Bug, hunt

ENOUGH = 600


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_found(bug: Bug) -> None:
    assert hunt(bug, ENOUGH) is not None

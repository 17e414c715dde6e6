"""The pages that are made from data are as fresh as the data."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_models_is_fresh() -> None:
    script = runpy.run_path(str(DOCS / "models.py"))
    made = script["page"](script["Catalog"].load())
    assert (DOCS / "models.md").read_text("utf-8") == made, "run python docs/models.py"
    assert made.count("\n| ") > 100

"""Translations worked out by hand, for the models that are used most.

Each row: a call, the model that it means, the first target, and what is sent there; what could not
be carried; what was approximated; or why the target is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from catalog.pairs import CATALOG, SCHEMAS, input_schema
from failover.catalog import Refusal, Translation

ROWS = json.loads((Path(__file__).parent / "golden.json").read_text("utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['from']}-{sorted(row['call'])}")
def test_f13_a_call_in_the_targets_words(row: dict[str, Any]) -> None:
    provider = next(name for name in SCHEMAS if row["from"] in SCHEMAS[name])
    source = CATALOG.endpoint(provider, row["from"])
    assert source is not None
    assert Draft202012Validator(input_schema(source)).is_valid(row["call"])
    assert CATALOG.model(source, row["call"]) == row["model"]
    target = CATALOG.targets(source, row["call"])[0]
    assert target.endpoint.slug == row["to"]
    answer = CATALOG.translate(source, target, row["call"])
    if "refused" in row:
        assert answer == Refusal(*row["refused"])
        return
    assert isinstance(answer, Translation)
    assert answer.inputs == (row["sent"],)
    assert sorted(answer.dropped) == sorted(row["dropped"])
    assert sorted(answer.changed) == sorted(row["changed"])


def test_the_rows_cover_both_directions() -> None:
    assert len(ROWS) > 50
    slugs = {row["from"] for row in ROWS}
    assert slugs & set(SCHEMAS["fal"])
    assert slugs & set(SCHEMAS["replicate"])

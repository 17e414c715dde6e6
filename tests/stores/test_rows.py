"""Rows: what is written can be read, whatever it is; what is read is never trusted."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_bench import PROMPT
from store_contract import CORRUPT_ROWS

from failover.core.health import MAX_LEVEL, SERVER_CAP, Standing
from failover.core.types import Job, Mode
from failover.errors import StoreError
from failover.stores import rows

WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=40)
TEXTS = ["id", "caller", "source", "provider", "target", "native", "key", "call", "model"]
TIMES = st.floats(0, 1e11)
STANDINGS = st.builds(
    Standing,
    scope=st.text(max_size=40),
    count=st.integers(0, 2**53),
    level=st.integers(0, MAX_LEVEL),
    set_at=TIMES,
    length=st.floats(0, 1.25 * SERVER_CAP),
    reason=WORDS,
    generation=st.integers(0, 2**53),
    lease=TIMES,
    cap=st.floats(0.01, 1e6),
)
FULL = Job(
    id="i",
    caller="fal",
    source="s",
    provider="p",
    target="t",
    native="n",
    key="k",
    call="c",
    created=1.5,
    mode=Mode.WAIT,
    version="v",
    model="m",
    stream=True,
    cancelled=True,
    input={"prompt": PROMPT},
)
JOBS = st.builds(
    Job,
    **dict.fromkeys(TEXTS, WORDS),
    created=TIMES,
    mode=st.sampled_from(Mode),
    version=st.none() | WORDS,
    stream=st.booleans(),
    cancelled=st.booleans(),
)


@given(STANDINGS)
def test_a_standing_comes_back(standing: Standing) -> None:
    assert rows.read_standing(standing.scope, rows.write_standing(standing)) == standing


@given(JOBS)
def test_a_job_comes_back(job: Job) -> None:
    assert rows.read_job(job.id, rows.write_job(job).encode()) == job


def test_no_field_of_a_job_is_lost_but_its_input() -> None:
    for field in fields(Job):
        if field.default is not MISSING:
            assert getattr(FULL, field.name) != field.default
    row = rows.write_job(FULL)
    assert PROMPT not in row
    assert rows.read_job("i", row) == replace(FULL, input={})


@given(st.binary(max_size=200) | st.text(max_size=200) | st.none() | st.integers())
def test_anything_else_is_unreadable(text: object) -> None:
    with pytest.raises(rows.Unreadable):
        rows.read_standing("scope", text)
    with pytest.raises(rows.Unreadable):
        rows.read_job("i", text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from([field.name for field in fields(Standing) if field.name != "scope"]), VALUES)
def test_a_standing_with_one_wrong_field_is_unreadable_or_in_range(
    name: str, value: object
) -> None:
    row = {field.name: getattr(Standing("x"), field.name) for field in fields(Standing)}
    text = json.dumps({"v": 1, **row, name: value})
    try:
        standing = rows.read_standing("x", text)
    except rows.Unreadable:
        return
    assert getattr(standing, name) == value
    assert not isinstance(value, bool)
    assert 0 <= standing.length <= rows.MAX_LENGTH
    assert 0 <= standing.level <= MAX_LEVEL
    assert standing.cap > 0


@pytest.mark.parametrize("row", CORRUPT_ROWS, ids=range(len(CORRUPT_ROWS)))
def test_corrupt_rows_are_unreadable(row: bytes) -> None:
    with pytest.raises(rows.Unreadable):
        rows.read_standing("scope", row)


def test_a_newer_form_is_told_apart() -> None:
    with pytest.raises(rows.FromTheFuture):
        rows.read_job("i", '{"v":2}')


@pytest.mark.parametrize("job", [replace(FULL, target="x" * 20_000), replace(FULL, created=1e999)])
def test_what_could_not_be_read_is_not_written(job: Job) -> None:
    with pytest.raises(StoreError):
        rows.write_job(job)

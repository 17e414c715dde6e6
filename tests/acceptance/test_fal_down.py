"""fal fails at submit; Replicate serves the call, and no program notices (F-06, F-19, F-20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acceptance import fal_calls, plain_calls
from acceptance.failures import named, pairs
from acceptance.rescue import assert_rescued

if TYPE_CHECKING:
    from acceptance.failures import Failure
    from acceptance.stage import Call, Stage

SDK = pairs(fal_calls.CALLS, every=("fal.run", "fal.async.submit"))
PLAIN = pairs(
    tuple(call for call in plain_calls.CALLS if call.provider == "fal"),
    every=("httpx2.async.fal-queue",),
)


@pytest.mark.parametrize("pair", SDK, ids=named)
def test_fal_client_is_served_by_replicate(stage: Stage, pair: tuple[Call, Failure]) -> None:
    assert_rescued(stage, *pair)


@pytest.mark.parametrize("pair", PLAIN, ids=named)
def test_a_plain_post_to_fal_is_served_by_replicate(
    stage: Stage, pair: tuple[Call, Failure]
) -> None:
    assert_rescued(stage, *pair)

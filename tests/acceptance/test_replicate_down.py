"""Replicate fails at submit; fal serves the call, and no program notices (F-06, F-19, F-20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acceptance import plain_calls, replicate_calls
from acceptance.failures import named, pairs
from acceptance.rescue import assert_rescued

if TYPE_CHECKING:
    from acceptance.failures import Failure
    from acceptance.stage import Call, Stage

SDK = pairs(replicate_calls.CALLS, every=("replicate.run", "replicate.async.create-wait"))
PLAIN = pairs(
    tuple(call for call in plain_calls.CALLS if call.provider == "replicate"),
    every=("requests.replicate-queue",),
)


@pytest.mark.parametrize("pair", SDK, ids=named)
def test_the_replicate_sdk_is_served_by_fal(stage: Stage, pair: tuple[Call, Failure]) -> None:
    assert_rescued(stage, *pair)


@pytest.mark.parametrize("pair", PLAIN, ids=named)
def test_a_plain_post_to_replicate_is_served_by_fal(
    stage: Stage, pair: tuple[Call, Failure]
) -> None:
    assert_rescued(stage, *pair)

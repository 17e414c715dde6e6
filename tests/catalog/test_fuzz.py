"""No JSON makes the catalog raise, and nothing that a caller says gets lost in silence."""

from __future__ import annotations

import contextlib
import json
import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.generator import Generator
from catalog.pairs import CATALOG, all_pairs, calls, target_of
from failover.catalog import Refusal, Translation, UnreadableOutput

PAIRS = all_pairs()
ROUNDS = int(os.environ.get("FAILOVER_CATALOG_FUZZ", "10000"))

ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, float("inf"), -0.0, "", " ", "max", "auto", "16:9",
    "1e9", "\u0000", "\ud83d\ude00" * 50, "x" * 5000, "http://", "https://[", "data:", [], [[]],
    [None], [1, "a"], {}, {"width": 0}, {"width": "a", "height": None}, {"width": -5, "height": 9},
    {"width": 10**400, "height": 1}, {"path": 1}, [{"path": "https://a.test/x"}, 5],
    {"url": "https://files.test/a.png"}, {"a": {"b": {"c": [{}]}}},
]  # fmt: skip


def test_f14_ten_thousand_odd_bodies_never_raise() -> None:
    chance = random.Random(14)
    generator = Generator(14)
    seen = {Translation: 0, Refusal: 0}
    bodies = [calls(pair, 3, share=0.5) for pair in PAIRS]
    for _ in range(ROUNDS):
        at = chance.randrange(len(PAIRS))
        pair, body = PAIRS[at], dict(chance.choice(bodies[at]))
        for name in chance.sample(sorted(body), min(len(body), chance.randint(0, 3))):
            body[name] = chance.choice(ODD)
        if chance.random() < 0.3:
            body[generator.random.choice(["x", "loras", "image_size", "\u2028", ""])] = (
                chance.choice(ODD)
            )
        CATALOG.targets(pair.source, body)
        for fidelity in ("close", "exact", "any"):
            answer = CATALOG.translate(pair.source, target_of(pair), body, fidelity=fidelity)
            seen[type(answer)] += 1
            if isinstance(answer, Translation):
                json.dumps(answer.inputs)
                accounted(pair.source, body, answer)
    assert min(seen.values()) > ROUNDS / 10


def accounted(source: Any, body: dict[str, Any], answer: Translation) -> None:
    """Every name that no plan knows is reported as dropped."""
    heads = CATALOG.plan(source).heads
    dropped = set(answer.dropped)
    for name, value in body.items():
        if value is not None and name not in heads:
            printable = "".join(c if " " <= c <= "~" else "?" for c in name)[:60]
            assert printable in dropped


@pytest.mark.parametrize("body", [None, [], "x", 5, 1.5, True])
def test_f14_a_body_that_is_no_object_is_refused(body: Any) -> None:
    pair = PAIRS[0]
    assert CATALOG.translate(pair.source, target_of(pair), body) == Refusal("invalid", None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(at=st.integers(0, len(PAIRS) - 1), value=JSON, data=st.data())
def test_f14_any_json_in_any_parameter(at: int, value: Any, data: st.DataObject) -> None:
    pair = PAIRS[at]
    name = data.draw(st.sampled_from(sorted(CATALOG.plan(pair.source).heads)))
    body = calls(pair, 1)[0] | {name: value}
    answer = CATALOG.translate(pair.source, target_of(pair), body)
    assert isinstance(answer, Translation | Refusal)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(output=JSON)
def test_f14_any_output_is_read_or_called_unreadable(output: Any) -> None:
    pair = PAIRS[0]
    with contextlib.suppress(UnreadableOutput):
        CATALOG.answer(pair.source, pair.target, {}, output)


def test_f17_a_field_that_one_target_cannot_take_leaves_the_others() -> None:
    source = CATALOG.endpoint("replicate", "jaaari/kokoro-82m")
    assert source is not None
    call = {"text": "hello", "voice": "bf_emma"}
    answers = [CATALOG.translate(source, t, call) for t in CATALOG.targets(source, call)]
    assert any(isinstance(answer, Refusal) for answer in answers)
    assert any(isinstance(answer, Translation) for answer in answers)


def test_pair_plans_are_kept() -> None:
    pair = PAIRS[0]
    first = CATALOG._pair(pair.source, target_of(pair))
    assert CATALOG._pair(pair.source, target_of(pair)) is first

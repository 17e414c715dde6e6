"""Verdicts as evidence: against which scope, under which rule, and how the policy stretches it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failover.core.health import Rule
from failover.core.types import Cause, Phase, Trouble
from failover.core.verdict import Facts, evidence, judge


def facts(status: int | None = None, **more: object) -> Facts:
    base = Facts(status, None, Cause.UNSPECIFIED, Phase.SUBMIT, own=True, seconds=1.0)
    return replace(base, **more)  # type: ignore[arg-type]


RULES = [
    (facts(trouble=Trouble.CONNECT), Rule(2, 10.0, 300.0), Rule(2, 4.0, 60.0)),
    (facts(trouble=Trouble.READ_TIMEOUT, seconds=60.0), Rule(2, 10.0, 300.0), Rule(2, 4.0, 60.0)),
    (facts(200, malformed=True), Rule(2, 10.0, 300.0), Rule(2, 4.0, 60.0)),
    (facts(500), Rule(3, 10.0, 300.0), Rule(3, 4.0, 60.0)),
    (facts(503, asked=1.0), Rule(1, 10.0, 300.0), Rule(1, 4.0, 60.0)),
    (
        facts(504, cause=Cause.DEADLINE, phase=Phase.RESULT, own=False),
        Rule(2, 10.0, 300.0),
        Rule(2, 4.0, 60.0),
    ),
    (facts(429), Rule(1, 15.0, 300.0), Rule(1, 6.0, 60.0)),
    (facts(402), Rule(1, 300.0, 3600.0), Rule(1, 300.0, 3600.0)),
    (facts(401), Rule(1, 600.0, 3600.0), Rule(1, 600.0, 3600.0)),
    (facts(403), Rule(1, 600.0, 3600.0), Rule(1, 600.0, 3600.0)),
    (facts(404, worked=True), Rule(1, 600.0, 3600.0), Rule(1, 600.0, 3600.0)),
]


@pytest.mark.parametrize(("given", "default", "scaled"), RULES)
def test_cooldown_rules_and_how_the_policy_stretches_them(
    given: Facts, default: Rule, scaled: Rule
) -> None:
    verdict = judge(given)
    who = {"provider": "fal", "slug": "fal-ai/flux/dev", "key": "k1"}
    plain = evidence(verdict, **who)
    stretched = evidence(verdict, **who, cooldown=4.0, max_cooldown=60.0)
    assert plain is not None
    assert stretched is not None
    assert (plain.rule, stretched.rule) == (default, scaled)


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        (facts(trouble=Trouble.CONNECT), "host:fal"),
        (facts(500), "model:fal/fal-ai/flux/dev"),
        (facts(401), "key:fal/k1"),
        (facts(429), "key:fal/k1"),
        (facts(429, names_model=True), "key-model:fal/k1/fal-ai/flux/dev"),
        (facts(403), "key-model:fal/k1/fal-ai/flux/dev"),
    ],
)
def test_evidence_names_its_scope(given: Facts, scope: str) -> None:
    verdict = judge(given)
    found = evidence(
        verdict,
        provider="fal",
        slug="fal-ai/flux/dev",
        key="k1",
        asked=7.0,
        jitter=1.2,
        generations={scope: 4, "host:other": 9},
    )
    assert found is not None
    assert (found.scope, found.reason) == (scope, verdict.reason)
    assert (found.asked, found.jitter, found.generation) == (7.0, 1.2, 4)


def test_no_evidence_against_nobody_or_against_a_nameless_model() -> None:
    who = {"provider": "replicate", "slug": "", "key": "k1"}
    assert evidence(judge(facts(422)), **who) is None
    assert evidence(judge(facts(200)), **who) is None
    assert evidence(judge(facts(500)), **who) is None
    of_key = evidence(judge(facts(429, names_model=True)), **who)
    assert of_key is not None
    assert of_key.scope == "key:replicate/k1"

"""What the end of a send means: who may have been paid, what to do next, whom it speaks against.

The knowledge is in `outcomes.json`; this module only looks it up. Rules:
- Billing certainty comes before the status (reliability semantics D-1, D-2).
- A server that knows beats our guess; a gateway does not. What the caller controls, such as his
  input, his cancellation or his own short timeout, is never evidence against a provider.
- `judge` is total: whatever it is given, it answers, and the last row is "surface".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any, TypeAlias

from failover.core.health import Evidence, Rule
from failover.core.types import Cause, Phase, Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

COOLDOWN = 10.0  # the policy for which the lengths in the table are written
MAX_COOLDOWN = 300.0
NO_STATUS = 0
NO_GENERATIONS: Mapping[str, int] = {}

Signal: TypeAlias = Trouble | int
"""How a send ended: a trouble, a status, or `NO_STATUS` for a job that failed inside a success."""


class Bill(StrEnum):
    """Whether a send may have been paid for."""

    NOT_SENT = "N"
    REFUSED = "R"  # a server that knows says that it did no chargeable work
    UNKNOWN = "U"
    ACCEPTED = "A"


class Action(StrEnum):
    """What to do after a send. With an unknown bill, `FAILOVER` means once per call at most."""

    DONE = "done"
    FAILOVER = "failover"
    NEXT_KEY = "next-key"  # another key of the same provider, then failover
    SURFACE = "surface"
    SKIP = "skip"  # an alternative can't take our wording: the next one, and no hard feelings


@dataclass(frozen=True, slots=True)
class Facts:
    """How a send ended.

    Args:
        status: HTTP status; None when there was none, or when a job failed inside a success.
        trouble: why there is no reply; wins over the status.
        cause: what the dialect read in the reply, or in the failed job.
        phase: which step of the generation it was.
        own: it went to the caller's own provider.
        seconds: how long it took.
        malformed: a success that can't be read.
        asked: seconds that the server asked to wait, or None.
        names_model: a rate limit that is about this model.
        worked: this model served this key within the last day.
    """

    status: int | None
    trouble: Trouble | None
    cause: Cause
    phase: Phase
    own: bool
    seconds: float
    malformed: bool = False
    asked: float | None = None
    names_model: bool = False
    worked: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the end of a send means.

    Args:
        row: id of the row that decided.
        bill: whether it may have been paid for.
        action: what to do.
        scope: kind of the scope it speaks against: `host`, `model`, `key`, `key-model` or None.
        rule: how it opens that scope under the default policy, or None.
        neutral: it says nothing about anybody's health; False for a success.
        reconnect: one instant reconnect is allowed first, if it failed in less than 250 ms.
        loud: worth a warning or an error in the log, once per key.
        reason: a short word for people and headers: `429`, `timeout`, `job-failed` …
    """

    row: str
    bill: Bill
    action: Action
    scope: str | None
    rule: Rule | None
    neutral: bool
    reconnect: bool
    loud: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """One compiled row of the table; a condition that is None always holds.

    Args:
        id: its name.
        signals: troubles and statuses it is about.
        phases: phases it is about.
        job: it is about a job's end rather than about a request.
        causes: causes it is about.
        flags: what must be true or false of a send, by name.
        bill: see `Verdict`.
        action: see `Verdict`.
        scope: see `Verdict`.
        rule: see `Verdict`.
        scaled: the user's policy stretches the rule's lengths.
        reconnect: see `Verdict`.
        loud: see `Verdict`.
        reason: see `Verdict`; None to name the trouble, the status or the cause.
    """

    id: str
    signals: frozenset[Signal] | None
    phases: frozenset[Phase] | None
    job: bool
    causes: frozenset[Cause] | None
    flags: tuple[tuple[str, bool], ...]
    bill: Bill
    action: Action
    scope: str | None
    rule: Rule | None
    scaled: bool
    reconnect: bool
    loud: bool
    reason: str | None

    def concerns(self, phase: Phase, signal: Signal) -> bool:
        """Whether a send that ended so in this phase can fall under this row."""
        if self.signals is not None and signal not in self.signals:
            return False
        if self.phases is not None and phase not in self.phases:
            return False
        return not self.job or _speaks_of_job(phase, signal)

    def fits(self, cause: Cause, flags: Mapping[str, bool]) -> bool:
        """Whether the remaining conditions hold."""
        if self.causes is not None and cause not in self.causes:
            return False
        return all(flags[name] is wanted for name, wanted in self.flags)


@dataclass(frozen=True, slots=True)
class Table:
    """The compiled table.

    Args:
        rows: in order; the last one takes everything.
        by_id: the same by name.
        assumed: what a status means when the dialect can't say.
        slow: seconds of waiting that count as slow, at the caller's own provider and elsewhere.
    """

    rows: tuple[Row, ...]
    by_id: Mapping[str, Row]
    assumed: Mapping[int, Cause]
    slow: Mapping[bool, float]


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Read `outcomes.json`, once."""
    from importlib.resources import files  # noqa: PLC0415  # heavy, and needed only on a failure

    text = files("failover.core").joinpath("outcomes.json").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


@lru_cache(maxsize=1)
def table() -> Table:
    """Compile the table, once."""
    data = document()
    rows = tuple(_row(entry, data["rules"]) for entry in data["rows"])
    return Table(
        rows=rows,
        by_id={row.id: row for row in rows},
        assumed={int(status): Cause(cause) for status, cause in data["assumed"].items()},
        slow={True: data["slow"]["own"], False: data["slow"]["elsewhere"]},
    )


def _row(entry: dict[str, Any], rules: dict[str, Any]) -> Row:
    when = dict(entry["when"])
    signals, phases = when.pop("on", None), when.pop("phase", None)
    job, causes = when.pop("job", False), when.pop("cause", None)
    evidence = entry.get("evidence")
    spec = rules[evidence["rule"]] if evidence else None
    return Row(
        id=entry["id"],
        signals=frozenset().union(*map(_signals, signals)) if signals else None,
        phases=frozenset(map(Phase, phases)) if phases else None,
        job=job,
        causes=frozenset(map(Cause, causes)) if causes else None,
        flags=tuple(when.items()),
        bill=Bill(entry["bill"]),
        action=Action(entry["action"]),
        scope=evidence["scope"] if evidence else None,
        rule=_rule(spec, evidence["weight"]) if evidence and spec else None,
        scaled=bool(spec and spec["scaled"]),
        reconnect=entry.get("reconnect", False),
        loud=entry.get("loud", False),
        reason=entry.get("reason"),
    )


def _rule(spec: dict[str, Any], weight: float) -> Rule:
    """A rule as one row uses it: weak evidence must come more often."""
    return Rule(ceil(spec["threshold"] / weight), spec["base"], spec["cap"])


def _signals(word: str) -> frozenset[Signal]:
    """Expand one word of a row: `5xx`, `521-523`, `404`, `none` or a trouble."""
    if word == "none":
        return frozenset({NO_STATUS})
    if word.endswith("xx"):
        first = int(word[0]) * 100
        return frozenset(range(first, first + 100))
    if word[0].isdigit():
        first_word, _, last_word = word.partition("-")
        return frozenset(range(int(first_word), int(last_word or first_word) + 1))
    return frozenset({Trouble(word)})


def _speaks_of_job(phase: Phase, signal: Signal) -> bool:
    """Whether a failure is a job's own: told by a poll or a result, or inside a success."""
    if phase in (Phase.POLL, Phase.RESULT):
        return True
    return isinstance(signal, int) and (signal == NO_STATUS or 200 <= signal < 300)


@lru_cache(maxsize=4096)
def _candidates(phase: Phase, signal: Signal) -> tuple[Row, ...]:
    return tuple(row for row in table().rows if row.concerns(phase, signal))


def judge(facts: Facts) -> Verdict:
    """Say what the end of a send means.

    Args:
        facts: how it ended.

    Returns:
        The verdict of the first row whose conditions hold; there always is one.
    """
    signal = _signal(facts)
    known, cause = table(), _cause(facts, signal)
    flags = {
        "own": facts.own,
        "malformed": facts.malformed,
        "asked": facts.asked is not None,
        "slow": facts.seconds >= known.slow[facts.own],
        "worked": facts.worked,
        "names_model": facts.names_model,
    }
    row = next(row for row in _candidates(facts.phase, signal) if row.fits(cause, flags))
    return Verdict(
        row=row.id,
        bill=row.bill,
        action=row.action,
        scope=row.scope,
        rule=row.rule,
        neutral=row.scope is None and row.action is not Action.DONE,
        reconnect=row.reconnect,
        loud=row.loud,
        reason=row.reason or _reason(signal, cause),
    )


def _signal(facts: Facts) -> Signal:
    if facts.trouble is not None:
        return facts.trouble
    if facts.status is None:
        return NO_STATUS
    return facts.status if 100 <= facts.status < 600 else -1


def _cause(facts: Facts, signal: Signal) -> Cause:
    """What the dialect read; else what the status means. Where there is no reply, nobody said."""
    if isinstance(signal, Trouble):
        return Cause.UNSPECIFIED
    if facts.cause is Cause.UNSPECIFIED:
        return table().assumed.get(signal, facts.cause)
    return facts.cause


def _reason(signal: Signal, cause: Cause) -> str:
    if isinstance(signal, Trouble):
        return signal.value
    return str(signal) if signal > 0 else cause.value


def evidence(
    verdict: Verdict,
    *,
    provider: str,
    slug: str,
    key: str,
    asked: float | None = None,
    jitter: float = 1.0,
    cooldown: float = COOLDOWN,
    max_cooldown: float = MAX_COOLDOWN,
    generations: Mapping[str, int] = NO_GENERATIONS,
) -> Evidence | None:
    """Put a verdict into the form that a store records.

    Args:
        verdict: the verdict.
        provider: who was asked.
        slug: the endpoint; empty when it is not known.
        key: id of the key.
        asked: seconds the server asked to wait, or None.
        jitter: factor of 1.0 to 1.25.
        cooldown: the user's first cooldown in seconds.
        max_cooldown: the user's longest cooldown in seconds.
        generations: the generation of each scope when the attempt started.

    Returns:
        The evidence; None for a verdict against nobody, or against a model that has no name.
    """
    rule, kind = verdict.rule, verdict.scope
    if rule is None or (kind == "model" and not slug):
        return None
    if table().by_id[verdict.row].scaled:
        base, cap = rule.base * cooldown / COOLDOWN, rule.cap * max_cooldown / MAX_COOLDOWN
        rule = replace(rule, base=base, cap=cap)
    scope = {
        "host": f"host:{provider}",
        "model": f"model:{provider}/{slug}",
        "key": f"key:{provider}/{key}",
        "key-model": f"key-model:{provider}/{key}/{slug}" if slug else f"key:{provider}/{key}",
    }[str(kind)]
    return Evidence(scope, verdict.reason, rule, asked, jitter, generations.get(scope, 0))

"""When a scope cools, for how long, and how two opinions are merged: pure functions.

A scope is a string, one of
    host:{provider}                      connect-level trouble
    model:{provider}/{slug}              errors, hangs, malformed replies
    key:{provider}/{key}                 bad key, empty balance, rate limit of a key
    key-model:{provider}/{key}/{slug}    this key may not use, or is limited on, this model

Rules (after reliability semantics D-4, D-5):
- Consecutive evidence opens a scope; a success clears it. No ratios, no windows.
- The length doubles with each level up to a cap; what the server asked for is never cut short.
- Jitter only lengthens. Two opinions merge to the later end; a shorter one never shortens.
- After expiry a single prober is admitted, under a lease and a new generation.
- Times are the store's clock; a standing is active while -2 s <= now - set_at < length, so a clock
  that jumps can never block longer than the cap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

CLOCK_SLACK = 2.0
MAX_LEVEL = 6
SERVER_CAP = 3600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of evidence opens a scope.

    Args:
        threshold: consecutive failures that open it.
        base: seconds of the first cooldown.
        cap: longest cooldown in seconds, unless the server asks for more.
    """

    threshold: int
    base: float
    cap: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One failure, as a store records it.

    Args:
        scope: what it speaks against.
        reason: a short word for people, such as `429`.
        rule: how it opens the scope.
        asked: seconds the server asked for, or None.
        jitter: factor of 1.0 to 1.25, drawn by the caller so that stores stay deterministic.
        generation: the scope's generation when the attempt started.
    """

    scope: str
    reason: str
    rule: Rule
    asked: float | None = None
    jitter: float = 1.0
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known against one scope.

    Args:
        scope: the scope.
        count: consecutive failures since the last success.
        level: how many times it has opened, 0 to 6; falls by one per cap-length of health.
        set_at: store-clock seconds when it last opened or closed; 0 when it never did.
        length: seconds it stays closed to traffic from then on; 0 when it is not open.
        reason: what opened it last.
        generation: grows with each opening and each probe; reports of an older one change nothing.
        lease: store-clock seconds until which somebody is probing.
        cap: the longest cooldown of the rule that opened it, for the fall of the level.
    """

    scope: str
    count: int = 0
    level: int = 0
    set_at: float = 0.0
    length: float = 0.0
    reason: str = ""
    generation: int = 0
    lease: float = 0.0
    cap: float = 300.0

    @property
    def opened(self) -> bool:
        """Whether it has opened and no success has closed it since."""
        return self.length > 0

    def remaining(self, now: float) -> float:
        """Seconds until the scope may be probed; 0.0 when it may now."""
        age = now - self.set_at
        return self.length - age if self.opened and -CLOCK_SLACK <= age < self.length else 0.0


def after_failure(standing: Standing | None, evidence: Evidence, now: float) -> Standing:
    """Add a failure to what is known.

    Args:
        standing: what is known so far, or None.
        evidence: the failure.
        now: store-clock seconds.

    Returns:
        The new standing; open when the evidence suffices.
    """
    known = standing or Standing(evidence.scope)
    asked = min(evidence.asked or 0.0, SERVER_CAP)
    if evidence.generation < known.generation or known.remaining(now) > 0:
        return _prolonged(known, now, asked)
    count = known.count + 1
    if not known.opened and count < evidence.rule.threshold and not asked:
        return replace(known, count=count)
    level = _level(known, now)
    own = min(evidence.rule.base * 2**level, evidence.rule.cap)
    return Standing(
        scope=evidence.scope,
        count=count,
        level=min(level + 1, MAX_LEVEL),
        set_at=now,
        length=max(own, asked) * evidence.jitter,
        reason=evidence.reason,
        generation=known.generation + 1,
        cap=evidence.rule.cap,
    )


def _prolonged(known: Standing, now: float, asked: float) -> Standing:
    """A late report of a trouble already known: only the server's own words lengthen it."""
    if not asked or not known.opened or now + asked <= known.set_at + known.length:
        return known
    return replace(known, set_at=now, length=asked)


def _level(known: Standing, now: float) -> int:
    """The level, less one for each cap-length of health since it closed."""
    if known.opened:
        return known.level
    return max(0, known.level - int(max(0.0, now - known.set_at) / known.cap))


def after_success(standing: Standing, generation: int, now: float) -> Standing:
    """Close a scope that has served a call; a success of an older generation changes nothing.

    Args:
        standing: what is known.
        generation: the scope's generation when the attempt started.
        now: store-clock seconds.

    Returns:
        The new standing.
    """
    if generation < standing.generation:
        return standing
    if not standing.opened:
        return replace(standing, count=0)
    return replace(standing, count=0, set_at=now, length=0.0, lease=0.0)


class Entry(StrEnum):
    """Whether a call may go to a scope."""

    GO = "go"
    PROBE = "probe"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to a call that wants to use a scope.

    Args:
        entry: go, probe (it is the only one), or refused.
        generation: to be handed back with the report.
        seconds: when refused, how long until asking again makes sense.
    """

    entry: Entry
    generation: int = 0
    seconds: float = 0.0


def admit(standing: Standing | None, lease: float, now: float) -> tuple[Admission, Standing | None]:
    """Decide whether a call may use a scope; an expired one admits a single prober.

    Args:
        standing: what is known, or None.
        lease: seconds the prober may take before another may try.
        now: store-clock seconds.

    Returns:
        The admission, and the standing to keep.
    """
    if standing is None or not standing.opened:
        return Admission(Entry.GO, standing.generation if standing else 0), standing
    left = standing.remaining(now) or max(0.0, min(standing.lease - now, lease))
    if left > 0:
        return Admission(Entry.REFUSED, standing.generation, left), standing
    probing = replace(standing, generation=standing.generation + 1, lease=now + lease)
    return Admission(Entry.PROBE, probing.generation), probing


def release(standing: Standing, generation: int) -> Standing:
    """Give a probe back without an opinion, so that the next call may probe."""
    return replace(standing, lease=0.0) if generation == standing.generation else standing


def merge(a: Standing, b: Standing) -> Standing:
    """Join two opinions about one scope: the one that ends later wins."""
    return a if a.set_at + a.length >= b.set_at + b.length else b

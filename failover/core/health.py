"""When a scope cools, for how long, and how two opinions are merged: pure functions on frozen values.

A scope is a string, one of
    host:{provider}                      connect-level trouble
    model:{provider}/{slug}              errors, hangs, malformed replies
    key:{provider}/{key}                 bad key, empty balance, rate limit of a key
    key-model:{provider}/{key}/{slug}    this key may not use, or is limited on, this model

Rules (after reliability semantics D-4, D-5):
- Consecutive evidence opens a scope; a success clears it. No ratios, no windows.
- The length doubles with each level up to a cap; what the server asked for is never cut short.
- Jitter only lengthens. Two opinions merge to the later end; a shorter one never shortens.
- Times are the store's clock; a standing is active while -2 s <= now - set_at < length, so a clock
  that jumps can never block longer than the cap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CLOCK_SLACK = 2.0
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
    """

    scope: str
    reason: str
    rule: Rule
    asked: float | None = None
    jitter: float = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known against one scope.

    Args:
        scope: the scope.
        count: consecutive failures since the last success.
        level: how many times it has opened, 0 to 6.
        set_at: store-clock seconds when it last opened; 0 when it never did.
        length: seconds it stays closed to traffic from then on.
        reason: what opened it last.
    """

    scope: str
    count: int = 0
    level: int = 0
    set_at: float = 0.0
    length: float = 0.0
    reason: str = ""

    def remaining(self, now: float) -> float:
        """Seconds until the scope may be tried again; 0.0 when it may now."""
        age = now - self.set_at
        return self.length - age if -CLOCK_SLACK <= age < self.length else 0.0


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
    count = known.count + 1
    if count < evidence.rule.threshold and evidence.asked is None:
        return replace(known, count=count)
    if known.remaining(now) > 0:  # a late report of the same trouble raises no level
        length = max(known.length, now - known.set_at + min(evidence.asked or 0.0, SERVER_CAP))
        return replace(known, count=count, length=length)
    own = min(evidence.rule.base * 2**known.level, evidence.rule.cap)
    length = max(own, min(evidence.asked or 0.0, SERVER_CAP)) * evidence.jitter
    return Standing(evidence.scope, count, min(known.level + 1, 6), now, length, evidence.reason)


def merge(a: Standing, b: Standing) -> Standing:
    """Join two opinions about one scope: the one that ends later wins."""
    return a if a.set_at + a.length >= b.set_at + b.length else b

"""What a contract test needs around a store: its clock in hand, and the same data opened twice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from failover.core.health import Evidence, Rule
from failover.core.types import Job, Mode
from failover.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from failover.core.health import Standing
    from failover.stores.contract import Store

SCOPE = "model:fal/fal-ai/flux"
RULE = Rule(threshold=3, base=10.0, cap=300.0)
AT_ONCE = Rule(threshold=1, base=10.0, cap=300.0)
PATIENT = 10.0  # seconds, for machines that are busy otherwise
PROMPT = "a canary nobody may find"
JOB = Job(
    id="764cabcf-b745-4b3e-ae38-1200304cf45b",
    caller="fal",
    source="fal-ai/flux/dev",
    provider="replicate",
    target="black-forest-labs/flux-dev",
    native="gm3qorzdhgbfurvjtvhg6dckhu",
    key="0123456789abcdef",
    call="call-1",
    created=1_763_700_000.25,
    mode=Mode.WAIT,
    version=None,
    model="flux-dev",
    stream=True,
    cancelled=False,
    input={"prompt": PROMPT},
)


def against(scope: str = SCOPE, rule: Rule = AT_ONCE, **more: object) -> Evidence:
    return Evidence(scope, more.pop("reason", "503"), rule, **more)


def known(store: Store, scope: str = SCOPE) -> Standing | None:
    return {standing.scope: standing for standing in store.standings()}.get(scope)


class Clock:
    """Wall-clock seconds that also advance by hand."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def __call__(self) -> float:
        return time.time() + self.ahead


class Recipe(Protocol):
    """How another process opens the same store; can be pickled."""

    def open(self) -> Store: ...


@dataclass
class SqliteRecipe:
    path: Path
    ahead: float = 0.0

    def open(self) -> Store:
        return SqliteStore(self.path, clock=Clock(self.ahead), timeout=PATIENT)


class Bench(Protocol):
    """A store under test."""

    store: Store
    persistent: bool

    def advance(self, seconds: float) -> None:
        """Let time pass on the store's clock."""

    def recipe(self) -> Recipe:
        """How to open the same data again, at the same time."""

    def spoil(self, scope: str, row: bytes) -> None:
        """Overwrite the record of a scope."""

    def spoil_job(self, id: str, row: bytes) -> None:
        """Overwrite the record of a job."""

    def rows(self) -> list[bytes]:
        """Every record."""

    def raw(self) -> bytes:
        """Everything that is at rest."""

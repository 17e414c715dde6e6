"""One translation in progress: what is said, what will be sent, and what has to be reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from failover.catalog.values import Refusal

if TYPE_CHECKING:
    from failover.catalog.bindings import InputPlan, Said
    from failover.catalog.values import Reason


class Refused(Exception):
    """Carries a refusal out of the depth of a translation."""

    def __init__(self, reason: Reason, parameter: str | None) -> None:
        super().__init__(reason)
        self.refusal = Refusal(reason, parameter)


@dataclass(slots=True)
class Work:
    """One translation in progress."""

    source: InputPlan
    target: InputPlan
    fidelity: str
    said: dict[str, Said] = field(default_factory=dict)
    size: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def drop(self, name: str) -> None:
        """Report a parameter that is not carried."""
        if self.fidelity == "exact":
            raise Refused("exact", name)
        self.dropped.append(name)

    def change(self, name: str, said: object, sent: object) -> None:
        """Report a value that is approximated."""
        if self.fidelity == "exact":
            raise Refused("exact", name)
        self.note(name, said, sent)

    def note(self, name: str, said: object, sent: object) -> None:
        """Report what the caller didn't ask for in words, so that no fidelity forbids it."""
        text = f"{name}: {said} -> {sent}"
        self.changed.append("".join(c if " " <= c <= "~" else "?" for c in text)[:80])

"""The ledger: every request a world received, with what the judge says about each."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from failover.sim.http1 import Request


@dataclass(eq=False)
class Received:
    """One request as a provider saw it.

    Attributes:
        provider: Name of the provider, or ``other`` for a host that is none.
        request: The request, whole.
        phases: What it is for, the main phase first: ``submit``, ``poll`` …
        endpoint: The model or app it names, if any.
        key: The provider key that it carries, whether valid or not.
        at: When it came, in seconds since the epoch.
        status: The status of the reply; ``None`` when none was sent.
        fault: The effect of the fault that struck it, if any.
        violations: Everything wrong with it, in words.
    """

    provider: str
    request: Request
    phases: tuple[str, ...] = ("other",)
    endpoint: str = ""
    key: str = ""
    at: float = field(default_factory=time.time)
    status: int | None = None
    fault: str | None = None
    violations: list[str] = field(default_factory=list)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.method

    @property
    def host(self) -> str:
        """The simulated host that it is for."""
        return self.request.door or self.request.host

    @property
    def path(self) -> str:
        """The path, without query."""
        return self.request.path

    @property
    def query(self) -> dict[str, str]:
        """The query items."""
        return self.request.query

    @property
    def headers(self) -> dict[str, str]:
        """The headers with lower-case names."""
        return {name.lower(): value for name, value in self.request.headers}

    @property
    def body(self) -> bytes:
        """The body."""
        return self.request.body

    @property
    def phase(self) -> str:
        """The main phase."""
        return self.phases[0]


class Ledger:
    """The requests of one provider or host, in order of arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Received] = []

    def enter(self, received: Received) -> None:
        """Write down a request."""
        with self._lock:
            self._entries.append(received)

    def all(self) -> list[Received]:
        """Return every request so far."""
        with self._lock:
            return list(self._entries)

    def of(self, phases: Iterable[str]) -> list[Received]:
        """Return the requests of any of these phases."""
        wanted = set(phases)
        return [entry for entry in self.all() if not wanted.isdisjoint(entry.phases)]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

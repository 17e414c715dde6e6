"""Everything a `Failover` needs once a watched call comes by; built then, not at install.

This is the flow's context (`failover.core.ports.Context`) and the performer of every effect that is
not HTTP. What it does for a call must never break that call: a store that fails answers like an
empty one, a listener that raises is logged.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any, assert_never

from failover._health_view import HealthView
from failover._memory import Memory
from failover.core.effects import (
    Admit,
    Effect,
    Emit,
    FindJob,
    Forward,
    NoteFailure,
    NoteSuccess,
    ReadHealth,
    Release,
    SaveJob,
    Send,
    Sleep,
)
from failover.core.settings import Settings
from failover.core.types import Mode
from failover.dialects import PROVIDERS, dialect, inbound
from failover.events import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Hashable

    from failover._failover import Failover
    from failover._telling import Telling
    from failover.core.ports import Catalog, Inbound, Outbound
    from failover.core.types import Create, Request
    from failover.stores.contract import Store

OUTPUTS_KEPT = 10_000
SLOW_EFFECTS = (ReadHealth, NoteFailure, NoteSuccess, Admit, Release, FindJob, SaveJob)


class Runtime:
    """The working half of a `Failover`.

    Args:
        failover: the settings.
        store: where shared state is kept.
        catalog: the models.
    """

    def __init__(self, failover: Failover, store: Store, catalog: Catalog) -> None:
        policy = failover.policy
        self.keyring = failover.keyring
        self.sites = failover.sites
        self.store = store
        self.catalog = catalog
        self.telling: Telling = failover.telling
        self.settings = Settings(
            attempts=policy.attempts,
            deadline=policy.deadline,
            job_deadline=policy.job_deadline,
            fidelity=policy.fidelity,
            on_unknown=policy.on_unknown,
            cooldown=policy.cooldown,
            max_cooldown=policy.max_cooldown,
            providers=failover.providers,
            substitutes=failover.substitutes,
        )
        self.health = HealthView(store)
        self.memory = Memory()
        self.random = random.Random()  # noqa: S311  # ids and jitter, no secrets
        self.inbound: dict[str, Inbound] = {
            row.name: inbound(row.name) for row in PROVIDERS.values() if row.inbound
        }
        self._dialects: dict[str, Outbound] = {}
        self._output_names: dict[tuple[str, str], frozenset[str]] = {}

    # --- what a flow consults ------------------------------------------------------------------

    @property
    def verbose(self) -> bool:
        """Somebody listens to routine events."""
        return self.telling.verbose

    def quiet(self) -> bool:
        """Nothing is cooling, nothing to be refreshed, nobody listens to routine events."""
        health = self.health
        return health.clear and self.memory.blank and not self.verbose and not health.stale()

    def clock(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Wall-clock seconds since the epoch."""
        return time.time()

    def who(self) -> Hashable:
        """The thread and task that is calling."""
        return threading.get_ident(), _current_task()

    def dialect(self, provider: str) -> Outbound:
        """The dialect of a provider."""
        known = self._dialects.get(provider)
        if known is None:
            known = self._dialects[provider] = dialect(provider)
        return known

    def output_names(self, dialect: Inbound, intent: Create) -> frozenset[str]:
        """The parts of the output of the endpoint asked for; empty when it is not known."""
        key = (dialect.provider, intent.slug or "") if intent.mode is Mode.BLOCK else ("", "")
        names = self._output_names.get(key)
        if names is None:
            endpoint = self.catalog.endpoint(*key)
            schema = self.catalog.output_schema(endpoint) if endpoint is not None else None
            names = frozenset((schema or {}).get("properties") or ())
            if len(self._output_names) < OUTPUTS_KEPT:
                self._output_names[key] = names
        return names

    def keys(self, provider: str) -> tuple[str, ...]:
        """Ids of the keys that may be used at a provider, in order."""
        return self.keyring.ids(provider)

    def caller_key(self, provider: str, request: Request) -> str:
        """Id of the key a caller's request carries; empty when it carries none."""
        return self.keyring.learn(provider, request.headers.get(PROVIDERS[provider].header) or "")

    # --- effects -------------------------------------------------------------------------------

    def slow(self, effect: Effect) -> bool:
        """Whether an effect may wait for a disk or a network, and so must leave the event loop."""
        return self.store.shared and isinstance(effect, SLOW_EFFECTS)

    def perform(self, effect: Effect) -> Any:
        """Do any effect that is neither HTTP nor waiting.

        Args:
            effect: what to do.

        Returns:
            Its answer; that of an empty store if the store fails.
        """
        if isinstance(effect, Emit):
            return self.telling.tell(effect.event)
        try:
            return self._perform_store(effect)
        except Exception as error:  # noqa: BLE001  # a broken store never breaks a call
            self.store_failed(type(effect).__name__, error)
            return _as_if_empty(effect)

    def _perform_store(self, effect: Effect) -> Any:
        match effect:
            case ReadHealth():
                return self.health.refresh()
            case NoteFailure():
                standing = self.store.note_failure(effect.evidence)
                self.health.keep(standing)
                return standing
            case NoteSuccess():
                closed = self.store.note_success(effect.scopes)
                self.health.succeeded(effect.scopes)
                return closed
            case Admit():
                return self.store.admit(effect.scope, effect.lease)
            case Release():
                return self.store.release(effect.scope, effect.generation)
            case FindJob():
                return self.store.find_job(effect.id)
            case SaveJob():
                return self.store.save_job(effect.job, effect.ttl)
            case Forward() | Send() | Sleep() | Emit():
                raise TypeError(f"{type(effect).__name__} belongs to the front door")
            case _:
                assert_never(effect)

    def store_failed(self, operation: str, error: BaseException) -> None:
        """Tell that the store did not do what it was asked."""
        event = StoreFailed(operation=operation, error_type=type(error).__name__, at=time.time())
        self.telling.tell(event)


def _as_if_empty(effect: Effect) -> Any:
    """What an empty store would answer."""
    if isinstance(effect, Admit):
        from failover.core.health import Admission, Entry  # noqa: PLC0415  # only on a broken store

        return Admission(Entry.GO)
    return () if isinstance(effect, NoteSuccess) else None


def _current_task() -> Hashable:
    """Name the running asyncio or trio task; 0 outside of one."""
    import sys  # noqa: PLC0415  # looked at only when a call has failed everywhere

    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            return id(asyncio.current_task())
        except RuntimeError:
            pass
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            return id(trio.lowlevel.current_task())
        except RuntimeError:
            pass
    return 0

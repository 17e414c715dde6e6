"""A simulated process: the real runtime, health view and memory, over a store that can fail."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from failover._runtime import Runtime
from failover._telling import Telling
from failover.errors import StoreError
from failover.stores.guard import GuardedStore
from failover.stores.memory import MemoryStore

from .scene import DIALECTS, SHELF, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from failover.core.health import Admission, Evidence, Standing
    from failover.core.ports import Inbound
    from failover.core.types import Job, Request
    from failover.events import Event
    from failover.stores.contract import Store

    from .world import World


class OpenStore(MemoryStore):
    """A memory store that lets the watchmen look in.

    Args:
        clock: its clock.
        number: whose it is; -1 when it is shared.
    """

    def __init__(self, clock: Callable[[], float], number: int) -> None:
        super().__init__(clock=clock)
        self.number = number

    def peek(self, scope: str) -> Standing | None:
        """What is kept about a scope."""
        return self._table.get(scope)

    def scopes(self) -> list[Standing]:
        """Everything that is kept."""
        return self._table.living()


class SimStore:
    """The way of one process to its store, shared or not.

    Args:
        world: the world.
        process: number of the process.
        inner: makes sure of the store as it is now; a flush puts an empty one in its place.
        shared: other processes write to it.
    """

    def __init__(
        self, world: World, process: int, inner: Callable[[], OpenStore], *, shared: bool
    ) -> None:
        self._world = world
        self._process = process
        self._inner = inner
        self.shared = shared

    def _open(self) -> OpenStore:
        if self._world.store_fails(self._process):
            raise StoreError("the store does not answer")
        return self._inner()

    def now(self) -> float:
        return self._inner().now()

    def standings(self) -> tuple[Standing, ...]:
        return self._open().standings()

    def note_failure(self, evidence: Evidence) -> Standing:
        inner = self._open()
        before = inner.peek(evidence.scope)
        after = inner.note_failure(evidence)
        self._world.health.failed(inner, evidence, before, after)
        return after

    def note_success(self, scopes: Mapping[str, int]) -> tuple[str, ...]:
        inner = self._open()
        before = {scope: inner.peek(scope) for scope in scopes}
        closed = inner.note_success(scopes)
        for scope, generation in scopes.items():
            self._world.health.succeeded(inner, generation, before[scope], inner.peek(scope))
        return closed

    def admit(self, scope: str, lease: float) -> Admission:
        inner = self._open()
        before = inner.peek(scope)
        admission = inner.admit(scope, lease)
        self._world.health.admitted(inner, self._process, before, inner.peek(scope), admission)
        return admission

    def release(self, scope: str, generation: int) -> None:
        inner = self._open()
        before = inner.peek(scope)
        inner.release(scope, generation)
        self._world.health.released(inner, generation, before, inner.peek(scope))

    def find_job(self, id: str) -> Job | None:
        return self._open().find_job(id)

    def save_job(self, job: Job, ttl: float) -> None:
        self._open().save_job(job, ttl)

    def close(self) -> None:
        pass


class SimProcess(Runtime):
    """One process of the fleet.

    Args:
        world: the world.
        number: which one.
        store: its way to the store.
    """

    def __init__(self, world: World, number: int, store: SimStore) -> None:
        plan = world.plan
        self.world = world
        guarded: Store = store
        if store.shared:  # as a `Failover` does it
            guarded = GuardedStore(store, self.store_failed, clock=self.clock)
        listener = self._hear if plan.verbose or plan.raising else None
        telling = Telling(self._hear, (listener,) if listener else ())
        settings = SimpleNamespace(
            policy=plan.settings,
            keyring=None,
            sites=None,
            telling=telling,
            providers=plan.settings.providers,
            substitutes=plan.settings.substitutes,
        )
        super().__init__(settings, guarded, SHELF)  # type: ignore[arg-type]  # the parts it reads
        self.number = number
        self.random = Random(world.random.getrandbits(64))
        self.skew = world.skews.get(number, 0.0)
        self.paused_until = 0.0
        self.alive = True
        self.effects = 0
        self.replied: dict[str, float] = {}  # when a provider last answered this process

    def _hear(self, event: Event) -> None:
        self.world.told(event)
        if self.world.plan.raising:
            raise RuntimeError("a listener that raises")

    def clock(self) -> float:
        return self.world.clock.now

    def wall(self) -> float:
        return self.world.wall(self.number)

    def who(self) -> Hashable:
        return self.world.flying

    def dialect(self, provider: str) -> Inbound:
        return DIALECTS[provider]

    def keys(self, provider: str) -> tuple[str, ...]:
        return self.world.plan.keys.get(provider, ())

    def caller_key(self, provider: str, request: Request) -> str:
        return key_of(request.headers.get("authorization") or "")

    def does(self, effect: Any) -> Any:
        """Perform an effect that is neither HTTP nor waiting."""
        self.world.running = self.number
        return self.perform(effect)

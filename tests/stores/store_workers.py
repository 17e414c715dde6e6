"""What the other processes of a test do; apart, so that a spawned one imports little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failover.core.health import Entry, Evidence, Rule
from failover.errors import StoreError

if TYPE_CHECKING:
    from threading import Barrier, Event

    from store_bench import Recipe

    from failover.core.health import Standing
    from failover.core.types import Job
    from failover.stores.contract import Store

NEVER_OPENS = Rule(threshold=10**6, base=1.0, cap=1.0)


def read(recipe: Recipe, scope: str, id: str) -> tuple[Standing | None, Job | None]:
    """What another process sees."""
    store = recipe.open()
    standings = {standing.scope: standing for standing in store.standings()}
    job = store.find_job(id)
    store.close()
    return standings.get(scope), job


def count(recipe: Recipe, scope: str, times: int) -> list[str]:
    """Read, modify and write many times; the errors met."""
    store = recipe.open()
    errors = []
    for _ in range(times):
        try:
            store.note_failure(Evidence(scope, "503", NEVER_OPENS))
        except StoreError as error:
            errors.append(str(error))
    store.close()
    return errors


def probe(recipe: Recipe, scopes: list[str], start: Barrier) -> list[str]:
    """Race for the probes; the scopes won."""
    store = recipe.open()
    store.standings()
    start.wait(30)
    won = [scope for scope in scopes if store.admit(scope, 300.0).entry is Entry.PROBE]
    store.close()
    return won


def count_until(store: Store, stop: Event) -> int:
    """Keep a store busy until told to stop; how often it was written."""
    done = 0
    while not stop.is_set():
        store.note_failure(Evidence("model:fal/fal-ai/flux", "503", NEVER_OPENS))
        done += 1
    return done

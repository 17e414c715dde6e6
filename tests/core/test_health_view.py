"""The local view of the store: what it takes over, and what it knows better."""

from __future__ import annotations

from failover._health_view import HealthView
from failover.core.health import Entry, Evidence, Rule, Standing
from failover.stores.memory import MemoryStore

SCOPE = "model:fal/fal-ai/flux/dev"
RULE = Rule(threshold=1, base=10.0, cap=300.0)


def test_a_scope_that_closed_can_open_again() -> None:
    now = [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    view = HealthView(store)
    for _ in range(3):
        generation = view.generation(SCOPE)
        view.keep(store.note_failure(Evidence(SCOPE, "503", RULE, generation=generation)))
        assert view.entry(SCOPE) is Entry.REFUSED
        now[0] += 400.0
        assert view.entry(SCOPE) is Entry.PROBE
        probe = store.admit(SCOPE, 30.0)
        store.note_success({SCOPE: probe.generation})
        view.refresh()
        assert (view.clear, view.entry(SCOPE)) == (True, Entry.GO)


def test_a_store_that_began_anew_is_believed() -> None:
    store = MemoryStore(clock=lambda: 5000.0)
    view = HealthView(store)
    view.keep(Standing(SCOPE, generation=7, set_at=1000.0))
    view.keep(store.note_failure(Evidence(SCOPE, "503", RULE)))
    assert view.generation(SCOPE) == 1
    assert view.entry(SCOPE) is Entry.REFUSED


def test_an_older_snapshot_changes_nothing() -> None:
    view = HealthView(MemoryStore(clock=lambda: 1005.0))
    view.keep(Standing(SCOPE, count=1, set_at=1000.0, length=10.0, generation=2))
    view.keep(Standing(SCOPE, generation=1, set_at=900.0))
    assert view.entry(SCOPE) is Entry.REFUSED

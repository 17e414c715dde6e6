"""The public interface, used as users use it; checked by a type checker, never run."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

import httpx
import httpx2
import requests

import failover
from failover import Failover, Model, Policy, Report, Rerouted


def told(event: Rerouted) -> None:
    """Take what `on_failover` is called with."""
    assert_type(event.call_id, str)
    assert_type(event.model, str)
    assert_type(event.source, str)
    assert_type(event.target, str)
    assert_type(event.reason, str)
    assert_type(event.attempt, int)
    assert_type(event.seconds, float)
    assert_type(event.at, float)


def heard(event: failover.Event) -> None:
    """Take every event."""
    match event:
        case Rerouted():
            told(event)
        case _:
            pass


policy = Policy(
    attempts=3,
    deadline=None,
    job_deadline=timedelta(minutes=3),
    fidelity="close",
    on_unknown="failover",
    cooldown=10.0,
    max_cooldown=300,
)
assert_type(policy.attempts, int)
assert_type(policy.deadline, float | None)
assert_type(policy.job_deadline, float)

fo = failover.install(
    fal="key",
    replicate=["k1", "k2"],
    providers=["fal", "replicate"],
    policy=policy,
    store="memory:",
    models=[Model("house-style", fal="acme/style", replicate="acme/style")],
    substitutes={"flux-1.1-pro": ["imagen-4"]},
    on_failover=told,
    on_event=[heard],
    base_urls={"fal": "https://fal-proxy.internal"},
)
assert_type(fo, Failover)
assert_type(failover.is_installed(), bool)
failover.uninstall()

with failover.installed(fal="key") as inside:
    assert_type(inside, Failover)
with failover.paused():
    pass

own = Failover(fal=None, on_event=heard)
client = own.wrap(httpx.Client())
httpx.Client(transport=failover.httpx.FailoverTransport(own))
httpx.AsyncClient(transport=failover.httpx.AsyncFailoverTransport(own))
httpx2.Client(transport=failover.httpx2.FailoverTransport(own))
session = requests.Session()
session.mount("https://", failover.requests.FailoverAdapter(own))
status = own.status()


def read(report: Report) -> None:
    """Look at what a rerouted reply carries."""
    assert_type(report.model, str)
    assert_type(report.provider, str)
    assert_type(report.attempts, int)
    assert_type(report.dropped, tuple[str, ...])
    assert_type(report.changed, tuple[str, ...])
    assert_type(report.failures, tuple[failover.Attempt, ...])


def misuse() -> None:
    """What a type checker refuses."""
    Policy(fidelity="loose")  # type: ignore[arg-type]
    Policy(3)  # type: ignore[call-arg]
    Failover("fal")  # type: ignore[call-arg]
    failover.install(policy=3, on_failover=told)
    Model("x", fal=3)  # type: ignore[arg-type]
    policy.attempts = 4
    failover.nothing()  # type: ignore[attr-defined]

"""What a call needs to be made: a world, the caller's timeout, and how clients are protected."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

import failover
from acceptance.pictures import size_of
from failover.sim import Pace, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import fal_client
    import replicate

    from failover.sim.provider import Provider

OTHER = {"fal": "replicate", "replicate": "fal"}
AT_ONCE = Pace(running_polls=0)
NEVER = Pace(running_seconds=3600)
POLL = 0.01
TALL = 9 / 16
"""Width by height of every picture that is asked for."""


def as_it_is(client: Any) -> Any:
    """Leave a client alone."""
    return client


@dataclass
class Stage:
    """One program in one world.

    Attributes:
        world: the providers.
        timeout: the caller's own timeout in seconds; None for what his SDK uses.
        dress: what is done to each client that the program makes.
        events: everything that failover told.
        reports: what the replies to a plain client said about the way they took.
    """

    world: World
    timeout: float | None = None
    dress: Callable[[Any], Any] = as_it_is
    events: list[Any] = field(default_factory=list)
    reports: list[failover.Report] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def key(self, provider: str) -> str:
        """The key that the program uses at a provider."""
        return self.world.secrets[provider][0]

    def told(self, kind: str) -> list[Any]:
        """The events of one kind, by class name."""
        return [event for event in self.events if type(event).__name__ == kind]

    @contextlib.contextmanager
    def installed(self, **settings: Any) -> Iterator[failover.Failover]:
        """Install failover for a block, and take down what it tells."""
        with failover.installed(on_event=self.events.append, **settings) as made:
            yield made


@dataclass(frozen=True)
class Got:
    """What a program holds when its call is over: where its pictures are, and what else it got."""

    urls: tuple[str, ...]
    value: Any = None


@dataclass(frozen=True)
class Call:
    """One way in which a program asks for a picture.

    Attributes:
        name: what it is called in the names of tests.
        provider: whom it asks.
        phase: what it is at the simulator: `run`, `queue` or `stream`.
        make: does it.
        immune: failures that do not end it, such as a hang when the SDK waits without limit.
    """

    name: str
    provider: str
    phase: str
    make: Callable[[Stage], Got]
    immune: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name


def quick(world: World) -> None:
    """Let every job be over when it is first looked at."""
    world.fal.pace = world.replicate.pace = AT_ONCE


def fetched(stage: Stage, url: str) -> bytes:
    """Fetch a produced file as anybody would, without failover's help."""
    with failover.paused(), httpx.Client() as client:
        return client.get(url).raise_for_status().content


def assert_right_pictures(stage: Stage, got: Got, count: int = 1) -> None:
    """Look at every picture: their number, and the shape that was asked for."""
    assert len(got.urls) == count, got
    for url in got.urls:
        width, height = size_of(fetched(stage, url))
        assert abs(width / height / TALL - 1) < 0.06, (width, height)


def assert_nothing_wrong(stage: Stage) -> None:
    """No key where it does not belong, no request that a provider would frown upon, no defect."""
    assert [str(leak) for leak in stage.world.leaks()] == []
    assert stage.world.violations == []
    assert stage.world.strays.requests == []
    assert stage.told("DefectFound") == []
    assert stage.told("StoreFailed") == []


def phases(provider: Provider) -> set[str]:
    """What a provider was asked for."""
    return {entry.phase for entry in provider.requests}


@contextlib.contextmanager
def closing_fal(client: fal_client.SyncClient) -> Iterator[fal_client.SyncClient]:
    """Close what fal_client leaves open."""
    try:
        yield client
    finally:
        client._client.close()


@contextlib.contextmanager
def closing_replicate(client: replicate.Client) -> Iterator[replicate.Client]:
    """Close what replicate leaves open."""
    try:
        yield client
    finally:
        client._client.close()

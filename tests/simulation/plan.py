"""What happens in one schedule, drawn from its seed before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from failover.core.settings import Settings

from .faults import FATES, FAULTS, OUTAGE, POLL_FAULTS
from .scene import MODELS, PROVIDERS, family

if TYPE_CHECKING:
    from collections.abc import Mapping

FOREVER = 1e9
START = 1000.0


@dataclass(frozen=True, slots=True)
class Spell:
    """Some time in which submits end in one way.

    Args:
        begins: true time.
        ends: true time.
        fault: name of a fault, or of a fate.
        chance: of each submit.
        key: only with this key, or None.
    """

    begins: float
    ends: float
    fault: str
    chance: float = 1.0
    key: str | None = None


@dataclass(slots=True)
class Weather:
    """What goes wrong at one provider, and when.

    Args:
        spells: of faults and fates, in order of precedence.
        polls: chance that a poll goes wrong.
        pace: seconds a job waits and runs, at the most.
        asks: seconds of a Retry-After.
        capacity: jobs it runs at once; one more is refused as too many.
    """

    spells: list[Spell]
    polls: float
    pace: tuple[float, float]
    asks: float
    capacity: int = 40

    def fault(self, key: str, now: float, random: Random) -> str:
        """How a submit ends; `ok` if nothing is wrong."""
        return self._drawn(FAULTS, key, now, random)

    def job(self, now: float, random: Random) -> tuple[float, float, str]:
        """How long a job waits and runs, and how it ends."""
        waits, runs = (limit * random.random() for limit in self.pace)
        return waits, runs, self._drawn(FATES, "", now, random)

    def _drawn(self, names: Mapping[str, object], key: str, now: float, random: Random) -> str:
        for spell in self.spells:
            if spell.fault in names and spell.begins <= now < spell.ends:
                if spell.key is not None and spell.key != key:
                    continue
                if random.random() < spell.chance:
                    return spell.fault
        return "ok"

    def poll(self, random: Random) -> str:
        """How a poll ends."""
        return random.choice(POLL_FAULTS) if random.random() < self.polls else "ok"

    def fine(self, begins: float, ends: float) -> bool:
        """Whether nothing can go wrong between two moments."""
        mild = not any(spell.begins <= ends and begins < spell.ends for spell in self.spells)
        return mild and self.polls == 0 and self.capacity > 20


@dataclass(slots=True)
class Order:
    """One thing an application asks for.

    Args:
        at: true time.
        process: who asks.
        tag: its name; its prompt too.
        sdk: the client it uses.
        provider: its own provider.
        key: id of its key.
        model: the model.
        timeout: seconds it waits for one read.
        extra: further input.
        webhook: it wants the result sent to it.
        patience: seconds after which it ends its own job, or None.
        cut: effects after which the call itself is cancelled, or None.
    """

    at: float
    process: int
    tag: str
    sdk: str
    provider: str
    key: str
    model: str
    timeout: float | None
    extra: str = ""
    webhook: bool = False
    patience: float | None = None
    cut: int | None = None


@dataclass(slots=True)
class Mishap:
    """Something that happens to a process or to a store.

    Args:
        kind: `outage`, `pause`, `jump`, `kill`, `store-error`, `store-slow`, `store-flush`.
        process: whom it happens to; -1 for all.
        begins: true time; for `kill`, the number of the effect at which it dies.
        seconds: how long, or how far.
    """

    kind: str
    process: int
    begins: float
    seconds: float = 0.0


@dataclass(slots=True)
class Plan:
    """One schedule."""

    seed: int
    processes: int
    store: str
    settings: Settings
    keys: dict[str, tuple[str, ...]]
    weather: dict[str, Weather]
    orders: list[Order]
    mishaps: list[Mishap] = field(default_factory=list)
    verbose: bool = False
    raising: bool = False

    @property
    def ends(self) -> float:
        """When the last order comes in."""
        return self.orders[-1].at if self.orders else START


def draw(seed: int) -> tuple[Plan, Random]:
    """Draw a schedule.

    Args:
        seed: its name.

    Returns:
        The plan, and the source of chance for what happens while it runs.
    """
    random = Random(seed)
    processes = random.choice((2, 2, 2, 3, 3, 4, 6, 8))
    names = PROVIDERS[: random.choice((3, 3, 4, 5))]
    keys = {name: tuple(f"{name}-k{i}" for i in range(random.choice((1, 1, 2)))) for name in names}
    settings = _settings(random, names)
    orders = _orders(random, processes, names, keys)
    end = orders[-1].at + 120.0
    weather = {name: _weather(random, name, keys[name], end) for name in names}
    if all(weather[name].spells for name in names) and random.random() < 0.5:
        weather[random.choice(names)].spells.clear()
    mishaps = _mishaps(random, processes, end) if random.random() < 0.5 else []
    plan = Plan(
        seed,
        processes,
        random.choice(("shared", "shared", "host", "memory")),
        settings,
        keys,
        weather,
        orders,
        mishaps,
        verbose=random.random() < 0.4,
        raising=random.random() < 0.2,
    )
    return plan, random


def _settings(random: Random, names: tuple[str, ...]) -> Settings:
    order = list(names)
    random.shuffle(order)
    return Settings(
        attempts=random.choice((3, 3, 3, 2, 4, 1)),
        deadline=random.choice((None, None, None, 20.0, 90.0)),
        job_deadline=random.choice((180.0, 60.0)),
        on_unknown=random.choice(("failover", "failover", "failover", "surface")),
        cooldown=random.choice((10.0, 10.0, 3.0)),
        max_cooldown=300.0,
        providers=tuple(order),
    )


SDKS = ("fal-run", "fal-run", "fal-queue", "fal-stream", "openai-like")
SDKS_REPLICATE = ("replicate-wait", "replicate-wait", "replicate-queue")
PACES = ((1.0, 4.0), (1.0, 4.0), (2.0, 20.0), (2.0, 20.0), (10.0, 60.0), (10.0, 400.0))
GAPS = (0.1, 0.5, 2.0, 8.0, 12.0, 40.0, 200.0)


def _orders(
    random: Random, processes: int, names: tuple[str, ...], keys: dict[str, tuple[str, ...]]
) -> list[Order]:
    orders, now = [], START
    favourite = random.choice(names)
    model = random.choice(MODELS)
    gap = random.choice(GAPS)
    for number in range(random.randint(5, 12)):
        if random.random() < 0.2:
            gap = random.choice(GAPS)
        now += gap * random.random() if random.random() < 0.95 else 3700.0
        name = favourite if random.random() < 0.75 else random.choice(names)
        fal = family(name) == "fal"
        odd = random.random()
        orders.append(
            Order(
                now,
                random.randrange(processes),
                f"call-{number}",
                random.choice(SDKS if fal else SDKS_REPLICATE),
                name,
                random.choice(keys[name]),
                model if random.random() < 0.8 else random.choice(MODELS),
                random.choice((None, 10.0, 30.0, 60.0, 120.0)),
                extra="mask" if odd < 0.04 else "rare" if odd < 0.06 else "",
                webhook=0.06 <= odd < 0.08,
                patience=random.choice((None, None, None, 3.0)),
                cut=random.randint(1, 12) if random.random() < 0.04 else None,
            )
        )
    return orders


def _weather(random: Random, name: str, keys: tuple[str, ...], end: float) -> Weather:
    pace = random.choice(PACES)
    kind = random.choice(("calm", "calm", "one", "one", "one", "flaky", "polls"))
    spells: list[Spell] = []
    if kind == "one":
        spells.append(_spell(random, name, keys, end, 1.0 if random.random() < 0.7 else 0.5))
        if random.random() < 0.3:
            spells.append(_spell(random, name, keys, end, 0.7))
        if random.random() < 0.3:
            spells.append(_relapse(random, spells[0], end))
    elif kind == "flaky":
        spells += [_spell(random, name, keys, end, 0.15) for _ in range(5)]
    polls = random.choice((0.1, 0.5, 1.0)) if kind == "polls" else 0.0
    asks = random.choice((2.0, 30.0, 90.0, 900.0, 5000.0))
    return Weather(spells, polls, pace, asks, random.choice((2, 40, 40, 40)))


def _relapse(random: Random, first: Spell, end: float) -> Spell:
    """The same once more, after it was well for a while."""
    begins = first.ends + (end - first.ends) * 0.5 * random.random()
    return Spell(begins, FOREVER, first.fault, 1.0, first.key)


def _spell(random: Random, name: str, keys: tuple[str, ...], end: float, chance: float) -> Spell:
    known = [fault for fault, row in FAULTS.items() if family(name) in row.families]
    kind = random.random()
    fault = random.choice(list(FATES) if kind < 0.25 else list(OUTAGE) if kind < 0.32 else known)
    begins = START + (end - START) * random.choice((0.0, 0.0, 0.3)) * random.random()
    ends = begins + (end - begins) * random.choice((0.2, 0.5, 1.0, 1.0)) * random.random()
    row = FAULTS.get(fault)
    of_key = row is not None and row.scope in ("key", "key-model")
    key = random.choice(keys) if of_key and random.random() < 0.7 else None
    return Spell(begins, ends if random.random() < 0.7 else FOREVER, fault, chance, key)


def _mishaps(random: Random, processes: int, end: float) -> list[Mishap]:
    made = []
    for _ in range(random.randint(1, 3)):
        kind = random.choice(
            ("outage", "pause", "jump", "kill", "store-error", "store-slow", "store-flush")
        )
        begins = START + (end - START) * random.random()
        seconds = {
            "outage": 60.0 * random.random(),
            "pause": 600.0 * random.random() ** 2,
            "jump": random.choice((-3600.0, -60.0, -1.5, 60.0, 3600.0)),
            "store-error": 60.0 * random.random(),
            "store-slow": 60.0 * random.random(),
        }.get(kind, 0.0)
        if kind == "kill":
            begins = float(random.randint(1, 60))
        made.append(Mishap(kind, random.randrange(processes), begins, seconds))
    return made

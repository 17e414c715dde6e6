"""What the simulation has found, each as the smallest schedule that shows it."""

from __future__ import annotations

from typing import Any

from failover.core.settings import Settings

from .plan import FOREVER, START, Mishap, Order, Plan, Spell, Weather
from .world import World

NAMES = ("fal", "replicate", "fal-two")


def calm(*spells: Spell) -> Weather:
    """A provider at which nothing but the given goes wrong."""
    return Weather(list(spells), 0.0, (1.0, 1.0), 30.0)


def order(at: float, process: int = 0, **more: Any) -> Order:
    """A call to fal, by a client that sends it once."""
    given = {"sdk": "fal-stream", "provider": "fal", "key": "fal-k0", "timeout": 60.0, **more}
    return Order(START + at, process, f"call-{at:.0f}", model="fox", **given)


def run(
    weather: dict[str, Weather],
    *orders: Order,
    store: str = "memory",
    mishaps: tuple[Mishap, ...] = (),
    keys: dict[str, tuple[str, ...]] | None = None,
    **more: Any,
) -> World:
    """Run a schedule of two processes."""
    plan = Plan(
        seed=0,
        processes=2,
        store=store,
        settings=Settings(**{"providers": NAMES, **more}),
        keys={**{name: (f"{name}-k0",) for name in NAMES}, **(keys or {})},
        weather={name: weather.get(name, calm()) for name in NAMES},
        orders=list(orders),
        mishaps=list(mishaps),
    )
    return World(0, record=True, plan=plan).run()


def submits(world: World, name: str) -> int:
    """How many submits a provider has seen."""
    return sum(world.providers[name].submits.values())


def test_a_provider_that_failed_again_after_it_had_recovered_is_left_alone_again() -> None:
    """A report without its generation counted as late, so nothing could cool a second time."""
    spells = [Spell(START, START + 50, "429"), Spell(START + 300, FOREVER, "429")]
    at = [0, 1, 100, 200, 310, 312, 314]
    world = run({"fal": calm(*spells)}, *(order(second) for second in at))
    assert world.violations == []
    assert submits(world, "fal") == 4  # at 0, 100, 200 and 310; it cools from 0 and from 310 on


def test_a_new_process_can_report_a_provider_that_others_have_seen_recover() -> None:
    """The generation of a closed scope must reach a process that never saw it open."""
    spells = [Spell(START, START + 50, "429"), Spell(START + 300, FOREVER, "429")]
    calls = [order(second) for second in (0, 100)]
    calls += [order(second, 1) for second in (310, 312, 314)]
    world = run({"fal": calm(*spells)}, *calls, store="shared")
    assert world.violations == []
    assert submits(world, "fal") == 3  # at 0, 100 and 310


def test_what_a_store_learns_after_it_was_emptied_is_believed() -> None:
    """A process kept what it had seen under a later generation than that of the new store."""
    spells = [Spell(START, START + 50, "429"), Spell(START + 300, FOREVER, "429")]
    calls = [order(0), order(60, 1), order(62, 1), order(310), order(315, 1)]
    flush = Mishap("store-flush", 0, START + 200)
    world = run({"fal": calm(*spells)}, *calls, store="shared", mishaps=(flush,))
    assert world.violations == []
    assert submits(world, "fal") == 4  # at 0, 60, 62 and 310


def test_a_job_that_ended_by_the_limit_we_gave_it_is_overdue() -> None:
    """Replicate had cancelled it, as it was told to; that was taken for the caller's own wish."""
    slow = Weather([], 0.0, (0.0, 9000.0), 30.0)
    down = calm(Spell(START, FOREVER, "500"))
    call = order(0, timeout=None)
    world = run({"fal": down, "replicate": slow}, call, job_deadline=20.0)
    assert world.violations == []
    assert submits(world, "fal-two") == 1


def test_a_call_that_failed_under_two_keys_is_not_walked_again() -> None:
    """Only failures at another provider counted, so each of ten attempts tried both keys."""
    spells = [Spell(START, FOREVER, "429", key="fal-k0"), Spell(START, FOREVER, "timeout-done")]
    call = order(0, timeout=10.0, sdk="fal-run")
    keys = {"fal": ("fal-k0", "fal-k1")}
    world = run({"fal": calm(*spells)}, call, keys=keys, on_unknown="surface")
    assert world.violations == []
    assert submits(world, "fal") == 2


def test_a_pass_through_can_report_a_provider_that_has_recovered_meanwhile() -> None:
    """It reported without a generation, so what the provider asked for was forgotten."""
    limited = [Spell(START, START + 5, "429"), Spell(START + 60, FOREVER, "429-seconds")]
    silent = calm(Spell(START, START + 50, "timeout-lost"))
    weather = {"fal": calm(*limited), "replicate": silent, "fal-two": silent}
    calls = [order(0, timeout=2.0), order(10, timeout=None), order(25), order(75)]
    world = run(weather, *calls)
    assert world.violations == []
    assert submits(world, "fal") == 3  # at 0, 25 and 70; not at 75


def test_the_callers_own_provider_is_asked_once_also_when_the_budget_is_spent() -> None:
    """His provider cools, two others time out, and then his own is asked as well (D-8).

    That is a third submit after two that may have been billed, which I2 alone would forbid: without
    us his own provider would have been asked too. It takes three providers to come about.
    """
    silent = calm(Spell(START, FOREVER, "timeout-done"))
    limited = calm(Spell(START, START + 1, "429"))
    weather = {"fal": limited, "replicate": silent, "fal-two": silent}
    world = run(weather, order(0, timeout=None), order(5, timeout=None))
    assert world.off["I2-pass"] == 1


def test_the_callers_own_provider_is_asked_once_also_after_a_policys_refusal_elsewhere() -> None:
    """An alternative refuses for a policy, and his own provider, which was cooling, has the word.

    That is no shopping for a laxer provider: it is the one he asked.
    """
    limited = calm(Spell(START, START + 1, "429"))
    strict = calm(Spell(START, FOREVER, "policy"))
    settings = {"providers": ("fal", "fal-two")}
    world = run({"fal": limited, "fal-two": strict}, order(0), order(5), **settings)
    assert world.off["I9-pass"] == 1


def test_a_client_that_goes_on_for_minutes_never_starts_a_second_walk() -> None:
    """Each attempt is one pass-through, also those more than two minutes after the first."""
    away = calm(Spell(START, FOREVER, "connect-timeout"))
    world = run(dict.fromkeys(NAMES, away), order(0, sdk="fal-run"))
    assert world.violations == []
    asked = [hop.provider for flight in world.calls[0].flights for hop in flight.hops]
    assert asked == ["fal", "replicate", "fal-two", *["fal"] * 9]
    assert world.clock.now > START + 130

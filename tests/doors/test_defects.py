"""F-43: an error of ours, wherever it strikes, never costs the caller his provider's answer.

The calls that our own code makes during a request are recorded once; then, one after another, each
of them is made to raise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import failover
from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_URL,
    MADE_BY_FAL,
    PROMPT,
    SERVED_ELSEWHERE,
    Door,
    Network,
    make,
)
from failover.events import DefectFound, Event, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

PACKAGE = str(Path(failover.__file__).parent)
DOORSTEP = {"handle", "handle_async", "handle_request", "handle_async_request", "send"}


class Planted(Exception):
    """The defect."""


class Site(NamedTuple):
    """One function of the package."""

    file: str
    name: str


def site_of(code: CodeType) -> Site | None:
    """The function of the package that a code object belongs to."""
    if not code.co_filename.startswith(PACKAGE):
        return None
    return Site(code.co_filename.removeprefix(PACKAGE), code.co_qualname)


def traced(on_call: Callable[[Site], None], act: Callable[[], Any]) -> Any:
    """Do something while each call of one of our functions is reported; what that raises, counts."""

    def trace(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and (site := site_of(frame.f_code)):
            on_call(site)

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return act()
    finally:
        sys.settrace(before)


def call(door: Door, down: bool, events: list[Event]) -> tuple[Any, Network]:  # noqa: FBT001
    """Make one call, served at home or elsewhere."""
    network = Network({"fal.run": DOWN} if down else {})
    fo = make(on_event=events.append)
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    return got, network


@pytest.mark.parametrize("down", [False, True], ids=["well", "down"])
def test_f43_a_defect_anywhere_costs_the_caller_nothing(door: Door, down: bool) -> None:
    call(door, down, [])  # imports
    sites: dict[Site, None] = {}
    armed = [False]

    def only_in_send(note: Callable[[Site], None]) -> Callable[[Site], None]:
        def noted(site: Site) -> None:
            if site.name.rpartition(".")[2] in DOORSTEP and site.file.startswith("/_"):
                armed[0] = True
                return
            if armed[0]:
                note(site)

        return noted

    traced(only_in_send(lambda site: sites.setdefault(site)), lambda: call(door, down, []))
    assert len(sites) > 25
    wrong: list[str] = []
    for site in sites:
        armed[0] = False
        struck: list[Site] = []

        def strike(called: Site, site: Site = site, struck: list[Site] = struck) -> None:
            if called == site and not struck:
                struck.append(site)
                raise Planted

        events: list[Event] = []
        try:
            got, network = traced(only_in_send(strike), lambda e=events: call(door, down, e))
        except Planted:
            wrong.append(f"{site.file} {site.name}: raised")
            continue
        wrong += _problems(site, down, got, network, events)
    assert not wrong, "\n".join(wrong)


def _problems(
    site: Site, down: bool, got: Any, network: Network, events: list[Event]
) -> Iterator[str]:
    home = DOWN.body if down else json.dumps(MADE_BY_FAL).encode()
    body = json.loads(got.body) if got.status < 500 else None
    if got.body != home and body != SERVED_ELSEWHERE:
        yield f"{site.file} {site.name}: {got.status} {got.body[:60]!r}"
    if network.hosts.count("fal.run") != 1:
        yield f"{site.file} {site.name}: asked {network.hosts}"
    told = [event for event in events if isinstance(event, DefectFound | StoreFailed)]
    if len(told) != 1:
        yield f"{site.file} {site.name}: {len(told)} events"

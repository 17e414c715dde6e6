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
ENTRANCES = {"handle", "handle_async"}
# What stands before the first guard: a few lines each, run by every request of this suite.
DOORSTEP = {
    "_recognised",
    "_netloc_host",
    "carries_key",
    "_Door.__init__",
    "Exchange.__init__",
    "BlockingExchange.answer",
    "AsyncDoor.answer",
    "run",
    "run_async",
    "KeptBody.close",  # by the garbage collector
}
LISTENING = {"/_failover.py", "/listeners/logging.py"}  # what a listener raises is only logged


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
    """Do something; while a front door is at work, each call of our functions is reported.

    Args:
        on_call: is told the function; what it raises is raised there.
        act: what to do.
    """
    inside = [0]

    def leave(frame: FrameType, event: str, arg: object) -> Any:
        if event == "return":
            inside[0] -= 1
        return leave

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        site = site_of(frame.f_code) if event == "call" else None
        if site is None:
            return None
        if site.name in ENTRANCES:
            inside[0] += 1
            return leave
        if inside[0] and site.name not in DOORSTEP:
            on_call(site)
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return act()
    finally:
        sys.settrace(before)


def call(door: Door, trouble: str, events: list[Event]) -> tuple[Any, Network]:
    """Make one call, served at home or elsewhere; None when the provider's error was raised."""
    error = door.error("reset")
    troubles: dict[str, Any] = {"down": {"fal.run": DOWN}, "reset": {"fal.run": error}}
    network = Network(troubles.get(trouble))
    fo = make(on_event=events.append)
    try:
        return door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH), network
    except error:
        return None, network


@pytest.mark.parametrize("trouble", ["none", "down", "reset"])
def test_f43_a_defect_anywhere_costs_the_caller_nothing(door: Door, trouble: str) -> None:
    call(door, trouble, [])  # imports
    sites: dict[Site, Any] = {}
    traced(sites.setdefault, lambda: call(door, trouble, []))
    assert len(sites) > 25
    wrong = [problem for site in sites for problem in _problems(site, door, trouble)]
    assert not wrong, "\n".join(wrong)


def _problems(site: Site, door: Door, trouble: str) -> Iterator[str]:
    struck: list[Site] = []

    def strike(called: Site) -> None:
        if called == site and not struck:
            struck.append(site)
            raise Planted

    events: list[Event] = []
    try:
        got, network = traced(strike, lambda: call(door, trouble, events))
    except Planted:
        yield f"{site.file} {site.name}: raised"
        return
    home = {"none": json.dumps(MADE_BY_FAL).encode(), "down": DOWN.body}
    said = None if got is None else got.body
    if said not in (
        home.get(trouble),
        json.dumps(SERVED_ELSEWHERE, separators=(",", ":")).encode(),
    ):
        yield f"{site.file} {site.name}: {said!r}"
    if network.hosts.count("fal.run") != 1:
        yield f"{site.file} {site.name}: asked {network.hosts}"
    told = [event for event in events if isinstance(event, DefectFound | StoreFailed)]
    if len(told) != 1 and site.file not in LISTENING:
        yield f"{site.file} {site.name}: {len(told)} events"

"""Playing the scenes and showing them: each call without and with `failover`, side by side."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

import failover
from failover.demo.scenes import Scene, download, scenes
from failover.events import ParamsDropped, Rerouted
from failover.sim import World

if TYPE_CHECKING:
    from failover.events import Event

MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"RIFF": "webp", b"<svg": "svg"}


@dataclass
class Played:
    """How one scene went.

    Args:
        bare: what the program got without `failover`.
        served: who served it with `failover`.
        seconds: how long that took.
        translated: what could not be said exactly as asked.
        saved: where the picture is.
    """

    bare: str
    served: str = ""
    seconds: float = 0.0
    translated: list[str] = field(default_factory=list)
    saved: Path | None = None


def run(out: str, *, plain: bool) -> int:
    """Play the demo.

    Args:
        out: folder for the pictures.
        plain: plain lines instead of a table.

    Returns:
        0 when every call got its picture.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    logging.getLogger("failover").setLevel(logging.CRITICAL)  # the table tells it better
    console.print("Two simulated providers are starting: fal and Replicate, on this machine only.")
    started = time.monotonic()
    rows: list[tuple[Scene, Played]] = []
    with World() as world, world.environ():
        for number, scene in enumerate(scenes(), 1):
            played = _play(world, scene, folder / f"{number}")
            rows.append((scene, played))
            _print_line(console, number, scene, played, plain=plain)
        billed = f"fal {world.fal.billed}, Replicate {world.replicate.billed}"
        leaks = len(world.leaks())
    if not plain:
        console.print(_table(rows))
    lost = [scene for scene, played in rows if played.saved is None]
    console.print(
        f"{len(rows) - len(lost)} of {len(rows)} calls got their picture in "
        f"{time.monotonic() - started:.1f} s. Generations billed: {billed}. Keys leaked: {leaks}."
    )
    console.print(f"The pictures are in {folder.resolve()}", soft_wrap=True)
    return 1 if lost or leaks else 0


def _play(world: World, scene: Scene, stem: Path) -> Played:
    world.heal()
    scene.strike(world)
    played = Played(bare=_without(world, scene))
    events: list[Event] = []
    with failover.installed(on_event=events.append):
        start = time.monotonic()
        try:
            url = scene.call(world)
        except Exception as error:  # noqa: BLE001  # shown, whatever it is
            played.served = f"nobody: {type(error).__name__}"
            return played
        played.seconds = time.monotonic() - start
        played.saved = _save(download(url), stem)
    reroutes = [event for event in events if isinstance(event, Rerouted)]
    played.served = reroutes[-1].target if reroutes else "its own provider"
    for event in events:
        if isinstance(event, ParamsDropped):
            played.translated += [*event.changed, *(f"without {name}" for name in event.dropped)]
    return played


def _without(world: World, scene: Scene) -> str:
    """What the same program gets without `failover`."""
    try:
        scene.call(world)
    except Exception as error:  # noqa: BLE001  # shown, whatever it is
        return f"{type(error).__name__}: {' '.join(str(error).split())[:70]}"
    return "its picture"


def _save(content: bytes, stem: Path) -> Path:
    ending = next((name for magic, name in MAGIC.items() if content.startswith(magic)), "bin")
    path = stem.with_suffix(f".{ending}")
    path.write_bytes(content)
    return path


def _print_line(
    console: Console, number: int, scene: Scene, played: Played, *, plain: bool
) -> None:
    """One line as soon as a scene has been played."""
    console.print(f"[{number}] {scene.code}", markup=False)
    if not plain:
        return
    console.print(f"    trouble:          {scene.trouble}", markup=False)
    console.print(f"    without failover: {played.bare}", markup=False, soft_wrap=True)
    console.print(f"    with failover:    {played.served}, {played.seconds:.2f} s", markup=False)
    if played.translated:
        console.print(f"    translated:       {'; '.join(played.translated)}", markup=False)
    if played.saved:
        console.print(f"    saved:            {played.saved}", markup=False, soft_wrap=True)


def _table(rows: list[tuple[Scene, Played]]) -> Table:
    table = Table(title="One line: failover.install()", show_lines=True)
    for heading in ("the program's call", "what happens", "without failover", "served by"):
        table.add_column(heading, overflow="fold")
    table.add_column("seconds", justify="right")
    table.add_column("translated", overflow="fold")
    for scene, played in rows:
        colour = "green" if played.saved else "red"
        bare = f"[green]{played.bare}[/]" if "picture" in played.bare else f"[red]{played.bare}[/]"
        table.add_row(
            scene.code,
            scene.trouble,
            bare,
            f"[{colour}]{played.served}[/]",
            f"{played.seconds:.2f}",
            "\n".join(played.translated) or "-",
        )
    return table

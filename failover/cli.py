"""The command line: `failover demo`, `failover models`, `failover explain`.

Each command imports what it needs when it is called, and says which extra brings what is missing.
Colours and tables are for terminals where `rich` is installed; else lines are plain, for pipes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failover.dialects import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from failover._explain import Candidate, Explanation

COLUMNS = ("model", "kind", "providers", "endpoints")
STYLES = {"usable": "green", "not used": "yellow", "note": "cyan"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: default those of the process.

    Returns:
        The exit status: 0, 1 when something was looked for in vain, 2 for a wrong argument.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="failover", description="Keep generation calls alive when their provider fails."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="run real SDKs through an outage of simulated providers; no keys, no internet",
    )
    demo.add_argument("--plain", action="store_true", help="plain lines, for logs")
    demo.add_argument("--out", default="failover-demo", help="folder for the pictures")
    demo.set_defaults(command=_demo)
    models = commands.add_parser("models", help="list the models that are known, and where")
    models.add_argument("filter", nargs="?", default="", help="part of a model, kind or endpoint")
    models.add_argument("--check", action="store_true", help="check the shipped data instead")
    models.set_defaults(command=_models)
    explain = commands.add_parser("explain", help="say who else could serve a call; sends nothing")
    explain.add_argument("url", help="the URL that the SDK dials")
    explain.add_argument(
        "--json", required=True, metavar="BODY", help="JSON, @FILE, or - for stdin"
    )
    explain.add_argument("--to", choices=[*PROVIDERS], help="look at this provider only")
    explain.set_defaults(command=_explain)
    return parser


def _demo(options: argparse.Namespace) -> int:
    try:
        from failover.demo import run  # noqa: PLC0415  # needs the extra
    except ImportError as missing:
        return _complain(f"the demo needs {missing.name}: pip install 'failover[demo]'")
    return run(out=options.out, plain=options.plain)


def _models(options: argparse.Namespace) -> int:
    if options.check:
        return _check()
    from failover.catalog.lines import Lines  # noqa: PLC0415  # only this command reads the data

    models = Lines.shipped("data", "models")
    bound = {name: Lines.shipped("data", name) for name in PROVIDERS}
    rows = [_row(name, models[name], bound) for name in models]
    wanted = options.filter.lower()
    rows = [row for row in rows if any(wanted in cell.lower() for cell in row)]
    if not rows:
        return _complain(f"no model, kind or endpoint has {options.filter!r} in it", status=1)
    _print_table(rows)
    return 0


def _row(name: str, model: Mapping[str, Any], bound: Mapping[str, Any]) -> tuple[str, ...]:
    """One model's cells; endpoints that are never targets say why."""
    named = []
    for provider, slugs in model["endpoints"].items():
        for slug in slugs if provider in bound else ():
            entry = bound[provider].get(slug)
            note = "(no schema)" if entry is None else ""
            if entry is not None and "retired" in entry:
                note = f"(retired {entry['retired']})"
            named.append(f"{provider}:{slug}{note}")
    served = [provider for provider in model["endpoints"] if provider in bound]
    return name, model["kind"], ",".join(served), " ".join(named)


def _check() -> int:
    from failover.catalog import check  # noqa: PLC0415  # only this command builds the data

    data = check.Shipped.load()
    found = [*check.faults(data), *check.stale()]
    for line in found:
        _print(line)
    counts = ", ".join(f"{name}: {len(entries)}" for name, entries in data.bound.items())
    _print(f"{len(data.models)} models; endpoints with a schema: {counts}")
    _print(f"known by name only, never targets: {check.named_only(data)}; faults: {len(found)}")
    return 1 if found else 0


def _explain(options: argparse.Namespace) -> int:
    from failover._explain import explain  # noqa: PLC0415  # only this command
    from failover.errors import ConfigurationError  # noqa: PLC0415  # only this command

    try:
        body = json.loads(_body(options.json))
    except (OSError, ValueError, RecursionError) as error:
        return _complain(f"--json: {error}")
    try:
        explanation = explain(options.url, body, to=options.to)
    except (ValueError, ConfigurationError) as error:
        return _complain(str(error))
    _print_explanation(explanation)
    return 0


def _body(given: str) -> str:
    """The text that `--json` means.

    Raises:
        OSError: the file can't be read.
        ValueError: it is not UTF-8.
    """
    if given == "-":
        return sys.stdin.buffer.read().decode("utf-8-sig")
    return Path(given[1:]).read_text("utf-8-sig") if given.startswith("@") else given


def _print_explanation(explanation: Explanation) -> None:
    for name in ("provider", "intent", "mode", "endpoint", "model", "kind"):
        value = getattr(explanation, name)
        if value is not None:
            _print(f"{name + ':':<10}{value}")
    _print(f"{'known:':<10}{'yes' if explanation.known else 'no'}")
    for candidate in explanation.candidates:
        _print_candidate(candidate)
    for note in explanation.notes:
        _print(f"note: {note}", "note")


def _print_candidate(candidate: Candidate) -> None:
    word = "usable" if candidate.usable else "not used"
    reason = f" ({candidate.reason})" if candidate.reason else ""
    _print(f"\n{candidate.provider} {candidate.endpoint}: {word}{reason}", word)
    if candidate.request is not None:
        _print(f"  {candidate.request['method']} {candidate.request['url']}")
        text = json.dumps(candidate.request["body"], indent=2, ensure_ascii=False)
        _print("\n".join(f"  {line}" for line in text.splitlines()))
    for line in candidate.changed:
        _print(f"  changed: {line}")
    for name in candidate.dropped:
        _print(f"  dropped: {name}")


def _console() -> Any:
    """A terminal's console, or None where lines are to be plain."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console  # noqa: PLC0415  # an extra
    except ImportError:
        return None
    return Console(highlight=False, markup=False, soft_wrap=True)


def _print(line: str, style: str = "") -> None:
    """Print a text; what the terminal can't show, or would obey, is not passed on."""
    encoding = sys.stdout.encoding or "utf-8"
    plain = "".join(c if c >= " " or c == "\n" else "?" for c in line)
    shown = plain.encode(encoding, "backslashreplace").decode(encoding)
    console = _console()
    if console is None:
        sys.stdout.write(f"{shown}\n")
    else:
        console.print(shown, style=STYLES.get(style))


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    console = _console()
    if console is None:
        widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
        for row in (COLUMNS, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            _print("  ".join(cells).rstrip())
        return
    from rich.table import Table  # noqa: PLC0415  # an extra, which is there
    from rich.text import Text  # noqa: PLC0415  # an extra, which is there

    table = Table()
    for name in COLUMNS:
        table.add_column(name, overflow="fold")  # a slug cut short is no slug
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _complain(message: str, *, status: int = 2) -> int:
    sys.stderr.write(f"failover: {message}\n")
    return status

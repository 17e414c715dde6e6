"""The command line: `failover demo`.

Each command imports what it needs when it is called, and says which extra brings what is missing.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: default those of the process.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    status: int = options.command(options)
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
    return parser


def _demo(options: argparse.Namespace) -> int:
    try:
        from failover.demo import run  # noqa: PLC0415  # needs the extra
    except ImportError as missing:
        print(f"the demo needs {missing.name}: pip install 'failover[demo]'")  # noqa: T201  # a CLI
        return 2
    return run(out=options.out, plain=options.plain)

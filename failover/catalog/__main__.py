"""``python -m failover.catalog build`` writes the data files; ``check`` tells if they are stale."""

from __future__ import annotations

import sys
from pathlib import Path

from failover.catalog.build import build

_DATA = Path(__file__).parent / "data"


def main(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: ``["build"]`` or ``["check"]``.

    Returns:
        The exit status: 0, 1 when a file is stale, 2 for another command.
    """
    if arguments not in (["build"], ["check"]):
        sys.stderr.write("usage: python -m failover.catalog build | check\n")
        return 2
    stale = [
        name
        for name, text in build().items()
        if not (_DATA / name).exists() or (_DATA / name).read_text("utf-8") != text
    ]
    if arguments == ["build"]:
        for name, text in build().items():
            (_DATA / name).write_text(text, "utf-8")
    for name in stale:
        sys.stdout.write(f"{'wrote' if arguments == ['build'] else 'stale:'} {name}\n")
    return 1 if stale and arguments == ["check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Set up a virtual environment beside this file and do one of the project's jobs in it.

    python3 dev.py demo       run real SDKs through an outage, with everything embedded
    python3 dev.py test       run every test; arguments go to pytest
    python3 dev.py lint       ruff
    python3 dev.py types      mypy --strict
    python3 dev.py check      all of the last three
    python3 dev.py bench      the benchmarks' tables

Needs Python 3.11 or newer with the `venv` module, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*command: str | Path) -> None:
    """Run a command in the project's folder; its failure is ours."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def set_up(extra: str) -> None:
    """Install the project with an extra, unless that was done for this very pyproject.toml."""
    stamp = VENV / f"installed-{extra}"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        print("making .venv ...", flush=True)
        run(sys.executable, "-m", "venv", VENV)
    print(f"installing the project with [{extra}] ...", flush=True)
    run(
        PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-e",
        f".[{extra}]",
    )
    stamp.write_text(wanted)


def need_redis() -> None:
    """The store's tests run a real Redis server; install it where that is possible."""
    if shutil.which("redis-server"):
        return
    print("installing redis-server ...", flush=True)
    sudo = [] if os.name != "nt" and os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get"):
        run(*sudo, "apt-get", "update", "-qq")
        run(*sudo, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "redis-server")
    if not shutil.which("redis-server"):
        sys.exit(
            "redis-server is missing: install it (for example `brew install redis`) and try again"
        )


def demo(arguments: list[str]) -> None:
    """Run the demo."""
    set_up("demo")
    run(PYTHON, "-m", "failover", "demo", *arguments)


def test(arguments: list[str]) -> None:
    """Run the tests."""
    need_redis()
    set_up("test")
    run(PYTHON, "-m", "pytest", "-n", "2", *arguments)


def lint(arguments: list[str]) -> None:
    """Run ruff."""
    set_up("test")
    run(PYTHON, "-m", "ruff", "check", *arguments, ".")
    run(PYTHON, "-m", "ruff", "format", "--check", ".")


def types(arguments: list[str]) -> None:
    """Run mypy."""
    set_up("test")
    run(PYTHON, "-m", "mypy", *arguments)


def check(arguments: list[str]) -> None:
    """Run the tests, ruff and mypy."""
    test(arguments)
    lint([])
    types([])


def bench(arguments: list[str]) -> None:
    """Run the benchmarks."""
    set_up("bench")
    for script in sorted((ROOT / "benchmarks").glob("*.py")):
        run(PYTHON, script, *arguments)


JOBS = {"demo": demo, "test": test, "lint": lint, "types": types, "check": check, "bench": bench}


def main() -> None:
    """Do the job that the command line names."""
    if sys.version_info < (3, 11):  # noqa: UP036  # whoever runs this may have an older one
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")
    name, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if name not in JOBS:
        sys.exit(__doc__)
    JOBS[name](arguments)


if __name__ == "__main__":
    main()

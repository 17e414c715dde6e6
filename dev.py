"""Set up a virtual environment beside this file and do one of the project's jobs in it.

    python3 dev.py demo       run real SDKs through an outage, with everything embedded
    python3 dev.py test       run every test; arguments go to pytest
    python3 dev.py cover      branch coverage of the core and the dialects, which must be whole
    python3 dev.py lint       ruff
    python3 dev.py types      mypy --strict
    python3 dev.py bare       build the wheel and import it with no extras installed
    python3 dev.py check      tests, lint and types
    python3 dev.py simulate --schedules 20000    the core under virtual time and every fault
    python3 dev.py bench      the benchmarks' tables

Needs Python 3.11 or newer with the `venv` module, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


BARE = """
import failover, importlib, pkgutil
failover.install(fal="id:secret", replicate="r8_x")
from failover.catalog import Catalog
from failover.core.verdict import table
from failover.stores import open_store
assert Catalog.load().endpoint("fal", "fal-ai/flux/dev") and table().rows
assert open_store("memory:").standings() == ()
for door in ("httpx", "httpx2", "requests"):
    try:
        importlib.import_module(f"failover.{door}")
    except ImportError as missing:
        assert f"failover[{door}]" in str(missing), missing
    else:
        raise SystemExit(f"failover.{door} imported without its library")
print("imports with no extras: fine")
"""


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


def cover(arguments: list[str]) -> None:
    """Measure the branch coverage of the core and the dialects; less than all of it fails."""
    set_up("test")
    source = "--source=failover/core,failover/dialects"
    tests = ("tests/core", "tests/dialects")
    run(
        PYTHON,
        "-m",
        "coverage",
        "run",
        "--branch",
        source,
        "-m",
        "pytest",
        "-q",
        *tests,
        *arguments,
    )
    run(PYTHON, "-m", "coverage", "report", "--show-missing", "--skip-covered", "--fail-under=100")


def bare(arguments: list[str]) -> None:
    """Import the built wheel where nothing but its one dependency is installed."""
    with tempfile.TemporaryDirectory() as folder:
        set_up("test")
        pip = ("-m", "pip", "--disable-pip-version-check")
        run(PYTHON, *pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
        wheel = next(Path(folder).glob("*.whl"))
        run(sys.executable, "-m", "venv", f"{folder}/venv")
        python = Path(folder, "venv", *PYTHON.parts[-2:])
        run(python, *pip, "install", "--quiet", wheel)
        run(python, "-I", "-c", BARE, *arguments)


def simulate(arguments: list[str]) -> None:
    """Run the core under virtual time, against everything that can go wrong."""
    set_up("test")
    run(PYTHON, "-m", "tests.simulation", *arguments)


def bench(arguments: list[str]) -> None:
    """Run the benchmarks."""
    set_up("bench")
    for script in sorted((ROOT / "benchmarks").glob("*.py")):
        run(PYTHON, script, *arguments)


JOBS = {
    "demo": demo,
    "test": test,
    "cover": cover,
    "lint": lint,
    "types": types,
    "bare": bare,
    "check": check,
    "simulate": simulate,
    "bench": bench,
}


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

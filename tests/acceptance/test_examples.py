"""The examples and the demo run as a newcomer would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("with_*.py"))
SAYS = {
    "with_fal_client.py": r"https://replicate\.delivery/",
    "with_replicate.py": r"https://v3b?\.fal\.media/\S+ \d{3,} bytes",
    "with_requests.py": r"replicate",
    "with_httpx_async.py": r"replicate",
    "with_metrics.py": r"\d x fal -> replicate because of 503",
}
LIMIT = 30  # seconds


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FAL_", "REPLICATE_"))}
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_every_example_is_known() -> None:
    assert set(EXAMPLES) == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_an_example_shows_what_it_promises(name: str, tmp_path: Path) -> None:
    done = run(str(ROOT / "examples" / name), "--sim", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(SAYS[name], done.stdout), done.stdout
    assert "Traceback" not in done.stderr


def test_the_demo_saves_its_pictures(tmp_path: Path) -> None:
    done = run("-m", "failover", "demo", "--plain", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "replicate" in done.stdout

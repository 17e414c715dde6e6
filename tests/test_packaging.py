"""The package by itself: without extras, quick to import, with all it needs in the wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

import failover

ROOT = Path(__file__).parent.parent
EXTRAS = ("httpx", "httpx2", "requests", "urllib3", "redis", "rich", "trustme", "jsonschema")
ADVERSE = {"anyio", "wrapt", *EXTRAS}
BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def python(code: str, *, blocked: tuple[str, ...] = ()) -> str:
    """Run code in a fresh interpreter without some libraries; return what it printed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FAL_", "REPLICATE_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"BLOCKED = {set(blocked)!r}{BLOCK}{code}"],
        env=kept,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def project() -> Any:
    """The project's settings."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_install_without_any_http_library() -> None:
    code = "import failover; failover.install(fal='a:b'); print(failover.is_installed())"
    assert python(code, blocked=EXTRAS) == "True"


def test_everything_but_the_front_doors_without_any_extra() -> None:
    code = """
import failover
fo = failover.Failover(fal='a:b', models=[failover.Model('m', fal='a/b', replicate='a/b')])
print(fo.status()['providers'], fo.runtime.catalog.endpoint('fal', 'fal-ai/flux/dev') is not None)
import failover.listeners.logging, failover.core.flow, failover.stores
"""
    assert python(code, blocked=EXTRAS) == "['fal'] True"


@pytest.mark.parametrize("name", ["httpx", "httpx2", "requests"])
def test_a_front_door_without_its_library_names_the_extra(name: str) -> None:
    code = f"""
try:
    import failover.{name}
except ImportError as error:
    print(error)
"""
    said = python(code, blocked=(name,))
    assert f"pip install 'failover[{name}]'" in said


def test_what_install_imports() -> None:
    code = """
before = set(sys.modules)
import failover
failover.install(fal='a:b')
print(*sorted(set(sys.modules) - before))
"""
    imported = python(code).split()
    heavy = {"typing", "dataclasses", "logging", "json", "asyncio", "ssl", "socket", "random"}
    assert not {name.partition(".")[0] for name in imported} & (heavy | ADVERSE)
    assert not [name for name in imported if name.startswith(("failover.core", "failover.catalog"))]


def test_typed(project: Any) -> None:
    assert resources.files("failover").joinpath("py.typed").is_file()
    assert "Typing :: Typed" in project["project"]["classifiers"]


def test_the_version_is_said_once_in_two_places(project: Any) -> None:
    assert project["project"]["version"] == failover.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", failover.__version__)


def test_the_core_needs_one_library(project: Any) -> None:
    assert [re.split(r"[<>=]", name)[0] for name in project["project"]["dependencies"]] == ["wrapt"]


def test_every_front_door_has_its_extra(project: Any) -> None:
    extras = project["project"]["optional-dependencies"]
    assert {"httpx", "httpx2", "requests", "redis", "cli", "sim"} <= set(extras)
    for name in ("httpx", "httpx2", "requests", "redis"):
        assert extras[name][0].startswith(name)


def test_the_command_leads_somewhere(project: Any) -> None:
    module, _, name = project["project"]["scripts"]["failover"].partition(":")
    assert callable(getattr(__import__(module, fromlist=[name]), name))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in a wheel built from the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    built = next(WheelBuilder(str(ROOT)).build(directory=str(folder)))
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def packaged() -> set[str]:
    """Every file of the package, as it stands in the tree."""
    package = ROOT / "failover"
    found = {str(path.relative_to(ROOT)) for path in package.rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name}


def test_the_wheel_holds_the_package_and_its_data(wheel: list[str]) -> None:
    inside = {name for name in wheel if ".dist-info/" not in name}
    assert inside == packaged()
    for name in ("failover/py.typed", "failover/core/outcomes.json"):
        assert name in inside
    assert any(name.startswith("failover/catalog/") and name.endswith(".json") for name in inside)
    assert any(name.endswith("LICENSE") for name in wheel)


def test_no_file_of_the_package_speaks_of_a_machine() -> None:
    places = re.compile(rb"(?<![\w.])/(?:work|root|home/\w+|tmp/\w+)/")
    named = [name for name in packaged() if places.search((ROOT / name).read_bytes())]
    assert named == []

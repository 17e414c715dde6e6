"""Who may import whom, read from the source itself, and what no module may contain."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import failover

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGE = Path(failover.__file__).parent
LINES = 400
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "yaml", "cloudpickle", "joblib"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}

COMMON = {"failover.errors", "failover.events"}
SHARED = {"failover._exchange", "failover._sites", "failover.core", *COMMON}


class Layer(NamedTuple):
    """What the modules of one part may import, besides the standard library.

    Args:
        may: modules or packages at any place.
        late: further ones, inside a function only, so that they are imported when used.
    """

    may: set[str]
    late: frozenset[str] | set[str] = frozenset()


LAYERS: dict[str, Layer] = {
    # what decides: no I/O, no driver, no HTTP library
    "core": Layer({"failover.core", *COMMON}),
    "errors": Layer(set()),
    "events": Layer(set()),
    "dialects": Layer({"failover.core", "failover.dialects", *COMMON}),
    "catalog": Layer({"failover.core", "failover.catalog", "failover.errors", "failover.policy"}),
    "stores": Layer({"failover.core", "failover.stores", *COMMON}, {"redis"}),
    "listeners": Layer({"failover.listeners", *COMMON}, {"prometheus_client", "opentelemetry"}),
    # the settings
    "policy": Layer({"failover.errors"}),
    "keys": Layer({"failover.dialects", "failover.errors"}),
    "_sites": Layer({"failover.dialects", "failover.errors"}),
    "_telling": Layer({"failover.events"}),
    "_memory": Layer({"failover.core"}),
    "_health_view": Layer({"failover.core", "failover.stores.contract"}),
    # front doors: core and one HTTP library each
    "_exchange": Layer({"failover._failover", "failover._runtime", "failover.dialects", *SHARED}),
    "_httpx_family": Layer({"failover._failover", "failover._httpx_doors", *SHARED}),
    "_httpx_bodies": Layer(SHARED),
    "_httpx_doors": Layer({"failover._httpx_bodies", "failover._proxies", *SHARED}, {"anyio"}),
    "_proxies": Layer(set()),
    "_transports": Layer({"failover._failover", "failover._httpx_family", "failover._proxies"}),
    "httpx": Layer({"httpx", "failover._transports"}),
    "httpx2": Layer({"httpx2", "failover._transports"}),
    "_requests_bodies": Layer(SHARED, {"urllib3"}),
    "_requests_door": Layer(
        {"failover._failover", "failover._requests_bodies", *SHARED}, {"requests", "urllib3"}
    ),
    "requests": Layer({"requests", "failover._failover", "failover._requests_door"}),
    # the patch
    "_import_hook": Layer(set()),
    "_patch": Layer({"failover._failover", "failover._import_hook"}, {"wrapt", "failover"}),
    # the decision, played through without sending
    "_explain": Layer(
        {"failover._failover", "failover._patch", "failover._sites", "failover.policy"}
        | {"failover.core", "failover.dialects", "failover.errors"}
    ),
    # the simulators know nothing of how we read the wire
    "sim": Layer({"failover.sim"}, {"trustme", "jsonschema", "failover.catalog.schemas"}),
}
OUTERMOST = {"__init__", "__main__", "_failover", "_runtime", "_wrap", "cli", "demo", "testing"}
USERS = {"__main__", "cli", "demo", "testing"}  # they use the package as its users do
TYPES_ONLY = {"failover.stores.contract", "failover._runtime", "failover._failover"}


class Import(NamedTuple):
    """One import statement's module, and where it stands."""

    file: str
    line: int
    module: str
    late: bool
    typing: bool


def part_of(path: Path, root: Path) -> str:
    """The layer that a file belongs to: the package's first folder or file name."""
    return path.relative_to(root).parts[0].removesuffix(".py")


def imports_of(path: Path, root: Path) -> list[Import]:
    """Every import of a file."""
    found: list[Import] = []

    def visit(node: ast.AST, *, late: bool, typing: bool) -> None:
        for child in ast.iter_child_nodes(node):
            where = (str(path.relative_to(root)), getattr(child, "lineno", 0))
            if isinstance(child, ast.Import):
                found.extend(Import(*where, alias.name, late, typing) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = "." * child.level + (child.module or "")
                found.append(Import(*where, module, late, typing))
                if module == "failover":  # each name may be a module
                    found.extend(
                        Import(*where, f"failover.{alias.name}", late, typing)
                        for alias in child.names
                    )
            guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            visit(child, late=late or inner, typing=typing or guarded)

    visit(ast.parse(path.read_text()), late=False, typing=False)
    return found


def allowed(module: str, names: Iterable[str]) -> bool:
    """Whether a module is one of, or inside one of, the named ones."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def violations(root: Path, paths: Iterable[Path]) -> list[str]:
    """Every import of some files that their layer does not allow."""
    wrong: list[str] = []
    for path in paths:
        part = part_of(path, root)
        for found in imports_of(path, root):
            problem = _problem(part, found)
            if problem:
                wrong.append(f"{found.file}:{found.line}: {problem}")
    return wrong


def _problem(part: str, found: Import) -> str | None:
    module = found.module
    if module.startswith("."):
        return f"relative import {module}"
    if module == "failover" and part not in USERS and not (part == "__init__" and found.typing):
        return "imports the package's public names"
    if module.split(".")[0] in sys.stdlib_module_names:
        return None
    if part in OUTERMOST:
        ours = module.startswith("failover") or part in USERS
        heavy = not ours and not found.late
        return f"{module} must be imported where it is used" if heavy else None
    layer = LAYERS.get(part)
    if layer is None:
        return f"{part} has no place in the layers"
    if allowed(module, layer.may):
        return None
    if found.typing and (module in TYPES_ONLY or allowed(module, layer.late)):
        return None
    if allowed(module, layer.late) and (found.late or part == "sim" or _is_driver(found)):
        return None
    return f"{part} may not import {module}"


def _is_driver(found: Import) -> bool:
    """A store's own file may import its driver at the top, since it is itself imported late."""
    return found.file == f"stores/{found.module.split('.')[0]}.py"


def test_every_module_keeps_to_its_layer() -> None:
    assert violations(PACKAGE, sources()) == []


def test_core_is_standard_library_only() -> None:
    for path in (PACKAGE / "core").rglob("*.py"):
        for found in imports_of(path, PACKAGE):
            top = found.module.split(".")[0]
            assert top in sys.stdlib_module_names or allowed(
                found.module, {"failover.core", *COMMON}
            ), found


def test_core_does_no_io_and_has_no_clock_or_chance_of_its_own() -> None:
    io = {"socket", "ssl", "time", "random", "threading", "asyncio", "subprocess", "sqlite3"}
    for path in (PACKAGE / "core").rglob("*.py"):
        for found in imports_of(path, PACKAGE):
            assert found.typing or found.module.split(".")[0] not in io, found


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/flow.py", "import httpx"),
        ("core/flow.py", "from failover.stores.memory import MemoryStore"),
        ("core/walk.py", "from failover import _exchange"),
        ("core/health.py", "from failover._sites import Sites"),
        ("dialects/fal.py", "from failover.keys import KeyRing"),
        ("dialects/fal.py", "from failover.catalog import Catalog"),
        ("listeners/logging.py", "import failover"),
        ("keys.py", "import requests"),
        ("_exchange.py", "import httpx"),
        ("_requests_door.py", "import httpx"),
        ("httpx.py", "import requests"),
        ("httpx.py", "from failover import install"),
        ("_patch.py", "import wrapt"),
        ("_failover.py", "import httpx2"),
        ("policy.py", "from . import keys"),
        ("sim/server.py", "from failover.dialects.fal import Fal"),
        ("newcomer.py", "from failover.core.types import Reply"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, line: str) -> None:
    original, copy = PACKAGE / file, tmp_path / file
    copy.parent.mkdir(exist_ok=True)
    text = original.read_text() if original.exists() else '"""New."""\n'
    copy.write_text(text)
    before = violations(tmp_path, [copy])
    copy.write_text(f"{text}\n{line}\n")
    assert len(violations(tmp_path, [copy])) > len(before)


def test_an_import_inside_a_function_is_found_as_well(tmp_path: Path) -> None:
    root = tmp_path / "failover"
    (root / "core").mkdir(parents=True)
    (root / "core/flow.py").write_text("def f():\n    import httpx\n")
    assert violations(root, root.rglob("*.py")) == ["core/flow.py:2: core may not import httpx"]


def sources() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def named(path: Path) -> str:
    """A file's name in the package."""
    return str(path.relative_to(PACKAGE))


def test_no_file_is_longer_than_the_cap() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in sources()}
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [named(path) for path in sources() if not ast.get_docstring(_tree(path))] == []


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def dangerous(tree: ast.Module) -> list[str]:
    """Modules and calls that turn data into code."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if _top(alias.name) in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and _top(node.module or "") in FORBIDDEN_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found += [node.func.id] if node.func.id in FORBIDDEN_CALLS else []
    return found


def _top(module: str) -> str:
    return module.partition(".")[0]


def test_s23_nothing_turns_data_into_code() -> None:
    assert {named(path): found for path in sources() if (found := dangerous(_tree(path)))} == {}


@pytest.mark.parametrize(
    "text", ["import pickle", "from pickle import load", "eval('1')", "exec('')"]
)
def test_s23_a_planted_danger_is_found(text: str) -> None:
    assert dangerous(ast.parse(text))


def test_no_error_is_swallowed_without_a_word() -> None:
    handlers = [
        (path, node)
        for path in sources()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ExceptHandler)
    ]
    silent = [(named(p), h.lineno) for p, h in handlers if _is_broad(h) and _is_pass(h)]
    assert silent == []


def _is_broad(handler: ast.ExceptHandler) -> bool:
    names = "" if handler.type is None else ast.unparse(handler.type)
    return names in {"", "Exception", "BaseException"}


def _is_pass(handler: ast.ExceptHandler) -> bool:
    return len(handler.body) == 1 and isinstance(handler.body[0], ast.Pass)

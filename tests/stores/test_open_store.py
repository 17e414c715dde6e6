"""From a setting to a store."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from failover.errors import ConfigurationError
from failover.stores import check_spec, open_store
from failover.stores.memory import MemoryStore
from failover.stores.redis import RedisStore
from failover.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "canary-of-a-url"


@pytest.mark.parametrize("spec", ["memory:", "memory://"])
def test_memory(spec: str) -> None:
    assert isinstance(open_store(spec), MemoryStore)


def test_a_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///sub/failover.db")
    assert isinstance(store, SqliteStore)
    monkeypatch.chdir("/")
    assert store.standings() == ()
    assert (tmp_path / "sub" / "failover.db").exists()
    store.close()


def test_a_file_by_its_absolute_path(tmp_path: Path) -> None:
    path = tmp_path / "with space%20and#marks.db"
    store = open_store(f"sqlite:///{path}")
    assert store.standings() == ()
    assert path.exists()
    store.close()


@pytest.mark.parametrize(
    "spec",
    [
        "redis://localhost",
        "redis://localhost:6379/0",
        f"redis://app:{SECRET}@db.internal:6380/3?socket_timeout=1",
        f"rediss://:{SECRET}@db.internal",
        "redis://[::1]:6379/0",
    ],
)
def test_redis_opens_no_connection(spec: str) -> None:
    store = open_store(spec)
    assert isinstance(store, RedisStore)
    assert SECRET not in repr(store) + str(vars(store))


def test_a_store_is_returned_as_it_is() -> None:
    store = MemoryStore()
    assert open_store(store) is store
    check_spec(store)


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("", "is not known"),
        ("failover.db", "is not known"),
        ("postgres://localhost/db", "is not known"),
        ("Memory:", "is not known"),
        ("memory:x", "nothing after"),
        ("sqlite:", "three slashes"),
        ("sqlite:failover.db", "three slashes"),
        ("sqlite://failover.db", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("sqlite:///:memory:", "three slashes"),
        ("sqlite:///a.db?mode=ro", "three slashes"),
        ("sqlite:///a\0b", "three slashes"),
        ("redis:", "has the form"),
        ("redis:localhost", "has the form"),
        ("redis://", "has the form"),
        (f"redis://:{SECRET}@localhost:port/0", "has the form"),
        (f"redis://:{SECRET}@localhost:99999/0", "has the form"),
        (f"redis://:{SECRET}@localhost/zero", "has the form"),
        (f"redis://:{SECRET}@[::1/0", "has the form"),
        (f"redis://:{SECRET}@localhost?socket_timeout=soon", "can't read"),
        (None, "takes a store"),
        (7, "takes a store"),
        (object(), "takes a store"),
        (b"memory:", "takes a store"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(spec: object, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match) as caught:
        open_store(spec)
    assert SECRET not in str(caught.value)


def test_no_driver_is_imported_before_it_is_asked_for() -> None:
    script = (
        "import sys; from failover.stores import open_store, check_spec; open_store('memory:');"
        "check_spec('sqlite:///a.db'); check_spec('redis://localhost');"
        "print([name for name in ('sqlite3', 'redis') if name in sys.modules]);"
        "open_store('sqlite:///a.db'); print('sqlite3' in sys.modules, 'redis' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout.splitlines() == ["[]", "True False"]


def test_without_the_extra_it_is_named() -> None:
    script = (
        "import sys; sys.modules['redis'] = None\n"
        "from failover.stores import open_store, check_spec\n"
        "for use in (open_store, check_spec):\n"
        "    try: use('redis://localhost')\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
        "try: import failover.stores.redis\n"
        "except ImportError as error: print('ImportError', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ConfigurationError"] * 2 + ["ImportError"]
    assert all("pip install 'failover[redis]'" in line for line in lines)


def _said(script: str) -> list[str]:
    """Run a script in a fresh interpreter."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()

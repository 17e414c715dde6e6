"""The store in a SQLite file: the contract, and what is particular to a file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from store_bench import JOB, PATIENT, SCOPE, Clock, SqliteRecipe, against, known
from store_contract import SharedContract, StoreContract

from failover.core.health import Entry
from failover.errors import StoreError
from failover.stores import sqlite as sqlite_store
from failover.stores import sqlite_file
from failover.stores.contract import RETENTION
from failover.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover.stores.contract import Store

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away"
)

LOCKS = Path("/proc/locks")


class SqliteBench:
    persistent = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.store = SqliteStore(path, clock=self.clock, timeout=PATIENT)

    def advance(self, seconds: float) -> None:
        self.clock.ahead += seconds

    def recipe(self) -> SqliteRecipe:
        return SqliteRecipe(self.path, self.clock.ahead)

    def spoil(self, scope: str, row: bytes) -> None:
        self._execute("UPDATE standing SET row = ? WHERE scope = ?", row, scope)

    def spoil_job(self, id: str, row: bytes) -> None:
        self._execute("UPDATE job SET row = ? WHERE id = ?", row, id)

    def rows(self) -> list[bytes]:
        query = "SELECT CAST(row AS BLOB) FROM standing UNION ALL SELECT CAST(row AS BLOB) FROM job"
        with closing(sqlite3.connect(self.path)) as connection:
            return [row for (row,) in connection.execute(query)]

    def raw(self) -> bytes:
        self.store.close()
        return b"".join(file.read_bytes() for file in _files(self.path))

    def _execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            assert connection.execute(statement, values).rowcount == 1


class TestSqliteStore(StoreContract, SharedContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[SqliteBench]:
        bench = SqliteBench(tmp_path / "failover.db")
        yield bench
        bench.store.close()

    @pytest.fixture
    def store_to_fill(self, bench: SqliteBench) -> Store:
        return bench.store

    def test_it_is_shared(self, bench: SqliteBench) -> None:
        assert bench.store.shared is True
        assert repr(bench.store) == f"SqliteStore({str(bench.path)!r})"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own" / "failover.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def test_nothing_is_touched_before_the_first_verb(path: Path, store: SqliteStore) -> None:
    assert not path.parent.exists()
    store.standings()
    assert path.exists()


def test_only_the_owner_can_read_it(path: Path, store: SqliteStore) -> None:
    mask = os.umask(0)
    try:
        store.note_failure(against())
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"failover.db": 0o600, "failover.db-shm": 0o600, "failover.db-wal": 0o600}


@pytest.mark.parametrize("companion", sqlite_file.COMPANIONS)
def test_a_link_is_refused(tmp_path: Path, path: Path, store: SqliteStore, companion: str) -> None:
    path.parent.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    path.with_name(path.name + companion).symlink_to(elsewhere)
    with pytest.raises(StoreError, match="link"):
        store.note_failure(against())
    assert elsewhere.read_bytes() == b""


def test_a_directory_in_its_place_is_refused(path: Path, store: SqliteStore) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match="no regular file"):
        store.note_failure(against())


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_others_may_write_to_is_refused(path: Path, store: SqliteStore, mode: int) -> None:
    path.parent.mkdir()
    path.touch()
    path.chmod(mode)
    with pytest.raises(StoreError, match="chmod 600"):
        store.note_failure(against())
    assert path.read_bytes() == b""


@as_root
def test_a_file_of_another_user_is_refused(path: Path, store: SqliteStore) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    os.chown(path, 12345, 12345)
    with pytest.raises(StoreError, match="another user"):
        store.note_failure(against())


def test_a_directory_everybody_may_write_to_is_refused(path: Path, store: SqliteStore) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(StoreError, match="directory of its own"):
        store.note_failure(against())
    assert not path.exists()
    path.parent.chmod(0o1777)
    assert store.note_failure(against()).opened


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_refused(
    path: Path, store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path.resolve()}/own {kind} rw 0 0\n")
    monkeypatch.setattr(sqlite_file, "MOUNTS", mounts)
    with pytest.raises(StoreError, match=kind):
        store.note_failure(against())
    mounts.write_text("/dev/a / ext4 rw 0 0\nserver:/x /elsewhere nfs rw 0 0\ngarbage\n\n")
    assert store.note_failure(against()).opened


def test_a_system_without_a_mount_table_is_trusted(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "MOUNTS", tmp_path / "missing")
    assert store.note_failure(against()).opened


def test_a_corrupt_file_is_set_aside_once(path: Path, store: SqliteStore) -> None:
    garbage = b"this is no database, and long enough to be taken for one" * 100
    path.parent.mkdir()
    path.write_bytes(garbage)
    path.chmod(0o600)
    assert store.note_failure(against()).opened
    [aside] = path.parent.glob("*.corrupt-*")
    assert aside.read_bytes() == garbage
    store.close()
    path.write_bytes(garbage)
    with pytest.raises(StoreError, match="NOTADB"):
        store.note_failure(against())
    assert len(list(path.parent.glob("*.corrupt-*"))) == 1
    assert path.read_bytes() == garbage


def test_a_file_that_breaks_in_use_is_set_aside(path: Path, store: SqliteStore) -> None:
    for number in range(200):
        store.note_failure(against(f"model:fal/{number}"))
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    assert store.standings() == ()
    assert len(list(path.parent.glob("*.corrupt-*"))) >= 1
    assert store.note_failure(against()).opened


def test_two_stores_that_find_it_corrupt_keep_one_good_file(path: Path, store: SqliteStore) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 1000)
    path.chmod(0o600)
    broken = sqlite_file.identity(path)
    assert broken is not None
    assert store.note_failure(against()).opened
    sqlite_file.set_aside(path, broken)
    assert known(store) is not None


@pytest.mark.parametrize(
    ("statements", "match"),
    [
        (("PRAGMA application_id = 0x6661696C", "PRAGMA user_version = 2"), "another version"),
        (("CREATE TABLE theirs (x)",), "another program"),
        (("PRAGMA application_id = 7", "CREATE TABLE standing (x)"), "another program"),
    ],
)
def test_a_file_that_is_not_ours_to_use_is_not_touched(
    path: Path, store: SqliteStore, statements: tuple[str, ...], match: str
) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        for statement in (*statements, "CREATE TABLE more (y)"):
            connection.execute(statement)
        connection.commit()
    path.chmod(0o600)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreError, match=match):
            store.note_failure(against())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["failover.db"]


def test_a_deleted_file_is_made_again(path: Path, store: SqliteStore) -> None:
    store.note_failure(against())
    for file in _files(path):
        file.unlink()
    assert store.standings() == ()
    assert store.note_failure(against()).opened
    assert path.exists()


def test_a_full_or_read_only_place_is_a_store_error(path: Path) -> None:
    store = SqliteStore("/proc/failover/failover.db")
    with pytest.raises(StoreError, match="/proc/failover"):
        store.note_failure(against())


def test_a_writer_that_does_not_end_is_waited_for_no_longer_than_the_limit(path: Path) -> None:
    store = SqliteStore(path, timeout=0.05)
    store.note_failure(against())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="SQLITE_BUSY"):
            store.note_failure(against("host:fal"))
        assert known(store) is not None
        other.execute("ROLLBACK")
    assert store.note_failure(against("host:fal")).opened
    store.close()


def test_a_thread_that_does_not_end_is_waited_for_no_longer_than_the_limit(path: Path) -> None:
    held, done = threading.Event(), threading.Event()

    class SlowClock:
        def __call__(self) -> float:
            held.set()
            assert done.wait(10)
            return 0.0

    store = SqliteStore(path, clock=SlowClock(), timeout=0.05)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(store.admit, SCOPE, 1.0)
        assert held.wait(10)
        with pytest.raises(StoreError, match="busy in this process"):
            store.admit(SCOPE, 1.0)
        done.set()
        assert slow.result().entry is Entry.GO
    store.close()


def test_rows_that_are_due_are_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(sqlite_store, "MAX_JOBS", 20)
    store = SqliteStore(path, clock=clock)
    for number in range(10):
        store.note_failure(against(f"model:old/{number}"))
    clock.ahead = RETENTION + 1.0
    for number in range(2 * sqlite_store.PRUNE_EVERY):
        store.save_job(_job(number), 60.0 + number)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM standing").fetchone() == (0,)
        (jobs,) = connection.execute("SELECT count(*) FROM job").fetchone()
    assert 20 <= jobs < 20 + sqlite_store.PRUNE_EVERY
    assert store.find_job(_job(2 * sqlite_store.PRUNE_EVERY - 1).id) is not None
    assert store.find_job(_job(0).id) is None
    store.close()


def test_a_child_holds_locks_of_its_own(path: Path, store: SqliteStore) -> None:
    """In a child that inherits an open file, a new connection to it holds no lock at all."""
    store.note_failure(against())
    child = os.fork()
    if not child:
        found = known(store) is not None
        held = _locks(os.getpid()) if LOCKS.exists() else 1
        os._exit(0 if found and held else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.note_failure(against("host:fal")).opened
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_child_of_a_busy_parent_uses_no_file(path: Path) -> None:
    """Where the parent's connection could not be closed in time, the child must not trust it."""
    held, done = threading.Event(), threading.Event()

    class SlowClock:
        def __call__(self) -> float:
            held.set()
            assert done.wait(10)
            return 0.0

    store = SqliteStore(path, clock=SlowClock(), timeout=0.05)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(store.note_failure, against())
        assert held.wait(10)
        child = os.fork()
        if not child:
            try:
                store.standings()
            except StoreError as error:
                os._exit(0 if "parent process" in str(error) else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        done.set()
        assert slow.result().opened
    assert known(store) is not None
    store.close()


def _job(number: int) -> object:
    return type(JOB)(
        **{name: getattr(JOB, name) for name in JOB.__slots__} | {"id": f"job-{number}"}
    )


def _locks(process: int) -> int:
    return sum(f" {process} " in line for line in LOCKS.read_text().splitlines())


def _files(path: Path) -> list[Path]:
    beside = (path.with_name(path.name + companion) for companion in sqlite_file.COMPANIONS)
    return [file for file in beside if file.exists()]

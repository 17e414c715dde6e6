"""The one connection of a process to a SQLite file: opened late, guarded, closed for a fork.

Rules:
- It is opened by the first verb, and again when the file under this name has become another one.
- One verb at a time uses it. It waits for other threads and processes no longer than the timeout.
- It is closed before the process forks, and both processes open it again when they need it. If
  that was not possible in time, the child uses no file at all: it would trust in locks it lacks.
- A file that can't be read is set aside, once. A file of a newer version or of another program is
  not touched.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from failover.errors import StoreError
from failover.stores import sqlite_file
from failover.stores.forking import tell_of_forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from failover.stores.sqlite_file import Identity

    T = TypeVar("T")

APPLICATION_ID = 0x66_61_69_6C  # "fail": marks a file as ours
FILE_VERSION = 1
PATIENCE = 0.005  # seconds that SQLite waits before it says that somebody else is writing

_NAME = "TEXT PRIMARY KEY NOT NULL"
_SCHEMA = (
    f"CREATE TABLE standing (scope {_NAME}, row TEXT NOT NULL, expires REAL NOT NULL)",
    "CREATE INDEX standing_by_expiry ON standing (expires)",
    f"CREATE TABLE job (id {_NAME}, row TEXT NOT NULL, expires REAL NOT NULL)",
    "CREATE INDEX job_by_expiry ON job (expires)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FILE_VERSION}",
)
_parents: list[sqlite3.Connection] = []  # in a child: not to be closed, not even by the collector


class SqliteConnection:
    """A guarded connection.

    Args:
        path: absolute path of the file; made on first use.
        timeout: seconds to wait for other threads and processes.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None
        self._repaired = False
        self._orphaned = False
        tell_of_forks(self)

    def run(self, verb: Callable[[sqlite3.Connection], T]) -> T:
        """Let a verb use the connection.

        Args:
            verb: called again when somebody else was writing, or after a repair.

        Returns:
            Its answer.

        Raises:
            StoreError: the file can't be used, or not in time.
        """
        end = time.monotonic() + self._timeout
        with self._locked():
            while True:
                try:
                    return verb(self._connected())
                except (sqlite3.Error, OSError, UnicodeError) as error:
                    if not (self._waited(error, end) or self._repaired_now(error)):
                        raise StoreError(f"{self._path}: {_describe(error)}") from error

    def close(self) -> None:
        """Close the file."""
        with self._locked():
            self._disconnect()

    def before_fork(self) -> bool:
        """Close the file and let nobody open it until the fork is done."""
        if not self._lock.acquire(timeout=self._timeout):
            return False
        self._disconnect()
        return True

    def after_fork_in_parent(self, *, ready: bool) -> None:
        """Let the verbs go on."""
        if ready:
            self._lock.release()

    def after_fork_in_child(self, *, ready: bool) -> None:
        """Start with a lock nobody holds and with the file closed."""
        self._lock = threading.RLock()
        self._orphaned = self._orphaned or not ready
        if self._connection is not None:
            _parents.append(self._connection)
            self._connection = None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._lock  # a fork in between replaces the attribute
        if not lock.acquire(timeout=self._timeout):
            raise StoreError(f"{self._path}: busy in this process")
        try:
            yield
        finally:
            lock.release()

    def _waited(self, error: Exception, end: float) -> bool:
        """Let another process finish. SQLite itself waits longer and longer, and so may starve."""
        if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
            return False
        time.sleep(random.uniform(0.0005, 0.004))  # noqa: S311  # to get out of step
        return True

    def _repaired_now(self, error: Exception) -> bool:
        """Set a broken file aside, once in the life of this process."""
        if not _is_corrupt(error) or self._repaired or self._identity is None:
            return False
        self._repaired = True
        self._disconnect()
        try:
            sqlite_file.set_aside(self._path, self._identity)
        except OSError:
            return False
        return True

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None:
            if sqlite_file.identity(self._path) == self._identity:
                return self._connection
            self._disconnect()
        if self._orphaned:
            raise StoreError(f"{self._path}: in use in the parent process when it forked")
        self._identity = sqlite_file.prepare(self._path)
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.text_factory = bytes  # whether it is UTF-8 is for the reader of a row to judge
        connection.execute("PRAGMA trusted_schema = OFF")
        fresh = self._is_empty(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not fresh:
            return
        with transaction(connection):
            if self._is_empty(connection):  # nobody was faster
                for statement in _SCHEMA:
                    connection.execute(statement)

    def _is_empty(self, connection: sqlite3.Connection) -> bool:
        """Whether the file still has to be filled; refuses one that is not ours to use."""
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (owner, version, tables) == (0, 0, 0):
            return True
        if owner != APPLICATION_ID:
            raise StoreError(f"{self._path} belongs to another program; name another file")
        if version != FILE_VERSION:
            raise StoreError(
                f"{self._path} was written by another version of failover (form {version}); "
                "upgrade, or name another file"
            )
        return False

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # what was committed is kept; nothing more to be done
                connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the file still: nobody else writes during the block, and it counts whole or not at all.

    Args:
        connection: in autocommit mode.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 for any other error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_corrupt(error: Exception) -> bool:
    return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _describe(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return getattr(error, "sqlite_errorname", type(error).__name__)

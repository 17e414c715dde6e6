"""A store in one SQLite file, shared by the processes of one machine.

Rules:
- A verb that may write begins with `BEGIN IMMEDIATE`: a transaction that reads first and then
  wants to write fails at once under contention, whatever the busy timeout.
- Rows are JSON (`failover.stores.rows`); one that can't be read is deleted when it is met.
- Forgetting costs a verb little: now and then one removes a few of the rows that are due.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from failover.stores import rows, transitions
from failover.stores.contract import MAX_JOBS, MAX_SCOPES, RETENTION, TIME_LIMIT
from failover.stores.sqlite_connection import SqliteConnection, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from failover.core.health import Admission, Evidence, Standing
    from failover.core.types import Job

    T = TypeVar("T")

PRUNE_EVERY = 256  # writes of this process
PRUNE_AT_MOST = 1000  # rows at a time, so that no verb takes long


class SqliteStore:
    """Keep cooldowns and jobs in a file.

    Args:
        path: the file; made on first use, readable by its owner alone.
        clock: seconds since the epoch, the same for every process that uses the file.
        timeout: seconds a verb waits for other threads and processes.
    """

    shared = True

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Callable[[], float] = time.time,
        timeout: float = TIME_LIMIT,
    ) -> None:
        self._path = Path(path).absolute()
        self._clock = clock
        self._connection = SqliteConnection(self._path, timeout)
        self._writes = random.randrange(PRUNE_EVERY)  # noqa: S311  # processes prune at other times

    def now(self) -> float:
        """The wall clock of this machine."""
        return self._clock()

    def standings(self) -> tuple[Standing, ...]:
        """Every scope that is not clean."""
        query = "SELECT scope, row FROM standing WHERE expires > ?"

        def read(connection: sqlite3.Connection) -> tuple[Standing, ...]:
            found = []
            for scope, row in connection.execute(query, (self._clock(),)).fetchall():
                name = scope.decode(errors="replace")
                try:
                    found.append(rows.read_standing(name, row))
                except rows.FromTheFuture:
                    continue
                except rows.Unreadable:
                    _delete(connection, "standing", "scope", scope, row)
            return tuple(filter(transitions.unclean, found))

        return self._connection.run(read)

    def note_failure(self, evidence: Evidence) -> Standing:
        """Add a failure."""
        return self._change(lambda table: transitions.note_failure(table, evidence, self._clock()))

    def note_success(self, scopes: Mapping[str, int]) -> tuple[str, ...]:
        """Note that a call was served."""
        return self._change(lambda table: transitions.note_success(table, scopes, self._clock()))

    def admit(self, scope: str, lease: float) -> Admission:
        """Decide whether a call may use a scope."""
        return self._change(lambda table: transitions.admit(table, scope, lease, self._clock()))

    def release(self, scope: str, generation: int) -> None:
        """Give a probe back."""
        self._change(lambda table: transitions.release(table, scope, generation))

    def find_job(self, id: str) -> Job | None:
        """Look up a job."""
        query = "SELECT row FROM job WHERE id = ? AND expires > ?"

        def read(connection: sqlite3.Connection) -> Job | None:
            for (row,) in connection.execute(query, (id, self._clock())).fetchall():
                try:
                    return rows.read_job(id, row)
                except rows.FromTheFuture:
                    return None
                except rows.Unreadable:
                    _delete(connection, "job", "id", id.encode(), row)
            return None

        return self._connection.run(read)

    def save_job(self, job: Job, ttl: float) -> None:
        """Remember where a job runs, without what it was asked."""
        row = rows.write_job(job)

        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                _put(connection, "job", "id", job.id, row, self._clock() + ttl)
                self._prune(connection)

        self._connection.run(write)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"SqliteStore({str(self._path)!r})"

    def _change(self, verb: Callable[[transitions.Table], T]) -> T:
        def write(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                answer = verb(_Table(connection, self._clock))
                self._prune(connection)
                return answer

        return self._connection.run(write)

    def _prune(self, connection: sqlite3.Connection) -> None:
        self._writes += 1
        if self._writes % PRUNE_EVERY == 0:
            for table, most in (("standing", MAX_SCOPES), ("job", MAX_JOBS)):
                _prune(connection, table, most, self._clock())


class _Table:
    """Standings in an open transaction."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock

    def get(self, scope: str) -> Standing | None:
        query = "SELECT row FROM standing WHERE scope = ? AND expires > ?"
        for (row,) in self._connection.execute(query, (scope, self._clock())).fetchall():
            try:
                return rows.read_standing(scope, row)
            except rows.FromTheFuture:
                return None
            except rows.Unreadable:
                self.drop(scope)
        return None

    def put(self, standing: Standing) -> None:
        row, expires = rows.write_standing(standing), self._clock() + RETENTION
        _put(self._connection, "standing", "scope", standing.scope, row, expires)

    def drop(self, scope: str) -> None:
        self._connection.execute("DELETE FROM standing WHERE scope = ?", (scope,))


def _put(
    connection: sqlite3.Connection, table: str, name: str, id: str, row: str, expires: float
) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({name}, row, expires) VALUES (?, ?, ?)",  # noqa: S608  # constants of this file
        (id, row, expires),
    )


def _delete(connection: sqlite3.Connection, table: str, name: str, id: bytes, row: bytes) -> None:
    """Delete a row that can't be read, unless somebody has replaced it by now."""
    connection.execute(
        f"DELETE FROM {table} WHERE CAST({name} AS BLOB) = ? AND CAST(row AS BLOB) = ?",  # noqa: S608  # constants of this file
        (id, row),
    )


def _prune(connection: sqlite3.Connection, table: str, most: int, now: float) -> None:
    """Remove some of the rows that are due, and of those beyond the bound."""
    for rest, values in (
        ("WHERE expires <= ? ORDER BY expires LIMIT ?", (now, PRUNE_AT_MOST)),
        ("ORDER BY expires DESC LIMIT ? OFFSET ?", (PRUNE_AT_MOST, most)),
    ):
        due = f"SELECT rowid FROM {table} {rest}"  # noqa: S608  # constants of this file
        connection.execute(f"DELETE FROM {table} WHERE rowid IN ({due})", values)  # noqa: S608  # likewise

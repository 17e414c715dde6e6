"""A store in Redis, shared by machines; needs the extra `failover[redis]`.

Rules:
- Each verb is one script or one command over one key, on the server's clock; no transaction, no
  watching, no waiting. The keys share a hash tag.
- Limits of our own, as those of the driver are minutes: no retries, and a quarter of a second for
  each step of the way. Whatever goes wrong is a `StoreError`.
- A password is in the client alone: no message names the address, and no error is chained to one
  of the driver's, whose frames hold it.
- What comes back is treated like foreign input.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from failover.core.health import Admission, Entry
from failover.errors import ConfigurationError, StoreError
from failover.stores import rows, transitions
from failover.stores.contract import TIME_LIMIT
from failover.stores.forking import tell_of_forks
from failover.stores.redis_scripts import script

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError("a store in Redis needs: pip install 'failover[redis]'") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from failover.core.health import Evidence, Standing
    from failover.core.types import Job

MAX_CONNECTIONS = 8
_CODE = re.compile(r"[A-Z]{3,20}\b")  # how an error reply of Redis begins


class RedisStore:
    """Keep cooldowns and jobs in Redis.

    Args:
        client: a client of the user's, with his limits and his pool; not an async one.
        prefix: first part of every key.

    Raises:
        ConfigurationError: the client is of another kind.
    """

    shared = True

    def __init__(self, client: redis.Redis, *, prefix: str = "failover") -> None:
        if not isinstance(client, redis.Redis):
            raise ConfigurationError("a store in Redis takes a redis.Redis client, not async")
        self._client = client
        self._renewed: Callable[[], redis.Redis] | None = None
        self._prefix = f"{{{prefix}}}"
        self._standings = f"{self._prefix}:standings"
        self._ahead: float | None = None  # server clock minus our monotonic one, in seconds
        tell_of_forks(self)

    @classmethod
    def from_url(cls, url: str, *, prefix: str = "failover") -> Self:
        """Make a store with a client of its own.

        Args:
            url: `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS; options of the
                driver may follow as a query.
            prefix: first part of every key.

        Returns:
            The store; no connection is opened yet.

        Raises:
            ConfigurationError: the driver can't read the URL.
        """

        def connect() -> redis.Redis:  # unlike a partial, it does not show the URL
            return _client(url)

        try:
            client = connect()
        except (ValueError, TypeError):
            client = None
        if client is None:
            raise ConfigurationError("store='redis:' has a URL that the redis driver can't read")
        store = cls(client, prefix=prefix)
        store._renewed = connect
        return store

    def now(self) -> float:
        """The server's clock, reckoned from the last reply; asked for only the first time."""
        if self._ahead is None:
            seconds, micros = self._guarded(self._client.time)
            self._ahead = seconds + micros / 1e6 - time.monotonic()
        return time.monotonic() + self._ahead

    def standings(self) -> tuple[Standing, ...]:
        """Every scope that is not clean."""
        reply = self._run("standings", self._standings)
        now, found = self.now(), []
        for scope, row in zip(reply[::2], reply[1::2], strict=False):
            name = _text(scope)
            try:
                standing, expires = rows.read_dated_standing(name, row)
            except rows.FromTheFuture:
                continue
            except rows.Unreadable:
                expires = 0.0
            if expires <= now:
                self._run("drop_standing", self._standings, scope, row)
            elif transitions.unclean(standing):
                found.append(standing)
        return tuple(found)

    def note_failure(self, evidence: Evidence) -> Standing:
        """Add a failure."""
        rule = evidence.rule
        numbers = (rule.threshold, rule.base, rule.cap, evidence.asked or 0.0, evidence.jitter)
        words: tuple[str | int, ...]
        words = (evidence.scope, evidence.reason, *map(repr, numbers), evidence.generation)
        row = next(iter(self._run("note_failure", self._standings, *words)), b"")
        try:
            return rows.read_standing(evidence.scope, row)
        except rows.Unreadable as error:
            self._run("drop_standing", self._standings, evidence.scope, row)
            raise StoreError(f"redis: a standing can't be read: {error}") from error

    def note_success(self, scopes: Mapping[str, int]) -> tuple[str, ...]:
        """Note that a call was served."""
        pairs = (value for pair in scopes.items() for value in pair)
        return tuple(map(_text, self._run("note_success", self._standings, *pairs)))

    def admit(self, scope: str, lease: float) -> Admission:
        """Decide whether a call may use a scope."""
        reply = self._run("admit", self._standings, scope, repr(lease))
        try:
            entry, generation, seconds = reply
            return Admission(Entry(_text(entry)), int(generation), _number(seconds))
        except (ValueError, TypeError) as error:
            raise StoreError("redis: an admission can't be read") from error

    def release(self, scope: str, generation: int) -> None:
        """Give a probe back."""
        self._run("release", self._standings, scope, generation)

    def find_job(self, id: str) -> Job | None:
        """Look up a job."""
        key = self._job(id)
        row = self._guarded(lambda: self._client.getrange(key, 0, rows.MAX_JOB))
        if not row:
            return None
        try:
            return rows.read_job(id, row)
        except rows.FromTheFuture:
            return None
        except rows.Unreadable:
            self._run("drop_job", key, row)
            return None

    def save_job(self, job: Job, ttl: float) -> None:
        """Remember where a job runs, without what it was asked."""
        key, row, milliseconds = self._job(job.id), rows.write_job(job), max(1, round(ttl * 1000))
        self._guarded(lambda: self._client.set(key, row, px=milliseconds))

    def close(self) -> None:
        """Close the connections; a user's own client is left to him."""
        if self._renewed is not None:
            self._guarded(self._client.connection_pool.disconnect)

    def before_fork(self) -> bool:
        """Nothing is to be done; connections are in the client."""
        return True

    def after_fork_in_parent(self, *, ready: bool) -> None:
        """Nothing has changed."""

    def after_fork_in_child(self, *, ready: bool) -> None:  # noqa: ARG002  # always ready
        """Take a client with locks nobody holds; a user's own one is left to the driver."""
        if self._renewed is not None:
            self._client = self._renewed()

    def __repr__(self) -> str:
        return f"RedisStore(prefix={self._prefix!r})"

    def _job(self, id: str) -> str:
        return f"{self._prefix}:job:{id}"

    def _run(self, verb: str, key: str, *values: str | bytes | int) -> list[Any]:
        """Run a verb's script; the server's time, which every reply begins with, is kept."""
        sha, text = script(verb).sha, script(verb).text
        reply = self._guarded(lambda: self._evaluated(sha, text, key, values))
        if not isinstance(reply, list) or not reply:
            raise StoreError("redis: a script's reply has an unknown form")
        self._ahead = _number(reply[0]) - time.monotonic()
        return reply[1:]

    def _evaluated(self, sha: str, text: str, key: str, values: tuple[Any, ...]) -> Any:
        try:
            return self._client.evalsha(sha, 1, key, *values)
        except redis.exceptions.NoScriptError:  # a restart, a flush, another machine
            return self._client.eval(text, 1, key, *values)

    def _guarded(self, use: Callable[[], Any]) -> Any:
        """Use the client; whatever it raises, even on garbage, becomes a `StoreError`."""
        try:
            return use()
        except Exception as error:  # noqa: BLE001  # the driver's own list of errors is not complete
            problem = _describe(error)
        raise StoreError(f"redis: {problem}")  # outside, so that the driver's error is no context


def _client(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=TIME_LIMIT,
        socket_timeout=TIME_LIMIT,
        socket_connect_timeout=TIME_LIMIT,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


def _describe(error: Exception) -> str:
    """Name an error without its text, which may repeat what was sent."""
    code = _CODE.match(str(error)) if isinstance(error, redis.ResponseError) else None
    return f"{type(error).__name__} {code.group()}" if code else type(error).__name__


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(value: object) -> float:
    try:
        return float(_text(value))
    except ValueError as error:
        raise StoreError("redis: a number can't be read") from error

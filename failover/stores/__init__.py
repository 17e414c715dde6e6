"""Where cooldowns and jobs are kept: in memory, in a SQLite file, or in Redis.

`open_store` turns a setting into a store. No driver is imported before a store that needs it is
asked for, and no file or connection is opened before the first verb.
"""

from __future__ import annotations

from failover.errors import ConfigurationError

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from failover.stores.contract import Store

_FORMS = "'memory:', 'sqlite:///relative.db', 'sqlite:////absolute/path.db', 'redis://host:6379/0'"
_VERBS = ("now", "standings", "note_failure", "note_success", "admit", "release", "find_job")


def open_store(spec: str | Store) -> Store:
    """Make a store from a setting.

    Args:
        spec: `memory:`, `sqlite:///relative.db`, `sqlite:////absolute/path.db`, `redis://…`,
            `rediss://…`, or a store, which is returned as it is.

    Returns:
        The store; nothing has been opened yet.

    Raises:
        ConfigurationError: anything else, or a driver is missing; the message says what to do.
    """
    check_spec(spec)
    if not isinstance(spec, str):
        return spec
    scheme, _, rest = spec.partition(":")
    if scheme == "memory":
        from failover.stores.memory import MemoryStore  # noqa: PLC0415  # only what is asked for

        return MemoryStore()
    if scheme == "sqlite":
        from failover.stores.sqlite import SqliteStore  # noqa: PLC0415  # sqlite3 is slow to import

        return SqliteStore(rest.removeprefix("///"))
    from failover.stores.redis import RedisStore  # noqa: PLC0415  # needs an extra

    return RedisStore.from_url(spec)


def check_spec(spec: object) -> None:
    """Refuse a setting that no store can be made from; imports and opens nothing.

    Args:
        spec: as for `open_store`.

    Raises:
        ConfigurationError: it can't work; the message never repeats it, as it may hold a password.
    """
    if not isinstance(spec, str):
        if all(callable(getattr(spec, verb, None)) for verb in _VERBS):
            return
        raise ConfigurationError(f"store= takes a store or one of {_FORMS}")
    scheme, _, rest = spec.partition(":")
    if scheme == "memory":
        if rest not in ("", "//"):
            raise ConfigurationError("store='memory:' takes nothing after the colon")
    elif scheme == "sqlite":
        _check_path(rest)
    elif scheme in ("redis", "rediss"):
        _check_url(scheme, spec)
    else:
        raise ConfigurationError(f"store= has a form that is not known; it takes one of {_FORMS}")


def _check_path(rest: str) -> None:
    path = rest.removeprefix("///")
    if path == rest or not path or path.startswith(":memory:") or "?" in path or "\0" in path:
        raise ConfigurationError(
            "store='sqlite:' takes a file: three slashes for one in the working directory "
            "('sqlite:///failover.db'), four for an absolute path ('sqlite:////var/lib/app.db')"
        )


def _check_url(scheme: str, url: str) -> None:
    from importlib.util import find_spec  # noqa: PLC0415  # only for those who have a Redis
    from urllib.parse import urlsplit  # noqa: PLC0415  # likewise

    if find_spec("redis") is None:
        raise ConfigurationError(f"store='{scheme}:' needs: pip install 'failover[redis]'")
    try:
        parts = urlsplit(url)
        number = parts.path.removeprefix("/")
        fits = bool(parts.hostname) and parts.port != 0 and (not number or number.isdecimal())
    except ValueError:
        fits = False
    if not fits:
        raise ConfigurationError(
            f"store='{scheme}:' has the form '{scheme}://[user:password@]host[:port][/number]'"
        )

"""`Failover.wrap()`: protect one client, by putting a transport or an adapter into it.

SDK clients are opened down to the HTTP client they hold, and no further than the place where an
installed patch would sit: below the SDK's own retry loop.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from failover._failover import Failover

KNOWN = (
    "an httpx or httpx2 Client or AsyncClient, a requests.Session, a fal_client SyncClient or "
    "AsyncClient, a replicate.Client, an openai.OpenAI or openai.AsyncOpenAI"
)


def wrap(failover: Failover, client: Any) -> Any:
    """Protect a client.

    Args:
        failover: the settings.
        client: see `Failover.wrap`.

    Returns:
        The same object.

    Raises:
        TypeError: not a client that is known.
    """
    for library, name, protect in _CLIENTS:
        module = sys.modules.get(library)
        kind = getattr(module, name, None)
        if kind is not None and isinstance(client, kind):
            protect(failover, module, client)
            return client
    raise TypeError(f"can't wrap a {type(client).__name__}; known are {KNOWN}")


def _httpx_client(failover: Failover, lib: Any, client: Any) -> None:
    transport = _explicit(lib, blocking=isinstance(client, lib.Client))
    client._transport = _once(transport, failover, client._transport)  # no public way in
    for pattern, mounted in client._mounts.items():  # no public way in
        if mounted is not None:
            client._mounts[pattern] = _once(transport, failover, mounted)


def _explicit(lib: Any, *, blocking: bool) -> Any:
    from importlib import import_module  # noqa: PLC0415  # the front door of whichever library it is

    door = import_module(f"failover.{lib.__name__}")
    return door.FailoverTransport if blocking else door.AsyncFailoverTransport


def _once(transport: Any, failover: Failover, inner: Any) -> Any:
    if isinstance(inner, transport):
        return inner
    made = transport(failover, inner)
    made.by_environment = True
    return made


def _session(failover: Failover, lib: Any, session: Any) -> None:
    del lib
    from failover.requests import FailoverAdapter  # noqa: PLC0415  # only with requests installed

    for prefix, adapter in list(session.adapters.items()):
        if not isinstance(adapter, FailoverAdapter):
            session.mount(prefix, FailoverAdapter(failover, adapter))


def _fal(failover: Failover, lib: Any, client: Any) -> None:
    del lib
    wrap(failover, client._client)  # the SDK has no public way in


def _fal_async(failover: Failover, lib: Any, client: Any) -> None:
    make = lib.AsyncClient.__dict__["_client"].func
    if not isinstance(client.__dict__.get("_client"), _Later):
        client.__dict__["_client"] = _Later(failover, lambda: make(client))


class _Later:
    """Awaited for the client that an SDK builds at first use, and protects it then."""

    def __init__(self, failover: Failover, make: Callable[[], Any]) -> None:
        self._failover = failover
        self._make = make
        self._client: Any = None

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._client is None:
            made = yield from self._make().__await__()
            if self._client is None:
                self._client = wrap(self._failover, made)
        return self._client


def _replicate(failover: Failover, lib: Any, client: Any) -> None:
    del lib
    httpx = sys.modules["httpx"]
    for held, blocking in (
        (client._client, True),
        (client._async_client, False),
    ):  # no public way in
        retrying = held._transport  # the SDK's retry loop; we sit below it
        inner = retrying._wrapped_transport
        transport = _explicit(httpx, blocking=blocking)
        retrying._wrapped_transport = _once(transport, failover, inner)


def _openai(failover: Failover, lib: Any, client: Any) -> None:
    del lib
    wrap(failover, client._client)  # the SDK has no public way in


_CLIENTS: tuple[tuple[str, str, Callable[[Failover, Any, Any], None]], ...] = (
    ("fal_client", "SyncClient", _fal),
    ("fal_client", "AsyncClient", _fal_async),
    ("replicate.client", "Client", _replicate),
    ("openai", "OpenAI", _openai),
    ("openai", "AsyncOpenAI", _openai),
    ("httpx", "Client", _httpx_client),
    ("httpx", "AsyncClient", _httpx_client),
    ("httpx2", "Client", _httpx_client),
    ("httpx2", "AsyncClient", _httpx_client),
    ("requests", "Session", _session),
)

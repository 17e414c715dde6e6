"""The front door for httpx and httpx2: one implementation, the library passed in.

A request to a host that is not watched costs a dictionary look-up and a look at its header values,
in case it carries a provider's key to a foreign origin. Only a request to a watched host is read.
"""

from __future__ import annotations

import time
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from failover._exchange import MARK, Recognised, paused_here, recognise
from failover._httpx_doors import AsyncDoor, SyncDoor
from failover._sites import PORTS
from failover.core.types import Request
from failover.events import KeyWithheld

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from failover._failover import Failover

_VALUE = itemgetter(2)


def handle(
    lib: Any,
    failover: Failover,
    request: Any,
    send: Callable[[Any], Any],
    *,
    by_environment: bool = False,
) -> Any:
    """Send a request that may be watched, in blocking code.

    Args:
        lib: httpx or httpx2.
        failover: the settings.
        request: the library's request.
        send: the caller's own transport.
        by_environment: his client may have chosen that transport by the environment's proxies.

    Returns:
        The library's response.
    """
    if request.url.raw_host not in failover.hosts or MARK in request.extensions:
        if carries_key(failover, request):
            request = guarded(lib, failover, request)
        return send(request)
    recognised = _recognised(lib, failover, request)
    if recognised is None:
        return send(guarded(lib, failover, request))
    request.extensions[MARK] = True
    try:
        door = SyncDoor(lib, recognised, request, send, by_environment=by_environment)
        return door.answer()
    finally:
        request.extensions.pop(MARK, None)


async def handle_async(
    lib: Any,
    failover: Failover,
    request: Any,
    send: Callable[[Any], Awaitable[Any]],
    *,
    by_environment: bool = False,
) -> Any:
    """Send a request that may be watched, in a coroutine; arguments as for `handle`."""
    if request.url.raw_host not in failover.hosts or MARK in request.extensions:
        if carries_key(failover, request):
            request = guarded(lib, failover, request)
        return await send(request)
    recognised = _recognised(lib, failover, request)
    if recognised is None:
        return await send(guarded(lib, failover, request))
    request.extensions[MARK] = True
    try:
        door = AsyncDoor(lib, recognised, request, send, by_environment=by_environment)
        return await door.answer()
    finally:
        request.extensions.pop(MARK, None)


def carries_key(failover: Failover, request: Any) -> bool:
    """Whether any header value is a provider's key; on the way of every request, so it is quick."""
    try:
        values = map(_VALUE, request.headers._list)  # what `raw` copies
    except AttributeError:
        values = map(itemgetter(1), request.headers.raw)
    return not failover.secrets.keys().isdisjoint(values)


def guarded(lib: Any, failover: Failover, request: Any) -> Any:
    """Take provider keys off a request that goes to a foreign origin (S3).

    Args:
        lib: httpx or httpx2.
        failover: the settings.
        request: the library's request; never changed.

    Returns:
        The same request, or one like it without the key.
    """
    secrets = failover.secrets
    for _, value in request.headers.raw:
        if value in secrets:
            return _withheld(lib, failover, request, secrets[value])
    return request


def _withheld(lib: Any, failover: Failover, request: Any, provider: str) -> Any:
    url = request.url
    port = url.port or PORTS.get(url.scheme, 0)
    if paused_here.get() or failover.sites.may_carry(provider, url.scheme, url.host, port):
        return request
    kept = [(name, value) for name, value in request.headers.raw if value not in failover.secrets]
    failover.telling.tell(KeyWithheld(provider=provider, host=url.host, at=time.time()))
    return lib.Request(
        request.method, url, headers=kept, stream=request.stream, extensions=request.extensions
    )


def _recognised(lib: Any, failover: Failover, request: Any) -> Recognised | None:
    """Read a request to a watched host; None when it passes untouched."""
    if paused_here.get():
        return None
    try:
        found = _core_request(lib, failover, request)
        return recognise(failover, *found) if found else None
    except Exception as error:  # noqa: BLE001  # a defect of ours never breaks a call
        failover.telling.defect("recognise", error)
        return None


def _core_request(lib: Any, failover: Failover, request: Any) -> tuple[Request, str] | None:
    url = request.url
    if url.userinfo:
        return None
    scheme, host = url.scheme, failover.hosts[url.raw_host]
    path, _, query = url.raw_path.decode("ascii").partition("?")
    site = failover.sites.inbound(scheme, host, url.port or PORTS.get(scheme, 0), path)
    if site is None:
        return None
    body, replayable = _body(lib, request)
    timeout = request.extensions.get("timeout") or {}
    core = Request(
        request.method,
        site.canonical,
        path.removeprefix(site.prefix) if site.prefix else path,
        query,
        request.headers,
        body,
        replayable,
        timeout.get("read"),
    )
    return core, site.provider


def _body(lib: Any, request: Any) -> tuple[bytes | None, bool]:
    """The body's bytes, if they can be read without using them up (D-16)."""
    try:
        return request.content, True
    except lib.RequestNotRead:
        if isinstance(request.stream, lib.ByteStream):
            return request.read(), True
        return None, False

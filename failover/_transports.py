"""The transport classes for httpx and httpx2, made once for whichever library is passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from failover._httpx_family import handle, handle_async
from failover._proxies import proxy_for

if TYPE_CHECKING:
    from failover._failover import Failover


def transports(lib: Any) -> tuple[Any, Any]:
    """Make the two transport classes of one library.

    Args:
        lib: httpx or httpx2.

    Returns:
        The blocking and the asynchronous class.
    """

    class FailoverTransport(lib.BaseTransport):  # type: ignore[misc]  # lib is passed in
        """A transport that serves generation calls elsewhere when their provider fails.

        Args:
            failover: the settings.
            transport: the transport that does the sending; default one that uses the proxies of
                the environment, as a client without a transport would.
        """

        by_environment = False  # the inner one was chosen for one host, by a client's environment

        def __init__(self, failover: Failover, transport: Any = None) -> None:
            self._failover = failover
            self._inner = EnvironTransport(lib) if transport is None else transport

        def handle_request(self, request: Any) -> Any:
            """Send one request."""
            send, wrapped = self._inner.handle_request, self.by_environment
            return handle(lib, self._failover, request, send, by_environment=wrapped)

        def __enter__(self) -> Any:
            self._inner.__enter__()
            return self

        def __exit__(self, *exc: object) -> None:
            self._inner.__exit__(*exc)

        def close(self) -> None:
            """Close the inner transport."""
            self._inner.close()

    class AsyncFailoverTransport(lib.AsyncBaseTransport):  # type: ignore[misc]  # lib is passed in
        """The same for asynchronous clients; arguments as for `FailoverTransport`."""

        by_environment = False

        def __init__(self, failover: Failover, transport: Any = None) -> None:
            self._failover = failover
            self._inner = AsyncEnvironTransport(lib) if transport is None else transport

        async def handle_async_request(self, request: Any) -> Any:
            """Send one request."""
            send = self._inner.handle_async_request
            wrapped = self.by_environment
            return await handle_async(lib, self._failover, request, send, by_environment=wrapped)

        async def __aenter__(self) -> Any:
            await self._inner.__aenter__()
            return self

        async def __aexit__(self, *exc: object) -> None:
            await self._inner.__aexit__(*exc)

        async def aclose(self) -> None:
            """Close the inner transport."""
            await self._inner.aclose()

    for made in (FailoverTransport, AsyncFailoverTransport):
        made.__module__ = f"failover.{lib.__name__}"
        made.__qualname__ = made.__name__
    return FailoverTransport, AsyncFailoverTransport


class _ByProxy:
    """Inner transports, one for each proxy, made when first needed."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self._made: dict[str | None, Any] = {}

    def of(self, url: Any) -> Any:
        """The transport for a URL."""
        proxy = proxy_for(url)
        if proxy not in self._made:
            self._made[proxy] = self._make(proxy=proxy)
        return self._made[proxy]

    def all(self) -> list[Any]:
        """Every transport made so far."""
        return list(self._made.values())


class EnvironTransport:
    """A blocking transport that honours the proxies of the environment, as plain clients do.

    Args:
        lib: httpx or httpx2.
    """

    def __init__(self, lib: Any) -> None:
        self._inner = _ByProxy(lib.HTTPTransport)

    def handle_request(self, request: Any) -> Any:
        """Send one request through the proxy that its URL calls for."""
        return self._inner.of(request.url).handle_request(request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for transport in self._inner.all():
            transport.close()


class AsyncEnvironTransport:
    """The same for asynchronous clients; argument as for `EnvironTransport`."""

    def __init__(self, lib: Any) -> None:
        self._inner = _ByProxy(lib.AsyncHTTPTransport)

    async def handle_async_request(self, request: Any) -> Any:
        """Send one request through the proxy that its URL calls for."""
        return await self._inner.of(request.url).handle_async_request(request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._inner.all():
            await transport.aclose()

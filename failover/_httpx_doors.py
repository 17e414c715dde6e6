"""One watched request inside httpx or httpx2: the two HTTP effects, and the way back.

The blocking and the asynchronous door differ in their waiting only; what they do to requests and
replies is shared. A reply that was read to be judged goes back as the library's own response, over
the same bytes.
"""

from __future__ import annotations

import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from failover._exchange import (
    CONNECT_TIMEOUT,
    MARK,
    REPLY_LIMIT,
    BlockingExchange,
    Exchange,
    Recognised,
    last_word,
    no_reply,
    run_async,
    within,
)
from failover._httpx_bodies import decoded, replay, streams
from failover._proxies import proxy_for
from failover._sites import PORTS
from failover.core.effects import Effect, Forward, Send, Sleep
from failover.core.report import HEADER, Answer
from failover.core.types import NoReply, Reply, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

WAITS = ("connect", "read", "write", "pool")


class _Door(Exchange):
    """What the blocking and the asynchronous door share."""

    def __init__(
        self,
        lib: Any,
        recognised: Recognised,
        native: Any,
        send: Callable[[Any], Any],
        *,
        by_environment: bool = False,
    ) -> None:
        super().__init__(recognised)
        self.lib = lib
        self.native = native
        self.send = send
        self.unread: Any = None
        self._by_environment = by_environment
        self._detours: dict[str | None, Any] = {}

    def detour(self, url: Any, make: Callable[..., Any]) -> Any:
        """A transport for a hop that the environment sends through another proxy; mostly None.

        A client that picks its proxies from the environment gave us the transport for his own
        provider's host; `NO_PROXY` may say something else for the next one (F-45).
        """
        if not self._by_environment:
            return None
        proxy = proxy_for(url)
        if proxy == proxy_for(self.native.url):
            return None
        if proxy not in self._detours:
            self._detours[proxy] = make(proxy=proxy)
        return self._detours[proxy]

    def own_request(self, effect: Forward) -> Any:
        """The caller's request; a copy where the flow asks for another key or a time limit."""
        native = self.native
        if effect.key is None and effect.limit is None:
            return native
        headers, extensions = native.headers.raw, native.extensions
        if effect.key is not None:
            name, value = self.own_credential(effect.key)
            headers = [(k, v) for k, v in headers if k.lower() != name.encode()]
            headers.append((name.encode(), value.encode()))
        if effect.limit is not None:
            own = extensions.get("timeout") or {}
            waits = {wait: within(own.get(wait), effect.limit) for wait in WAITS}
            extensions = {**extensions, "timeout": waits}
        return self.lib.Request(
            native.method, native.url, headers=headers, stream=native.stream, extensions=extensions
        )

    def our_request(self, effect: Send) -> Any:
        """A request built from nothing, checked against its key's origins on the final URL."""
        dialled = self.dialled(effect)
        seconds = effect.timeout
        connect = min(seconds, CONNECT_TIMEOUT)
        timeout = {"connect": connect, "read": seconds, "write": seconds, "pool": seconds}
        request = self.lib.Request(
            effect.request.method,
            dialled.url,
            headers=dialled.headers,
            content=effect.request.body,
            extensions={"timeout": timeout, MARK: True},
        )
        url = request.url
        if not self.may_carry(
            effect.provider, url.scheme, url.host, url.port or PORTS.get(url.scheme, 0)
        ):
            raise PermissionError(f"{effect.provider}: no key goes to {url.host}")
        return request

    def read_reply(self, response: Any, raw: bytes, seconds: float) -> Reply:
        """Put a whole reply into our words."""
        body = decoded(self.lib, response, raw)
        if body is None:
            return self.streaming_reply(response, seconds)
        return Reply(response.status_code, response.headers, body, response, seconds)

    def cut_reply(
        self, response: Any, chunks: list[bytes], error: Exception, seconds: float
    ) -> Reply:
        """A reply whose body broke off; reading it again breaks off at the same place."""
        response.stream = replay(self.lib, chunks, None, error)
        body = b"".join(chunks)
        return Reply(
            response.status_code, response.headers, body, response, seconds, truncated=True
        )

    def long_reply(self, response: Any, chunks: list[bytes], rest: Any, seconds: float) -> Reply:
        """A reply too large to judge: what was read, and then the rest as it comes."""
        response.stream = replay(self.lib, chunks, (rest, response.stream), None)
        return Reply(response.status_code, response.headers, b"", response, seconds, streaming=True)

    def streaming_reply(self, response: Any, seconds: float) -> Reply:
        """A reply that is left as it is."""
        return Reply(response.status_code, response.headers, b"", response, seconds, streaming=True)

    def delivered(self, answer: Answer) -> Any:
        """The library's response for an answer, or the caller's own exception."""
        reply, report = answer.reply, answer.report
        if isinstance(reply, NoReply):
            return last_word(answer)
        response: Any = reply.native
        if response is None:
            headers = {**reply.headers, "content-length": str(len(reply.body))}
            stream = self.lib.ByteStream(reply.body)  # as from a wire, so that it can be streamed
            response = self.lib.Response(
                reply.status, headers=headers, stream=stream, request=self.native
            )
        if report is not None:
            response.headers[HEADER] = report.header
            response.extensions["failover"] = report
        return response


class SyncDoor(_Door, BlockingExchange):
    """The blocking door."""

    def _leave(self) -> None:
        for detour in self._detours.values():
            detour.close()

    def _forward(self, effect: Forward) -> Reply | NoReply:
        request = self.own_request(effect)
        start = time.monotonic()
        try:
            self.came = response = self.send(request)
        except Exception as error:  # noqa: BLE001  # sorted by trouble_of
            self.came = error
            return self.keep_original(no_reply(error, time.monotonic() - start))
        if streams(response, effect):
            self.unread = response
            return self.keep_original(self.streaming_reply(response, time.monotonic() - start))
        reply = self._read(response, start)
        return reply if effect.key else self.keep_original(reply)

    def _read(self, response: Any, start: float) -> Reply:
        chunks: list[bytes] = []
        size, source = 0, iter(response.stream)
        try:
            for chunk in source:
                chunks.append(chunk)
                size += len(chunk)
                if size > REPLY_LIMIT:
                    return self.long_reply(response, chunks, source, time.monotonic() - start)
            response.stream.close()
        except BaseException as error:  # told to the caller when he reads on
            with suppress(Exception):  # the first error is the one that counts
                response.stream.close()
            if not isinstance(error, Exception):
                raise
            return self.cut_reply(response, chunks, error, time.monotonic() - start)
        raw = b"".join(chunks)
        response.stream = self.lib.ByteStream(raw)
        return self.read_reply(response, raw, time.monotonic() - start)

    def _send(self, effect: Send) -> Reply | NoReply:
        request = self.our_request(effect)
        detour = self.detour(request.url, self.lib.HTTPTransport)
        send = detour.handle_request if detour else self.send
        start = time.monotonic()
        try:
            response = send(request)
        except Exception as error:  # noqa: BLE001  # sorted by trouble_of
            return no_reply(error, time.monotonic() - start)
        return self._collect(response, start, effect.timeout)

    def _collect(self, response: Any, start: float, limit: float) -> Reply | NoReply:
        collected = bytearray()
        truncated = False
        try:
            for chunk in response.iter_raw():
                collected += chunk
                if len(collected) > REPLY_LIMIT or time.monotonic() - start > limit:
                    truncated = True
                    break
        except Exception as error:  # noqa: BLE001  # an alternative that breaks off is a failed one
            return no_reply(error, time.monotonic() - start)
        finally:
            response.close()
        return _ours(self.lib, response, collected, time.monotonic() - start, truncated=truncated)


class AsyncDoor(_Door):
    """The asynchronous door, for asyncio and trio."""

    async def answer(self) -> Any:
        """Run the flow and hand over the library's response."""
        forward = lambda: self._forward(Forward(read=False))  # noqa: E731  # one line, used once
        try:
            done = await run_async(self, self._perform, self.delivered, forward)
        finally:
            for detour in self._detours.values():
                with suppress(Exception):  # its connections are closed by the collector at last
                    await detour.aclose()
        if self.unread is not None and done is not self.unread:
            await self.unread.aclose()
        if isinstance(done, BaseException):
            raise done
        return done

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Forward):
            return await self._forward(effect)
        if isinstance(effect, Send):
            return await self._send(effect)
        if isinstance(effect, Sleep):
            import anyio  # noqa: PLC0415  # comes with the library, and only a waiting caller needs it

            return await anyio.sleep(effect.seconds)
        if self.runtime.slow(effect):
            import anyio.to_thread  # noqa: PLC0415  # only where a store would block the loop

            return await anyio.to_thread.run_sync(self.runtime.perform, effect)
        return self.runtime.perform(effect)

    async def _forward(self, effect: Forward) -> Reply | NoReply:
        request = self.own_request(effect)
        start = time.monotonic()
        try:
            self.came = response = await self.send(request)
        except Exception as error:  # noqa: BLE001  # sorted by trouble_of
            self.came = error
            return self.keep_original(no_reply(error, time.monotonic() - start))
        if streams(response, effect):
            self.unread = response
            return self.keep_original(self.streaming_reply(response, time.monotonic() - start))
        reply = await self._read(response, start)
        return reply if effect.key else self.keep_original(reply)

    async def _read(self, response: Any, start: float) -> Reply:
        chunks: list[bytes] = []
        size, source = 0, aiter(response.stream)
        try:
            async for chunk in source:
                chunks.append(chunk)
                size += len(chunk)
                if size > REPLY_LIMIT:
                    return self.long_reply(response, chunks, source, time.monotonic() - start)
            await response.stream.aclose()
        except BaseException as error:  # told to the caller when he reads on
            with suppress(Exception):  # the first error is the one that counts
                await response.stream.aclose()
            if not isinstance(error, Exception):
                raise
            return self.cut_reply(response, chunks, error, time.monotonic() - start)
        raw = b"".join(chunks)
        response.stream = self.lib.ByteStream(raw)
        return self.read_reply(response, raw, time.monotonic() - start)

    async def _send(self, effect: Send) -> Reply | NoReply:
        request = self.our_request(effect)
        detour = self.detour(request.url, self.lib.AsyncHTTPTransport)
        send = detour.handle_async_request if detour else self.send
        start = time.monotonic()
        try:
            response = await send(request)
        except Exception as error:  # noqa: BLE001  # sorted by trouble_of
            return no_reply(error, time.monotonic() - start)
        return await self._collect(response, start, effect.timeout)

    async def _collect(self, response: Any, start: float, limit: float) -> Reply | NoReply:
        collected = bytearray()
        truncated = False
        try:
            async with aclosing(response.aiter_raw()) as chunks:
                async for chunk in chunks:
                    collected += chunk
                    if len(collected) > REPLY_LIMIT or time.monotonic() - start > limit:
                        truncated = True
                        break
        except Exception as error:  # noqa: BLE001  # an alternative that breaks off is a failed one
            return no_reply(error, time.monotonic() - start)
        finally:
            await response.aclose()
        return _ours(self.lib, response, collected, time.monotonic() - start, truncated=truncated)


def _ours(
    lib: Any, response: Any, raw: bytearray, seconds: float, *, truncated: bool
) -> Reply | NoReply:
    """A reply to a request of ours; a redirect is not followed and not passed on (S10)."""
    if 300 <= response.status_code < 400:
        return NoReply(Trouble.REDIRECTS, ConnectionError("redirect"), seconds)
    headers = {name.lower(): value for name, value in response.headers.items()}
    body = decoded(lib, response, bytes(raw))
    truncated = truncated or body is None
    return Reply(response.status_code, headers, body or b"", None, seconds, truncated)

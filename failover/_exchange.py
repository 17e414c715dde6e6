"""One watched request on its way through a client library: what every front door shares.

A front door turns its library's request into ours, does the two HTTP effects, and turns the answer
back. Everything else is here, once: recognising, running the flow, and falling back to the caller's
own request if this library itself goes wrong.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from failover.core.drive import drive, drive_async
from failover.core.effects import Effect, Forward, Send, Sleep
from failover.core.flow import serve
from failover.core.report import Answer
from failover.core.troubles import trouble_of
from failover.core.types import Create, NoReply, Reply, Trouble
from failover.dialects import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from failover._failover import Failover
    from failover._runtime import Runtime
    from failover.core.effects import Flow
    from failover.core.ports import Inbound
    from failover.core.types import Intent, Request

MARK = "failover.active"
REPLY_LIMIT = 8 * 2**20
CONNECT_TIMEOUT = 5.0

paused_here: ContextVar[bool] = ContextVar("failover_paused", default=False)
raise_defects: ContextVar[bool] = ContextVar("failover_raise_defects", default=False)


class Recognised(NamedTuple):
    """A request that is ours: what it wants, and whose dialect it speaks."""

    runtime: Runtime
    request: Request
    intent: Intent
    dialect: Inbound


class Dialled(NamedTuple):
    """Where an outbound request goes and what it carries."""

    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        return f"Dialled({self.url})"  # crash reporters collect local variables (S13)


def recognise(failover: Failover, request: Request, provider: str) -> Recognised | None:
    """Say what a request to a watched origin wants.

    Args:
        failover: the settings.
        request: the caller's request, its origin made canonical.
        provider: whose origin it is.

    Returns:
        None when it is nothing that we serve.
    """
    runtime = failover.runtime
    dialect = runtime.inbound[provider]
    intent = dialect.recognise(request)
    if intent is None:
        return None
    if not isinstance(intent, Create):  # his job may run elsewhere, and his key must not go there
        runtime.caller_key(provider, request)
    return Recognised(runtime, request, intent, dialect)


class Exchange:
    """The library-independent half of a front door's work for one request.

    Args:
        recognised: the request and what it wants.
    """

    def __init__(self, recognised: Recognised) -> None:
        self.runtime = recognised.runtime
        self.request = recognised.request
        self.intent = recognised.intent
        self.dialect = recognised.dialect
        self.original: Reply | NoReply | None = None
        self.came: Any = None  # the library's own response or exception that came back last

    def flow(self) -> Flow[Answer]:
        """The decision, ready to be driven."""
        return serve(self.runtime, self.request, self.intent, self.dialect)

    def dialled(self, effect: Send) -> Dialled:
        """Where a request of ours goes, with the key put in last."""
        request = effect.request
        query = f"?{request.query}" if request.query else ""
        url = self.runtime.sites.outbound(request.origin).base + request.path + query
        dialled = Dialled(url, {**request.headers, "accept-encoding": "identity"})
        name = PROVIDERS[effect.provider].header
        dialled.headers[name] = self.runtime.keyring.credential(effect.provider, effect.key)
        return dialled

    def own_credential(self, key: str) -> tuple[str, str]:
        """The header that puts another key of the caller's provider in place of his."""
        provider = PROVIDERS[self.dialect.provider]
        return provider.header, self.runtime.keyring.credential(provider.name, key)

    def may_carry(self, provider: str, scheme: str, host: str, port: int) -> bool:
        """Check at the last moment that a URL is an exact origin of the key's provider (S3)."""
        return self.runtime.sites.may_carry(provider, scheme, host, port)

    def keep_original(self, reply: Reply | NoReply) -> Reply | NoReply:
        """Remember what the caller's own provider said, for the case that we go wrong."""
        self.original = reply
        return reply

    def rescued(self, error: Exception, where: str) -> Answer | None:
        """After a defect of ours: the original's answer, or None if it was never asked."""
        if raise_defects.get():
            raise error
        self.runtime.telling.defect(where, error)
        if self.original is not None:
            return Answer(self.original)
        if isinstance(self.came, BaseException):
            return Answer(NoReply(Trouble.OTHER, self.came))
        if self.came is not None:
            return Answer(Reply(self.came.status_code, native=self.came, streaming=True))
        return None


class BlockingExchange(Exchange, ABC):
    """What the blocking front doors share: driving the flow, and waiting in between."""

    unread: Any = None  # a response that was left streaming

    def answer(self) -> Any:
        """Run the flow and hand over the library's response."""
        forward = lambda: self._forward(Forward(read=False))  # noqa: E731  # one line, used once
        try:
            done = run(self, self._perform, self.delivered, forward)
        finally:
            try:
                self._leave()
            except Exception as error:  # noqa: BLE001  # a defect of ours never breaks a call
                self.runtime.telling.defect("leave", error)
        if self.unread is not None and done is not self.unread:
            self.unread.close()
        if isinstance(done, BaseException):
            raise done
        return done

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Forward):
            return self._forward(effect)
        if isinstance(effect, Send):
            return self._send(effect)
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds)
        return self.runtime.perform(effect)

    @abstractmethod
    def delivered(self, answer: Answer) -> Any:
        """The library's response for an answer, or the caller's own exception."""

    @abstractmethod
    def _forward(self, effect: Forward) -> Reply | NoReply: ...

    @abstractmethod
    def _send(self, effect: Send) -> Reply | NoReply: ...

    def _leave(self) -> None:
        """Give up what was opened for this request alone."""


def run(
    exchange: Exchange,
    perform: Callable[[Effect], Any],
    deliver: Callable[[Answer], Any],
    fallback: Callable[[], Reply | NoReply],
) -> Any:
    """Drive a blocking exchange to its answer.

    Args:
        exchange: the request.
        perform: does one effect.
        deliver: makes of an answer the library's response, or the exception to raise.
        fallback: sends the caller's request as if this library were not there.

    Returns:
        What `deliver` makes of the answer; of the original's own if we went wrong on the way.
    """
    try:
        return deliver(drive(exchange.flow(), perform))
    except Exception as error:  # noqa: BLE001  # a defect of ours never breaks a call
        return deliver(exchange.rescued(error, "flow") or Answer(fallback()))


async def run_async(
    exchange: Exchange,
    perform: Callable[[Effect], Awaitable[Any]],
    deliver: Callable[[Answer], Any],
    fallback: Callable[[], Awaitable[Reply | NoReply]],
) -> Any:
    """Drive an asynchronous exchange to its answer; as `run`."""
    try:
        return deliver(await drive_async(exchange.flow(), perform))
    except Exception as error:  # noqa: BLE001  # a defect of ours never breaks a call
        return deliver(exchange.rescued(error, "flow") or Answer(await fallback()))


def within(seconds: float | None, limit: float) -> float:
    """A wait of the caller's, None for one without end, cut to a limit."""
    return limit if seconds is None else min(seconds, limit)


def no_reply(error: BaseException, seconds: float) -> NoReply:
    """Put a library's exception into our words."""
    return NoReply(trouble_of(error), error, seconds)


def last_word(answer: Answer) -> BaseException | None:
    """The caller's own exception if that is the answer, with the trail as a note; else None."""
    if not isinstance(answer.reply, NoReply):
        return None
    error = answer.reply.error
    if answer.report is not None:
        error.failover = answer.report  # type: ignore[attr-defined]  # documented extra attribute
        error.add_note(f"failover: {answer.report.header}")
    return error

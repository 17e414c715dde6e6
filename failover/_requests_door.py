"""The front door for requests: an adapter's `send`, with the flow in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from failover._exchange import (
    CONNECT_TIMEOUT,
    MARK,
    REPLY_LIMIT,
    BlockingExchange,
    Recognised,
    last_word,
    no_reply,
    paused_here,
    recognise,
    within,
)
from failover._requests_bodies import KeptBody, decoded, urllib3_response
from failover._sites import PORTS
from failover.core.report import HEADER, Answer
from failover.core.types import NoReply, Reply, Request, Trouble
from failover.events import KeyWithheld

if TYPE_CHECKING:
    from collections.abc import Callable

    from failover._failover import Failover
    from failover.core.effects import Forward, Send

CHUNK = 64 * 1024
ACTIVE = "_" + MARK.replace(".", "_")
SEND_ARGUMENTS = ("stream", "timeout", "verify", "cert", "proxies")


def handle(
    failover: Failover,
    adapter: Any,
    send: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    """Send a prepared request that may be watched.

    Args:
        failover: the settings.
        adapter: the `HTTPAdapter` it goes through.
        send: the adapter's own `send`.
        args: the positional arguments of `send`, the prepared request first.
        options: its keyword arguments.

    Returns:
        The `requests.Response`.
    """
    if not args:
        args, options = (options["request"],), {k: v for k, v in options.items() if k != "request"}
    request = args[0]
    if len(args) > 1:
        options = dict(zip(SEND_ARGUMENTS, args[1:], strict=False)) | options
    recognised = None
    if _netloc_host(request.url) in failover.hosts and not getattr(request, ACTIVE, False):
        recognised = _recognised(failover, request, options)
    if recognised is None:
        if carries_key(failover, request):
            request = guarded(failover, request)
        return send(request, **options)
    setattr(request, ACTIVE, True)
    try:
        return _Door(recognised, adapter, request, send, options).answer()
    finally:
        delattr(request, ACTIVE)


def _netloc_host(url: Any) -> bytes:
    """The host as it stands in a prepared URL; nothing that could be read in two ways matches."""
    try:
        netloc: str = url.split("/", 3)[2]
        return (netloc.rpartition(":")[0] or netloc).encode()
    except (AttributeError, IndexError, UnicodeEncodeError):
        return b""


def carries_key(failover: Failover, request: Any) -> bool:
    """Whether any header value is a provider's key; on the way of every request, so it is quick."""
    return not failover.secret_texts.keys().isdisjoint(request.headers.values())


def guarded(failover: Failover, request: Any) -> Any:
    """Take provider keys off a request that goes to a foreign origin (S3); never changes it."""
    secrets = failover.secret_texts
    found = {name: secrets[value] for name, value in request.headers.items() if value in secrets}
    if not found or paused_here.get():
        return request
    from urllib3.util import parse_url  # noqa: PLC0415  # comes with requests

    url = parse_url(request.url)
    scheme, host = url.scheme or "", url.host or ""
    port = url.port or PORTS.get(scheme, 0)
    foreign = [
        name
        for name, provider in found.items()
        if not failover.sites.may_carry(provider, scheme, host, port)
    ]
    if not foreign:
        return request
    copy = request.copy()
    for name in foreign:
        del copy.headers[name]
        event = KeyWithheld(provider=found[name], host=host, at=time.time())
        failover.telling.tell(event)
    return copy


def _recognised(failover: Failover, request: Any, options: dict[str, Any]) -> Recognised | None:
    """Read a request to a watched host; None when it passes untouched."""
    try:
        if paused_here.get():
            return None
        found = _core_request(failover, request, options)
        return recognise(failover, *found) if found else None
    except Exception as error:  # noqa: BLE001  # a defect of ours never breaks a call
        failover.telling.defect("recognise", error)
        return None


def _core_request(
    failover: Failover, request: Any, options: dict[str, Any]
) -> tuple[Request, str] | None:
    from urllib3.util import parse_url  # noqa: PLC0415  # the parser that will dial (S6)

    url = parse_url(request.url)
    scheme, host = url.scheme or "", url.host or ""
    path, _, query = request.path_url.partition("?")  # as it will be sent, dots and all
    if url.auth:
        return None
    site = failover.sites.inbound(scheme, host, url.port or PORTS.get(scheme, 0), path)
    if site is None:
        return None
    body = request.body.encode() if isinstance(request.body, str) else request.body
    replayable = body is None or isinstance(body, bytes)
    core = Request(
        request.method,
        site.canonical,
        path.removeprefix(site.prefix),
        query,
        request.headers,
        body if replayable else None,
        replayable,
        _read_timeout(options.get("timeout")),
    )
    return core, site.provider


def _read_timeout(timeout: Any) -> float | None:
    """The caller's read timeout, out of the forms that requests takes."""
    if isinstance(timeout, tuple):
        timeout = timeout[1] if len(timeout) > 1 else None
    elif hasattr(timeout, "read_timeout"):
        timeout = timeout.read_timeout
    return float(timeout) if isinstance(timeout, (int, float)) else None


class _Door(BlockingExchange):
    """One request on its way through an adapter."""

    def __init__(
        self,
        recognised: Recognised,
        adapter: Any,
        native: Any,
        send: Callable[..., Any],
        options: dict[str, Any],
    ) -> None:
        super().__init__(recognised)
        self.adapter = adapter
        self.native = native
        self.send = send
        self.options = options

    def _forward(self, effect: Forward) -> Reply | NoReply:
        request = self.native
        if effect.key is not None:
            name, value = self.own_credential(effect.key)
            request = self.native.copy()
            request.headers[name] = value
        options = {**self.options, "stream": True}
        if effect.limit is not None:
            options["timeout"] = _limited(options.get("timeout"), effect.limit)
        start = time.monotonic()
        try:
            self.came = response = self.send(request, **options)
        except Exception as error:  # noqa: BLE001  # sorted by trouble_of
            self.came = error
            return self.keep_original(no_reply(error, time.monotonic() - start))
        if not effect.read or _is_stream(response):
            self.unread = response
            seconds = time.monotonic() - start
            reply = Reply(
                response.status_code, response.headers, b"", response, seconds, streaming=True
            )
        else:
            reply = self._read(response, start)
        return reply if effect.key else self.keep_original(reply)

    def _read(self, response: Any, start: float) -> Reply:
        raw, read = response.raw, bytearray()
        kept = KeptBody(read)
        again = urllib3_response(raw, response.status_code, raw.headers, kept)
        try:
            for chunk in raw.stream(CHUNK, decode_content=False):
                read += chunk
                if len(read) > REPLY_LIMIT:
                    kept.rest = raw
                    break
        except Exception as broken:  # noqa: BLE001  # told to the caller when he reads on
            kept.error = broken
        response.raw = again
        seconds = time.monotonic() - start
        whole = kept.error is None and kept.rest is None
        body = decoded(response, bytes(read)) if whole else b""
        return Reply(
            response.status_code,
            response.headers,
            body or b"",
            response,
            seconds,
            truncated=kept.error is not None,
            streaming=kept.rest is not None or body is None,
        )

    def _send(self, effect: Send) -> Reply | NoReply:
        import requests  # noqa: PLC0415  # whoever comes here has imported it
        from urllib3.util import parse_url  # noqa: PLC0415  # the parser that will dial

        dialled = self.dialled(effect)
        prepared = requests.Request(
            effect.request.method, dialled.url, headers=dialled.headers, data=effect.request.body
        ).prepare()
        url = parse_url(prepared.url or "")
        scheme, host = url.scheme or "", url.host or ""
        if not self.may_carry(effect.provider, scheme, host, url.port or PORTS.get(scheme, 0)):
            raise PermissionError(f"{effect.provider}: no key goes to {host}")
        setattr(prepared, ACTIVE, True)
        options = {
            "stream": True,
            "timeout": (min(effect.timeout, CONNECT_TIMEOUT), effect.timeout),
            "verify": self.options.get("verify", True) or True,
            "cert": None,
            "proxies": _proxies(self.options.get("proxies"), self.native.url, prepared.url),
        }
        start = time.monotonic()
        try:
            response = self.send(prepared, **options)
        except Exception as error:  # noqa: BLE001  # sorted by trouble_of
            return no_reply(error, time.monotonic() - start)
        return _collect(response, start, effect.timeout)

    def delivered(self, answer: Answer) -> Any:
        reply, report = answer.reply, answer.report
        if isinstance(reply, NoReply):
            return last_word(answer)
        response: Any = reply.native
        if response is None:
            raw = urllib3_response(None, reply.status, reply.headers, KeptBody(reply.body))
            response = self.adapter.build_response(self.native, raw)
        if report is not None:
            response.headers[HEADER] = report.header
            response.failover = report
        return response


def _limited(timeout: Any, limit: float) -> tuple[float, float]:
    """The caller's timeout, in any form that requests takes, with both waits cut to a limit."""
    connect = timeout[0] if isinstance(timeout, tuple) else timeout
    if hasattr(timeout, "connect_timeout"):
        connect = timeout.connect_timeout
    connect = connect if isinstance(connect, (int, float)) else None
    return within(connect, limit), within(_read_timeout(timeout), limit)


def _is_stream(response: Any) -> bool:
    kind = response.headers.get("content-type") or ""
    return response.status_code < 300 and kind.startswith("text/event-stream")


def _collect(response: Any, start: float, limit: float) -> Reply | NoReply:
    """Read a reply to a request of ours; a redirect is not followed and not passed on (S10)."""
    body, truncated = bytearray(), False
    try:
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > REPLY_LIMIT or time.monotonic() - start > limit:
                truncated = True
                break
    except Exception as error:  # noqa: BLE001  # an alternative that breaks off is a failed one
        return no_reply(error, time.monotonic() - start)
    finally:
        response.close()
    seconds = time.monotonic() - start
    if 300 <= response.status_code < 400:
        return NoReply(Trouble.REDIRECTS, ConnectionError("redirect"), seconds)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, bytes(body), None, seconds, truncated)


def _proxies(given: Any, source: str, target: str | None) -> Any:
    """The caller's proxies, with those from the environment chosen anew for the other host."""
    from requests.utils import get_environ_proxies  # noqa: PLC0415  # comes with requests

    before = get_environ_proxies(source, no_proxy=None)
    after = get_environ_proxies(target or source, no_proxy=None)
    if before == after:
        return given
    kept = {name: url for name, url in (given or {}).items() if before.get(name) != url}
    return {**after, **kept}

"""What the tests of the front doors stand on: a network in memory, a catalog of one model.

The network answers for hosts; transports and adapters of each library lead to it. The catalog
knows the model `style` at fal and at Replicate, so that no test depends on a real model's data.
"""

from __future__ import annotations

import io
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import anyio
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from failover import Failover
from failover._runtime import Runtime
from failover.core.types import Endpoint, Target, Translation, UnreadableOutput
from failover.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FAL_KEY = "canary-fal-5e1f:0c0ffee0c0ffee"
REPLICATE_KEY = "r8_canaryReplicate7d21"
FAL_URL = "https://fal.run/acme/style"
QUEUE_URL = "https://queue.fal.run/acme/style"
REPLICATE_URL = "https://api.replicate.com/v1/models/acme/style/predictions"
FAL_AUTH = {"authorization": f"Key {FAL_KEY}"}
REPLICATE_AUTH = {"authorization": f"Bearer {REPLICATE_KEY}"}
PROMPT = {"prompt": "a small house"}
JOB = "11111111-2222-4333-8444-555555555555"
MADE_BY_FAL = {"images": [{"url": "https://v3.fal.media/files/a.png"}]}
MADE_BY_REPLICATE = ["https://replicate.delivery/xyz/a.png"]
SERVED_ELSEWHERE = {"images": [{"url": MADE_BY_REPLICATE[0]}]}


class StyleCatalog:
    """One model, `style`, at two providers; it takes a prompt and makes a picture."""

    ENDPOINTS = (
        Endpoint("fal", "acme/style", "image"),
        Endpoint("replicate", "acme/style", "image", official=True),
    )

    def endpoint(self, provider: str, slug: str) -> Endpoint | None:
        """Find an endpoint."""
        rows = (row for row in self.ENDPOINTS if (row.provider, row.slug) == (provider, slug))
        return next(rows, None)

    def slug_of_version(self, version: str) -> str | None:
        """Find no version."""
        return None

    def model(self, source: Endpoint, input: Mapping[str, Any]) -> str | None:
        """Name the model."""
        return "style"

    def targets(self, source: Endpoint, input: Mapping[str, Any]) -> tuple[Target, ...]:
        """List the other endpoint."""
        return tuple(Target("style", row) for row in self.ENDPOINTS if row != source)

    def endpoints_of(self, model: str) -> tuple[Endpoint, ...]:
        """List both."""
        return self.ENDPOINTS if model == "style" else ()

    def translate(
        self, source: Endpoint, target: Target, input: Mapping[str, Any], *, fidelity: str = "close"
    ) -> Translation:
        """Carry the prompt; everything else is dropped."""
        dropped = tuple(name for name in input if name != "prompt")
        return Translation(({"prompt": input.get("prompt", "")},), dropped)

    def answer(
        self, source: Endpoint, target: Endpoint, input: Mapping[str, Any], output: Any
    ) -> Any:
        """Put the picture into the source's form."""
        try:
            url = output["images"][0]["url"] if target.provider == "fal" else output[0]
        except (KeyError, IndexError, TypeError) as error:
            raise UnreadableOutput(str(output)) from error
        return {"images": [{"url": url}]} if source.provider == "fal" else [url]

    def output_schema(self, endpoint: Endpoint) -> dict[str, Any] | None:
        """Describe nothing."""
        return None


def make(**settings: Any) -> Failover:
    """Build a `Failover` that knows the model `style` and has a canary key for each provider."""
    fo = Failover(**{"fal": FAL_KEY, "replicate": REPLICATE_KEY, **settings})
    fo._runtime = Runtime(fo, MemoryStore(), StyleCatalog())
    return fo


class Seen(NamedTuple):
    """A request that reached the network."""

    method: str
    url: str
    host: str
    path: str
    headers: dict[str, str]
    body: bytes
    options: Mapping[str, Any]


class Canned(NamedTuple):
    """What the network answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {"content-type": "application/json"}


Answering = Canned | BaseException | type[BaseException]


class Network:
    """Two providers, a foreign host, and a record of what reached them.

    Args:
        answers: host to a canned answer or an exception, instead of what the host would say.
    """

    def __init__(self, answers: Mapping[str, Answering] | None = None) -> None:
        self.answers = dict(answers or {})
        self.seen: list[Seen] = []

    @property
    def hosts(self) -> list[str]:
        """The hosts that were asked, in order."""
        return [seen.host for seen in self.seen]

    def to(self, host: str) -> list[Seen]:
        """The requests that reached one host."""
        return [seen for seen in self.seen if seen.host == host]

    def reach(self, seen: Seen) -> Canned:
        """Take a request and answer it."""
        self.seen.append(seen)
        answer = self.answers.get(seen.host)
        if isinstance(answer, Canned):
            return answer
        if isinstance(answer, type):
            raise answer("planned")
        if answer is not None:
            raise answer
        return self._as_ever(seen)

    def _as_ever(self, seen: Seen) -> Canned:
        match seen.host, seen.method:
            case (("fal.run" | "falrun.com"), _):
                return reply(MADE_BY_FAL)
            case "queue.fal.run", "POST":
                return reply({"request_id": JOB, "status": "IN_QUEUE", "queue_position": 0})
            case "queue.fal.run", "GET" if seen.path.endswith("/status"):
                return reply({"request_id": JOB, "status": "COMPLETED"})
            case "queue.fal.run", _:
                return reply(MADE_BY_FAL)
            case "api.replicate.com", _:
                return reply(prediction(MADE_BY_REPLICATE), 201)
        return Canned(200, b"elsewhere", {"content-type": "text/plain"})


def reply(body: Any, status: int = 200) -> Canned:
    """A JSON answer."""
    return Canned(status, json.dumps(body).encode())


def prediction(output: Any, status: str = "succeeded") -> dict[str, Any]:
    """A prediction as Replicate words it."""
    base = "https://api.replicate.com/v1/predictions/abcdefghjkmnpqrstvwxyz0123"
    return {
        "id": "abcdefghjkmnpqrstvwxyz0123",
        "model": "acme/style",
        "version": "hidden",
        "status": status,
        "input": {},
        "output": output,
        "error": None,
        "logs": "",
        "metrics": {"predict_time": 1.5},
        "created_at": "2026-01-01T00:00:00.000Z",
        "urls": {"get": base, "cancel": f"{base}/cancel"},
    }


DOWN = reply({"detail": "service unavailable"}, 503)


def family_transport(lib: Any, network: Network) -> Any:
    """A transport of httpx or httpx2, blocking and asynchronous, that leads to the network.

    Args:
        lib: httpx or httpx2.
        network: where requests go.
    """

    def answered(request: Any, body: bytes) -> Any:
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = request.url
        seen = Seen(
            request.method, str(url), url.host, url.path, headers, body, dict(request.extensions)
        )
        canned = network.reach(seen)
        response = lib.Response(
            canned.status, headers=dict(canned.headers), stream=lib.ByteStream(canned.body)
        )
        response.extensions["network"] = network
        return response

    class Transport(lib.BaseTransport, lib.AsyncBaseTransport):
        def handle_request(self, request: Any) -> Any:
            return answered(request, b"".join(request.stream))

        async def handle_async_request(self, request: Any) -> Any:
            return answered(request, b"".join([chunk async for chunk in request.stream]))

    return Transport()


def requests_adapter(network: Network) -> Any:
    """An adapter of requests that leads to the network.

    Args:
        network: where requests go.
    """

    class Adapter(HTTPAdapter):
        def send(self, request: Any, *args: Any, **options: Any) -> Any:
            named = ("stream", "timeout", "verify", "cert", "proxies")
            options.update(dict(zip(named, args, strict=False)))
            body = request.body or b""
            if not isinstance(body, str | bytes):
                body = b"".join(body)
            url = urlsplit(request.url)
            headers = {name.lower(): value for name, value in request.headers.items()}
            content = body.encode() if isinstance(body, str) else body
            host, path = url.hostname or "", url.path
            seen = Seen(request.method, request.url, host, path, headers, content, options)
            canned = network.reach(seen)
            raw = HTTPResponse(
                body=io.BytesIO(canned.body),
                headers=HTTPHeaderDict(dict(canned.headers)),
                status=canned.status,
                version=11,
                preload_content=False,
                decode_content=False,
            )
            response = self.build_response(request, raw)
            if not options.get("stream"):
                response.content  # noqa: B018  # read it, as the session's own adapter leaves to it
            return response

    return Adapter()


class Got(NamedTuple):
    """What a caller got, whichever library he used."""

    status: int
    headers: dict[str, str]
    body: bytes
    report: Any
    response: Any


class Door(NamedTuple):
    """One library in one colour, used the same way by every test.

    Args:
        name: `httpx`, `httpx2` or `requests`.
        backend: None for blocking code, else `asyncio` or `trio`.
    """

    name: str
    backend: str | None

    @property
    def lib(self) -> Any:
        """The library."""
        return import_module(self.name)

    @property
    def front(self) -> Any:
        """Our module for it."""
        return import_module(f"failover.{self.name}")

    def error(self, kind: str) -> type[BaseException]:
        """The library's exception: `connect`, `read-timeout`, `reset` or `pool`."""
        return self._errors()[kind]

    def _errors(self) -> dict[str, type[BaseException]]:
        lib = self.lib
        if self.name == "requests":
            return {
                "connect": lib.exceptions.ConnectTimeout,
                "read-timeout": lib.exceptions.ReadTimeout,
                "reset": lib.exceptions.ConnectionError,
                "pool": lib.exceptions.ConnectionError,
            }
        return {
            "connect": lib.ConnectError,
            "read-timeout": lib.ReadTimeout,
            "reset": lib.RemoteProtocolError,
            "pool": lib.PoolTimeout,
        }

    def send(
        self, fo: Failover, network: Network, method: str, url: str, *, depth: int = 1, **asked: Any
    ) -> Got:
        """Send one request through our door to the network, and read the reply.

        Args:
            fo: the settings.
            network: where it goes.
            method: HTTP method.
            url: address.
            depth: how many of our doors stand behind one another.
            asked: `headers`, `json`, `content`, `files`, `timeout`.
        """
        if self.name == "requests":
            return self._send_requests(fo, network, method, url, depth, asked)
        inner = family_transport(self.lib, network)
        if self.backend is None:
            for _ in range(depth):
                inner = self.front.FailoverTransport(fo, inner)
            with self.lib.Client(transport=inner) as client:
                return got(client.request(method, url, **asked))
        for _ in range(depth):
            inner = self.front.AsyncFailoverTransport(fo, inner)
        return self.run(lambda: self._send_async(inner, method, url, asked))

    async def _send_async(self, transport: Any, method: str, url: str, asked: Any) -> Got:
        async with self.lib.AsyncClient(transport=transport) as client:
            return got(await client.request(method, url, **asked))

    def _send_requests(
        self, fo: Failover, network: Network, method: str, url: str, depth: int, asked: Any
    ) -> Got:
        adapter = requests_adapter(network)
        for _ in range(depth):
            adapter = self.front.FailoverAdapter(fo, adapter)
        if "content" in asked:
            asked = {**asked, "data": asked["content"]}
            del asked["content"]
        with self.lib.Session() as session:
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            return got(session.request(method, url, **asked))

    def run(self, main: Callable[[], Any]) -> Any:
        """Run a coroutine function on this door's event loop."""
        return anyio.run(main, backend=self.backend or "asyncio")

    def __str__(self) -> str:
        return f"{self.name}-{self.backend or 'blocking'}"


def got(response: Any) -> Got:
    """Put a library's response into common words."""
    if hasattr(response, "extensions"):
        report = response.extensions.get("failover")
    else:
        report = getattr(response, "failover", None)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Got(response.status_code, headers, response.content, report, response)


FAMILY = tuple(
    Door(name, backend) for name in ("httpx", "httpx2") for backend in (None, "asyncio", "trio")
)
DOORS = (*FAMILY, Door("requests", None))

"""Beside others that patch the same libraries: OpenTelemetry, respx, responses; in both orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import requests
import responses
import respx
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import failover
from doors.local_server import LocalServer, serving
from doors.stage import (
    FAL_AUTH,
    FAL_URL,
    MADE_BY_FAL,
    MADE_BY_REPLICATE,
    PROMPT,
    REPLICATE_URL,
    SERVED_ELSEWHERE,
    Door,
    make,
    prediction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDERS = ["ours first", "theirs first"]
DETAIL = {"detail": "service unavailable"}


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A real server for both providers."""
    with serving() as running:
        yield running


class Spans:
    """OpenTelemetry for both libraries, with what it recorded."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def instrument(self) -> None:
        """Patch httpx and requests."""
        HTTPXClientInstrumentor().instrument(tracer_provider=self.provider)
        RequestsInstrumentor().instrument(tracer_provider=self.provider)

    def uninstrument(self) -> None:
        """Take the patches off."""
        HTTPXClientInstrumentor().uninstrument()
        RequestsInstrumentor().uninstrument()

    @property
    def statuses(self) -> list[int]:
        """The status of each span."""
        spans = self.exporter.get_finished_spans()
        keys = ("http.response.status_code", "http.status_code")
        return [next(span.attributes[k] for k in keys if k in span.attributes) for span in spans]


@pytest.fixture
def spans() -> Iterator[Spans]:
    """OpenTelemetry, off again after the test."""
    made = Spans()
    yield made
    made.uninstrument()
    made.provider.shutdown()


def in_order(order: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    """Patch one after the other."""
    for patch in (ours, theirs) if order == ORDERS[0] else (theirs, ours):
        patch()


def post(kind: str, url: str) -> Any:
    """Make the call through one library in one colour."""
    if kind == "requests":
        return requests.post(url, json=PROMPT, headers=FAL_AUTH, timeout=10).json()
    lib = httpx2 if kind.startswith("httpx2") else httpx
    if not kind.endswith("-async"):
        with lib.Client() as client:
            return client.post(url, json=PROMPT, headers=FAL_AUTH).json()

    async def main() -> Any:
        async with lib.AsyncClient() as client:
            return (await client.post(url, json=PROMPT, headers=FAL_AUTH)).json()

    return Door("httpx", "asyncio").run(main)


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "requests"])
@pytest.mark.parametrize("order", ORDERS)
def test_opentelemetry_sees_and_does_not_disturb(
    order: str, kind: str, server: LocalServer, spans: Spans
) -> None:
    fo = make(base_urls=server.base_urls)
    in_order(order, lambda: failover.install(fo), spans.instrument)
    assert post(kind, f"{server.address}/fal/acme/style") == SERVED_ELSEWHERE
    assert [path.split("/")[1] for path in server.asked] == ["fal", "replicate"]
    assert spans.statuses


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "requests"])
@pytest.mark.parametrize("order", ORDERS)
def test_ours_keeps_working_when_theirs_is_taken_off(
    order: str, kind: str, server: LocalServer, spans: Spans
) -> None:
    fo = make(base_urls=server.base_urls)
    in_order(order, lambda: failover.install(fo), spans.instrument)
    spans.uninstrument()
    failover.install(fo)
    assert post(kind, f"{server.address}/fal/acme/style") == SERVED_ELSEWHERE
    assert [path.split("/")[1] for path in server.asked] == ["fal", "replicate"]


@pytest.mark.parametrize("kind", ["httpx", "requests"])
@pytest.mark.parametrize("order", ORDERS)
def test_theirs_keeps_working_when_ours_is_switched_off(
    order: str, kind: str, server: LocalServer, spans: Spans
) -> None:
    fo = make(base_urls=server.base_urls)
    in_order(order, lambda: failover.install(fo), spans.instrument)
    failover.uninstall()
    post(kind, f"{server.address}/fal/acme/style")
    assert (len(server.asked), spans.statuses) == (1, [503])


@pytest.mark.parametrize("kind", ["httpx", "httpx-async"])
def test_respx_answers_as_ever(kind: str) -> None:
    with respx.mock(assert_all_called=False) as router:
        router.post(FAL_URL).mock(return_value=httpx.Response(200, json=MADE_BY_FAL))
        failover.install(make())
        assert post(kind, FAL_URL) == MADE_BY_FAL
    failover.uninstall()
    failover.install(make())
    with respx.mock as router:
        route = router.post(FAL_URL).mock(return_value=httpx.Response(503, json=DETAIL))
        elsewhere = router.post(REPLICATE_URL).mock(
            return_value=httpx.Response(201, json=prediction(MADE_BY_REPLICATE))
        )
        assert post(kind, FAL_URL) == SERVED_ELSEWHERE
        assert (route.call_count, elsewhere.call_count) == (1, 1)


@pytest.mark.parametrize("order", ORDERS)
def test_responses_answers_as_ever(order: str) -> None:
    mock = responses.RequestsMock()
    in_order(order, lambda: failover.install(make()), mock.start)
    try:
        mock.post(FAL_URL, json=MADE_BY_FAL)
        assert post("requests", FAL_URL) == MADE_BY_FAL
        assert len(mock.calls) == 1
    finally:
        mock.stop()
        mock.reset()


@pytest.mark.parametrize("order", ORDERS)
def test_responses_stops_cleanly(order: str, server: LocalServer) -> None:
    fo = make(base_urls=server.base_urls)
    mock = responses.RequestsMock()
    in_order(order, lambda: failover.install(fo), mock.start)
    mock.stop()
    failover.install(fo)
    assert post("requests", f"{server.address}/fal/acme/style") == SERVED_ELSEWHERE
    assert [path.split("/")[1] for path in server.asked] == ["fal", "replicate"]


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "httpx2", "httpx2-async", "requests"])
def test_installed_and_alone(kind: str, server: LocalServer) -> None:
    with failover.installed(make(base_urls=server.base_urls)):
        assert post(kind, f"{server.address}/fal/acme/style") == SERVED_ELSEWHERE
    assert [path.split("/")[1] for path in server.asked] == ["fal", "replicate"]


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "httpx2", "httpx2-async", "requests"])
def test_a_subclass_and_keyword_arguments(kind: str, server: LocalServer) -> None:
    url = f"{server.address}/fal/acme/style"
    with failover.installed(make(base_urls=server.base_urls)):
        if kind == "requests":

            class Adapter(requests.adapters.HTTPAdapter):
                def send(self, request: Any, **options: Any) -> Any:
                    return super().send(request=request, **options)

            with requests.Session() as session:
                session.mount("http://", Adapter())
                assert session.post(url, json=PROMPT).json() == SERVED_ELSEWHERE
            return
        lib = httpx2 if kind.startswith("httpx2") else httpx
        if kind.endswith("-async"):

            class AsyncTransport(lib.AsyncHTTPTransport):  # type: ignore[misc, name-defined]
                async def handle_async_request(self, request: Any) -> Any:
                    return await super().handle_async_request(request=request)

            async def main() -> None:
                async with lib.AsyncClient(transport=AsyncTransport()) as client:
                    assert (await client.post(url, json=PROMPT)).json() == SERVED_ELSEWHERE

            Door("httpx", "asyncio").run(main)
            return

        class Transport(lib.HTTPTransport):  # type: ignore[misc, name-defined]
            def handle_request(self, request: Any) -> Any:
                return super().handle_request(request=request)

        with lib.Client(transport=Transport()) as client:
            assert client.post(url, json=PROMPT).json() == SERVED_ELSEWHERE
    assert [path.split("/")[1] for path in server.asked] == ["fal", "replicate"]

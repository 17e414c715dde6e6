"""What failover costs, beside the bare client and other layers that sit in the same place.

    python benchmarks/overhead.py [--rounds 15] [--calls 400]

Everything runs in this process against a transport that answers from memory, so that nothing but
Python is measured. Variants take turns within each round; a figure is the median over rounds of the
round's mean, and every ratio is against the bare client of the same round. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import requests
from ai_api_failover import wrap_httpx_client
from httpx_retries import Retry, RetryTransport
from opentelemetry.instrumentation.httpx import SyncOpenTelemetryTransport
from opentelemetry.sdk.trace import TracerProvider
from requests.adapters import BaseAdapter
from rich.console import Console
from rich.table import Table
from urllib3 import HTTPResponse

import failover
import failover.httpx
import failover.requests

if TYPE_CHECKING:
    from collections.abc import Callable

UNWATCHED = "https://example.com/v1/things"
WATCHED = "https://fal.run/fal-ai/flux/schnell"
POLLED = "https://queue.fal.run/fal-ai/flux/requests/0b6e3f7c-2b44-4d4e-9f0e-6a1f3e0d5c11/status"
PROMPT = {"prompt": "a lighthouse in a storm", "image_size": "landscape_4_3"}
IMAGE = {"url": "https://v3.fal.media/files/a/b.jpg", "content_type": "image/jpeg"}
OUTPUT = {"images": [IMAGE | {"width": 1024, "height": 768}], "seed": 7, "prompt": "a lighthouse"}
PREDICTION = {
    "id": "k3v9q0d7x1rm80cv5s2a4n6b8e",
    "model": "black-forest-labs/flux-schnell",
    "version": "hidden",
    "status": "succeeded",
    "output": ["https://replicate.delivery/xezq/t/out-0.webp"],
    "error": None,
}
KEYS: dict[str, Any] = {"fal": "id:secret", "replicate": "r8_benchmark"}
HEADERS = {"authorization": "Key id:secret"}
IMPORT = """
import sys, time
start = time.perf_counter()
import failover
failover.install(fal="id:secret", replicate="r8_benchmark")
took = (time.perf_counter() - start) * 1000
print(took, [name for name in ("httpx", "httpx2", "requests") if name in sys.modules])
"""


class InMemory(httpx.BaseTransport):
    """Answers at once: fal works unless it is `down`; Replicate always works."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.host == "api.replicate.com":
            return self._reply(201, PREDICTION)
        if self.down and request.url.host == "fal.run":
            return self._reply(503, {"detail": "no runner available"})
        return self._reply(200, OUTPUT)

    @staticmethod
    def _reply(status: int, body: object) -> httpx.Response:
        content = json.dumps(body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(content))}
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


class InMemoryAdapter(BaseAdapter):
    """The same for requests."""

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]  # options are not looked at
        """Answer one request."""
        import io  # noqa: PLC0415  # a fresh body for each reply

        raw = HTTPResponse(
            io.BytesIO(json.dumps(OUTPUT).encode()),
            {"content-type": "application/json"},
            200,
            preload_content=False,
        )
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing to close."""


def clients() -> dict[str, httpx.Client]:
    """The bare client and every layer, over the same transport."""
    fo = failover.Failover(**KEYS)
    provider = TracerProvider()
    rival = httpx.Client(transport=InMemory())
    wrap_httpx_client(rival, nexa_api_key="none")
    return {
        "bare httpx": httpx.Client(transport=InMemory()),
        "failover": httpx.Client(transport=failover.httpx.FailoverTransport(fo, InMemory())),
        "httpx-retries": httpx.Client(transport=RetryTransport(InMemory(), retry=Retry())),
        "OpenTelemetry": httpx.Client(
            transport=SyncOpenTelemetryTransport(InMemory(), tracer_provider=provider)
        ),
        "ai-api-failover": rival,
    }


def sessions() -> dict[str, requests.Session]:
    """requests, bare and protected."""
    bare, ours = requests.Session(), requests.Session()
    bare.mount("https://", InMemoryAdapter())
    adapter = failover.requests.FailoverAdapter(failover.Failover(**KEYS), InMemoryAdapter())
    ours.mount("https://", adapter)
    return {"bare requests": bare, "failover": ours}


def compare(
    variants: dict[str, Callable[[], object]], rounds: int, calls: int
) -> dict[str, tuple[float, float]]:
    """Time variants in turns.

    Returns:
        For each the median microseconds a call, and the median ratio to the first one.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    for call in variants.values():
        call()
    for _ in range(rounds):
        for name, call in variants.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            times[name].append((time.perf_counter() - start) / calls * 1e6)
    first = next(iter(times.values()))
    return {
        name: (
            statistics.median(taken),
            statistics.median(ours / bare for ours, bare in zip(taken, first, strict=True)),
        )
        for name, taken in times.items()
    }


def posts(kind: dict[str, Any], url: str, **options: Any) -> dict[str, Callable[[], object]]:
    """One post with each client."""

    def poster(client: Any) -> Callable[[], object]:
        return lambda: client.post(url, json=PROMPT, **options)

    return {name: poster(client) for name, client in kind.items()}


def reroute(rounds: int, calls: int) -> tuple[float, float]:
    """Microseconds of two bare sends, and of a 503 that is rerouted."""
    bare = httpx.Client(transport=InMemory(down=True))
    fo = failover.Failover(**KEYS, policy=failover.Policy(cooldown=1e-6, max_cooldown=1e-6))
    ours = httpx.Client(transport=failover.httpx.FailoverTransport(fo, InMemory(down=True)))
    target = "https://api.replicate.com/v1/models/black-forest-labs/flux-schnell/predictions"

    def two() -> None:
        bare.post(WATCHED, json=PROMPT, headers=HEADERS)
        bare.post(target, json={"input": PROMPT}, headers=HEADERS)

    def one() -> None:
        reply = ours.post(WATCHED, json=PROMPT, headers=HEADERS)
        if "x-failover" not in reply.headers:
            raise RuntimeError("the call was not rerouted, so there is nothing to measure")

    figures = compare({"two": two, "one": one}, rounds, calls)
    return figures["two"][0], figures["one"][0]


def start_up(times: int) -> tuple[float, str]:
    """Median milliseconds of `import failover` and `install()`, and what they imported."""
    outputs = [
        subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True)
        for _ in range(times)
    ]
    words = [output.stdout.split(" ", 1) for output in outputs]
    return statistics.median(float(took) for took, _ in words), words[0][1].strip()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    logging.getLogger("failover").setLevel(logging.CRITICAL)
    console = Console()
    table = Table(title="One request, microseconds and ratio to the bare client")
    for heading in ("request", "client", "µs", "added µs", "ratio"):
        table.add_column(heading, justify="left" if heading in ("request", "client") else "right")
    cases = {
        "unwatched host": posts(clients(), UNWATCHED),
        "healthy watched call": posts(clients(), WATCHED, headers=HEADERS),
        "poll of a foreign job": posts(clients(), POLLED, headers=HEADERS),
        "requests, unwatched": posts(sessions(), UNWATCHED),
        "requests, watched": posts(sessions(), WATCHED, headers=HEADERS),
    }
    for case, variants in cases.items():
        console.print(f"measuring: {case} ...")
        figures = compare(variants, options.rounds, options.calls)
        bare = next(iter(figures.values()))[0]
        for name, (taken, ratio) in figures.items():
            added = f"{taken - bare:+.1f}" if ratio != 1 else ""
            table.add_row(case, name, f"{taken:.1f}", added, f"{ratio:.3f}")
        table.add_section()
    console.print("measuring: a reroute ...")
    two, one = reroute(options.rounds, max(options.calls // 4, 10))
    took, imported = start_up(9)
    console.print(table)
    console.print(
        f"two bare sends {two:.0f} µs; 503 + translation + second send {one:.0f} µs: ", end=""
    )
    console.print(f"{(one - two) / 1000:+.3f} ms")
    console.print(
        f"import failover + install(): {took:.1f} ms; HTTP libraries imported: {imported}"
    )


if __name__ == "__main__":
    main()

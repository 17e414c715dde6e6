"""S27, D-16: a reply that unpacks to far more than it weighs costs little, to anybody."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest
from doors.stage import (
    FAL_AUTH,
    FAL_URL,
    MADE_BY_FAL,
    PROMPT,
    Canned,
    Door,
    Network,
    family_transport,
    make,
    requests_adapter,
)

UNPACKED = 96 * 2**20
ALLOWED = 40 * 2**20


def bomb(encoding: str) -> Canned:
    """A small body that unpacks to a large one."""
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    block = b" " * 2**20
    packed = b"".join(packer.compress(block) for _ in range(UNPACKED // len(block)))
    kind = {"content-type": "application/json", "content-encoding": encoding}
    return Canned(200, packed + packer.flush(), kind)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("name", ["httpx", "httpx2", "requests"])
def test_s27_a_bomb_of_the_callers_own_provider_passes_unopened(name: str, encoding: str) -> None:
    network = Network({"fal.run": bomb(encoding)})
    door = Door(name, None)
    lib, front = door.lib, door.front
    fo = make()
    if name == "requests":
        adapter = front.FailoverAdapter(fo, requests_adapter(network))
        request = lib.Request("POST", FAL_URL, json=PROMPT, headers=FAL_AUTH).prepare()
        tracemalloc.start()
        try:
            response = adapter.send(request, stream=True)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        raw = response.raw.read(decode_content=False)
    else:
        transport = front.FailoverTransport(fo, family_transport(lib, network))
        request = lib.Request("POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
        tracemalloc.start()
        try:
            response = transport.handle_request(request)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        raw = b"".join(response.stream)
    assert raw == network.answers["fal.run"].body  # type: ignore[union-attr]
    assert network.hosts == ["fal.run"]
    assert peak < ALLOWED


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_s27_a_bomb_of_an_alternative_is_a_failed_attempt(door: Door, encoding: str) -> None:
    network = Network({"fal.run": Canned(503, b"{}"), "api.replicate.com": bomb(encoding)})
    tracemalloc.start()
    try:
        got = door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (got.status, got.body) == (503, b"{}")
    assert peak < ALLOWED


def test_a_packed_reply_is_judged_by_what_is_in_it(door: Door) -> None:
    kind = {"content-type": "application/json", "content-encoding": "gzip"}
    packed = Canned(200, gzip.compress(json.dumps(MADE_BY_FAL).encode()), kind)
    network = Network({"fal.run": packed})
    got = door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert json.loads(got.body) == MADE_BY_FAL
    network = Network({"fal.run": Canned(200, gzip.compress(b"<html>"), kind)})
    got = door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert network.hosts == ["fal.run", "api.replicate.com"]


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000, b"\xff" * 1000]
)
def test_s27_odd_json_of_anybody_ends_quickly(door: Door, body: bytes) -> None:
    odd = Canned(200, body, {"content-type": "application/json"})
    network = Network({"fal.run": odd, "api.replicate.com": odd})
    got = door.send(make(), network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert (got.status, got.body) == (200, body)

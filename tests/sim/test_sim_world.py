"""A world starts quickly, serves many requests, and leaves nothing behind."""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import threading

import httpx
import pytest

from failover.sim import Reply, World

RUN = "https://fal.run/fal-ai/flux/dev"


def simulator_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("failover-sim")]


def test_stop_joins_every_thread_and_closes_every_port():
    with World() as world:
        world.fal.hang()
        headers = {"authorization": f"Key {world.secrets['fal'][0]}"}
        client = httpx.Client(timeout=30, headers=headers)
        client.get("https://replicate.delivery/x")
        with pytest.raises(httpx.ReadTimeout):
            client.post(RUN, json={"prompt": "x"}, timeout=0.2)

        def get():
            with contextlib.suppress(httpx.TransportError):
                client.get(RUN, timeout=30)

        stuck = threading.Thread(target=get)
        world.fal.hang(on="any")
        stuck.start()
        port = int(world.url.rpartition(":")[2])
        assert simulator_threads()
    stuck.join(5)
    client.close()
    assert simulator_threads() == []
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0


def test_connections_are_kept_alive(world):
    opened = []
    genuine = socket.socket.connect

    def counting(sock, address):
        opened.append(address)
        return genuine(sock, address)

    socket.socket.connect, restore = counting, genuine
    try:
        with httpx.Client() as client:
            for _ in range(20):
                client.get("https://replicate.delivery/x")
    finally:
        socket.socket.connect = restore
    assert len(opened) == 1


def test_many_at_once(world):
    headers = {"authorization": f"Key {world.secrets['fal'][0]}"}
    with httpx.Client(headers=headers, timeout=30) as client:

        def call(number):
            return client.post(RUN, json={"prompt": f"fox {number}"}).json()["prompt"]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            prompts = list(pool.map(call, range(200)))
    assert prompts == [f"fox {n}" for n in range(200)]
    assert (world.fal.billed, len(world.fal.requests)) == (200, 200)


def test_two_worlds_one_after_the_other_have_different_keys():
    keys = set()
    for _ in range(2):
        with World() as world:
            keys.update(world.secrets["fal"])
            httpx.get("https://replicate.delivery/x")
    assert len(keys) == 4


def test_chunked_requests_and_odd_bytes(world):
    host = world.host("echo.test", lambda request: Reply(200, {}, request.body))
    chunks = (piece for piece in (b"one ", b"two"))
    assert httpx.post("https://echo.test/", content=chunks).content == b"one two"
    assert host.requests[0].headers["transfer-encoding"] == "chunked"
    assert httpx.head("https://echo.test/").status_code == 200
    with socket.create_connection(("127.0.0.1", int(world.url.rpartition(":")[2]))) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert sock.recv(100) == b""


def test_a_defect_of_the_simulator_is_raised_at_the_end():
    def broken(_request):
        raise LookupError("a bug")

    world = World()
    world.start()
    world.host("bug.test", broken)
    status = httpx.get("https://bug.test/").status_code
    with pytest.raises(ExceptionGroup, match="defects of the simulator"):
        world.__exit__(None, None, None)
    assert status == 500

"""`install()`: before or after the import of a library, once per class, switched by a slot."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
from typing import Any

import anyio
import httpx
import httpx2
import pytest
import requests
import requests.adapters

import failover
from doors.stage import make
from failover import _patch
from failover._exchange import paused_here

CLASSES = [
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (httpx2.HTTPTransport, "handle_request"),
    (httpx2.AsyncHTTPTransport, "handle_async_request"),
    (requests.adapters.HTTPAdapter, "send"),
]
CHECK = """
import sys
def layers(owner, name):
    found, function = 0, owner.__dict__[name]
    while function is not None:
        wrapper = getattr(function, '_self_wrapper', None)
        found += getattr(wrapper, '__module__', '') == 'failover._patch'
        function = getattr(function, '__wrapped__', None)
    return found
"""


def python(code: str, **environ: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("FAL_", "REPLICATE_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHECK + code],
        env={**env, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def layers(owner: type, name: str) -> int:
    """How many layers of ours a method has."""
    found, function = 0, owner.__dict__[name]
    while function is not None:
        wrapper = getattr(function, "_self_wrapper", None)
        found += getattr(wrapper, "__module__", "") == "failover._patch"
        function = getattr(function, "__wrapped__", None)
    return found


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_install_before_and_after_the_import_of_a_client(library: str, order: str) -> None:
    lines = ["import failover; failover.install()", f"import {library}"]
    if order == "after":
        lines.reverse()
    code = "\n".join(lines) + (
        f"\nprint(layers({library}.HTTPTransport, 'handle_request'),"
        f" layers({library}.AsyncHTTPTransport, 'handle_async_request'))"
    )
    assert python(code) == "1 1"


@pytest.mark.parametrize(
    "code",
    [
        "import failover; failover.install(); import requests",
        "import requests; import failover; failover.install()",
        "import failover; failover.install(); from requests import Session; import requests",
        "import requests.adapters; import failover; failover.install()",
    ],
)
def test_install_before_and_after_the_import_of_requests(code: str) -> None:
    assert python(code + "; print(layers(requests.adapters.HTTPAdapter, 'send'))") == "1"


def test_install_imports_none_of_the_libraries() -> None:
    code = "import failover; failover.install(fal='a:b')\n"
    heavy = "{'httpx', 'httpx2', 'requests', 'urllib3', 'wrapt', 'anyio', 'typing', 'logging'}"
    assert python(code + f"print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_the_import_hook_leaves_no_trace_on_a_module() -> None:
    code = """
import failover; failover.install()
import requests.adapters, importlib
spec = requests.adapters.__spec__
print(type(spec.loader).__name__, type(requests.adapters.__loader__).__name__)
print(importlib.util.find_spec('requests.adapters').loader.__class__.__name__)
importlib.reload(requests.adapters)
print(layers(requests.adapters.HTTPAdapter, 'send'))
"""
    lines = python(code).splitlines()
    assert lines[:2] == ["SourceFileLoader SourceFileLoader", "SourceFileLoader"]
    assert lines[2] == "1"


def test_a_library_that_is_not_there_fails_as_ever() -> None:
    code = """
import failover; failover.install()
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == 'httpx': raise ModuleNotFoundError("No module named 'httpx'", name='httpx')
sys.meta_path.insert(0, Blocked())
try:
    import httpx
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert python(code) == "httpx"


def test_a_library_that_breaks_on_import_can_be_imported_again() -> None:
    code = """
import failover, pathlib, tempfile
failover.install()
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, 'httpx2.py')
    file.write_text('raise RuntimeError("broken")')
    sys.path.insert(0, folder)
    try:
        import httpx2
    except RuntimeError:
        print('broken')
    sys.path.remove(folder)
    sys.path_importer_cache.clear()
import httpx2
print(layers(httpx2.HTTPTransport, 'handle_request'))
"""
    assert python(code).split() == ["broken", "1"]


@pytest.mark.parametrize("first", ["alias", "install"])
def test_an_aliased_library_gets_one_layer(first: str) -> None:
    steps = ["import httpx2; httpx2.alias_httpx()", "import failover; failover.install()"]
    if first == "install":
        steps.reverse()
    code = "\n".join(
        [
            *steps,
            "import httpx",
            "print(httpx.HTTPTransport is httpx2.HTTPTransport)",
            "print(layers(httpx2.HTTPTransport, 'handle_request'))",
        ]
    )
    assert python(code).split() == ["True", "1"]


@pytest.mark.parametrize(("owner", "name"), CLASSES)
def test_installing_again_adds_no_layer(owner: type, name: str) -> None:
    for _ in range(3):
        failover.install(make())
    assert layers(owner, name) == 1


@pytest.mark.parametrize(("owner", "name"), CLASSES)
def test_the_layer_stays_and_reads_a_slot(owner: type, name: str) -> None:
    failover.install(make())
    wrapper = owner.__dict__[name]
    failover.uninstall()
    assert owner.__dict__[name] is wrapper
    assert not failover.is_installed()


@pytest.mark.parametrize(("owner", "name"), CLASSES)
def test_the_layer_looks_like_the_method(owner: type, name: str) -> None:
    failover.install(make())
    method = getattr(owner, name)
    assert method.__name__ == name
    assert list(inspect.signature(method).parameters)[:2] == ["self", "request"]
    assert inspect.iscoroutinefunction(method) == ("async" in name)


def test_a_layer_that_somebody_took_off_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    failover.install(make())

    def plain(self: Any, request: Any) -> Any:
        return request

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", plain)
    assert layers(httpx.HTTPTransport, "handle_request") == 0
    failover.install(make())
    assert layers(httpx.HTTPTransport, "handle_request") == 1


def test_a_mark_is_found_down_a_chain_and_not_in_a_circle() -> None:
    def function() -> None:
        """Do nothing."""

    def above() -> None:
        """Do nothing."""

    above.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps does
    assert not _patch.is_marked(above)
    function._self_failover = True  # type: ignore[attr-defined]  # our mark
    assert _patch.is_marked(above)
    del function._self_failover  # type: ignore[attr-defined]  # our mark
    function.__wrapped__ = above  # type: ignore[attr-defined]  # a circle
    assert not _patch.is_marked(above)


def test_installed_nests_and_puts_back() -> None:
    outer, inner = make(), make()
    with failover.installed(outer) as first:
        assert first is outer
        with failover.installed(inner):
            assert _patch.slot.failover is inner
        assert _patch.slot.failover is outer
    assert not failover.is_installed()


def test_installed_puts_back_after_an_error() -> None:
    with pytest.raises(LookupError), failover.installed(make()):
        raise LookupError
    assert not failover.is_installed()


def test_paused_is_for_one_thread_and_one_task() -> None:
    seen: list[bool] = []
    with failover.paused():
        thread = threading.Thread(target=lambda: seen.append(paused_here.get()))
        thread.start()
        thread.join(5)
        assert paused_here.get()
        with failover.paused():
            assert paused_here.get()
        assert paused_here.get()
    assert seen == [False]
    assert not paused_here.get()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_paused_does_not_reach_a_sibling_task(backend: str) -> None:
    seen: dict[str, bool] = {}

    async def paused(inside: anyio.Event, done: anyio.Event) -> None:
        with failover.paused():
            inside.set()
            await done.wait()
            seen["paused"] = paused_here.get()

    async def sibling(inside: anyio.Event, done: anyio.Event) -> None:
        await inside.wait()
        seen["sibling"] = paused_here.get()
        done.set()

    async def main() -> None:
        inside, done = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(paused, inside, done)
            group.start_soon(sibling, inside, done)

    anyio.run(main, backend=backend)
    assert seen == {"paused": True, "sibling": False}


def test_many_threads_may_install_at_once() -> None:
    code = """
import threading, failover
barrier = threading.Barrier(8)
def go():
    barrier.wait()
    failover.install(fal='a:b')
    import httpx, requests
threads = [threading.Thread(target=go) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
import httpx, requests
print(layers(httpx.HTTPTransport, 'handle_request'))
print(layers(requests.adapters.HTTPAdapter, 'send'))
"""
    assert python(code).split() == ["1", "1"]


def test_a_module_that_is_not_what_it_is_called_breaks_nothing() -> None:
    code = """
import types
for name in ('httpx', 'requests', 'requests.adapters'):
    sys.modules[name] = types.ModuleType(name)
sys.modules['httpx2'] = None
import logging; logging.disable()
import failover; failover.install(fal='a:b')
print(failover.is_installed())
"""
    assert python(code) == "True"


def test_an_odd_library_is_imported_as_ever() -> None:
    code = """
import failover, pathlib, tempfile, logging
logging.disable()
failover.install(fal='a:b')
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, 'httpx2.py').write_text('class HTTPTransport: pass')
    sys.path.insert(0, folder)
    import httpx2
    print(httpx2.HTTPTransport.__name__)
"""
    assert python(code) == "HTTPTransport"


def test_install_waits_for_an_import_that_another_thread_has_begun() -> None:
    code = """
import failover, pathlib, tempfile, threading
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, 'httpx2.py').write_text('''
import __main__
__main__.begun.set()
__main__.go_on.wait(10)
class HTTPTransport:
    def handle_request(self, request): pass
class AsyncHTTPTransport:
    async def handle_async_request(self, request): pass
''')
    sys.path.insert(0, folder)
    begun, go_on = threading.Event(), threading.Event()
    importing = threading.Thread(target=lambda: __import__('httpx2'))
    importing.start()
    begun.wait(10)
    installing = threading.Thread(target=lambda: failover.install(fal='a:b'))
    installing.start()
    go_on.set()
    importing.join(10); installing.join(10)
    import httpx2
    print(failover.is_installed(), layers(httpx2.HTTPTransport, 'handle_request'))
"""
    assert python(code) == "True 1"

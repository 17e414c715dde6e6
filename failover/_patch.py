"""`install()`: watch every client of httpx, httpx2 and requests, imported already or later.

Wrap once, never unwrap, switch by a slot. Taking a wrapper off again would take off whichever
other package's layer is on top; so ours stays, reads one slot on each call, and passes through
while it is empty. The layer carries a mark, so that it is added only where it is missing:
installing twice, or again after somebody else replaced the method, does the right thing.
"""

from __future__ import annotations

import _thread  # the same locks as from threading, which is slow to import
from contextlib import contextmanager

from failover._failover import Failover
from failover._import_hook import when_imported

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MARK = "_self_failover"
_lock = _thread.RLock()


class _Slot:
    """The one installed `Failover`."""

    __slots__ = ("failover",)

    def __init__(self) -> None:
        self.failover: Failover | None = None


slot = _Slot()


def install(failover: Failover | None = None, /, **settings: Any) -> Failover:
    """Protect every generation call that this process makes.

    Args:
        failover: settings made before; default new ones.
        settings: the arguments of `Failover`.

    Returns:
        The `Failover` that is now installed; an earlier one is replaced.

    Raises:
        ConfigurationError: a setting that can't work.
        TypeError: an unknown setting.
    """
    if failover is not None and settings:
        raise TypeError("install() takes a Failover or settings, not both")
    fo = Failover(**settings) if failover is None else failover
    if not isinstance(fo, Failover):
        raise TypeError("install() takes a failover.Failover")
    with _lock:
        slot.failover = fo
        for module, hook in HOOKS.items():
            when_imported(module, hook)
    return fo


def uninstall() -> None:
    """Stop protecting; the layers stay in place and pass everything through."""
    with _lock:
        slot.failover = None


def is_installed() -> bool:
    """Whether `install()` is in force."""
    return slot.failover is not None


@contextmanager
def installed(failover: Failover | None = None, /, **settings: Any) -> Iterator[Failover]:
    """Protect the calls of one block; what was installed before is put back after it.

    Args:
        failover: settings made before; default new ones.
        settings: the arguments of `Failover`.
    """
    before = slot.failover
    fo = install(failover, **settings)
    try:
        yield fo
    finally:
        with _lock:
            slot.failover = before
        if failover is None:
            fo.close()


@contextmanager
def paused() -> Iterator[None]:
    """Let the calls of one block, thread or task go out untouched."""
    from failover._exchange import paused_here  # noqa: PLC0415  # keeps install() quick

    token = paused_here.set(True)
    try:
        yield
    finally:
        paused_here.reset(token)


def is_marked(function: Any) -> bool:
    """Whether our layer is somewhere in a chain of wrappers."""
    seen = 0
    while function is not None and seen < 100:
        if getattr(function, MARK, False):
            return True
        function = getattr(function, "__wrapped__", None)
        seen += 1
    return False


def _wrap(owner: type, name: str, layer: Callable[..., Any]) -> None:
    """Put our layer on a method unless it is there."""
    import wrapt  # noqa: PLC0415  # slower to import than all the rest of install()

    method = owner.__dict__[name]
    if is_marked(method):
        return
    wrapper = wrapt.FunctionWrapper(method, layer)
    setattr(wrapper, MARK, True)
    setattr(owner, name, wrapper)


def _hook_httpx_family(lib: Any) -> None:
    """Put the layers on one of the two libraries, when it has been imported."""

    def blocking(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001  # wrapt's form
        fo = slot.failover
        if fo is None:
            return wrapped(*args, **kwargs)
        request = args[0] if args else kwargs["request"]
        return _door("_httpx_family").handle(lib, fo, request, wrapped, by_environment=True)

    def awaiting(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001  # wrapt's form
        fo = slot.failover
        if fo is None:
            return wrapped(*args, **kwargs)
        request = args[0] if args else kwargs["request"]
        return _door("_httpx_family").handle_async(lib, fo, request, wrapped, by_environment=True)

    _wrap(lib.HTTPTransport, "handle_request", blocking)
    _wrap(lib.AsyncHTTPTransport, "handle_async_request", awaiting)


def _hook_requests(adapters: Any) -> None:
    """Put the layer on requests' adapter, when it has been imported."""

    def sending(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        fo = slot.failover
        if fo is None:
            return wrapped(*args, **kwargs)
        return _door("_requests_door").handle(fo, instance, wrapped, args, kwargs)

    _wrap(adapters.HTTPAdapter, "send", sending)


_doors: dict[str, Any] = {}  # whole modules only; sys.modules shows one that is half imported


def _door(name: str) -> Any:
    """A front door, imported when the first request comes by."""
    module = _doors.get(name)
    if module is None:
        from importlib import import_module  # noqa: PLC0415  # keeps install() quick

        module = _doors[name] = import_module(f"failover.{name}")
    return module


HOOKS: dict[str, Callable[[Any], None]] = {
    "httpx": _hook_httpx_family,
    "httpx2": _hook_httpx_family,
    "requests.adapters": _hook_requests,
}

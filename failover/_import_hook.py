"""Run a function on a module right after its first import.

This is the part of post-import hooks that `install()` needs at start-up. Importing the library that
offers the same would cost more than everything else `install()` does; it is used for the wrapping
itself, once one of the HTTP libraries is there.
"""

from __future__ import annotations

import _thread  # the same locks as from threading, which is slow to import
import sys

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class _Finder:
    """Finds the awaited modules through everybody else's finders, and marks their loaders."""

    def __init__(self) -> None:
        self.hooks: dict[str, Callable[[Any], None]] = {}
        self._asking = _thread._local()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find an awaited module; None for any other."""
        if name not in self.hooks or getattr(self._asking, "name", None) == name:
            return None
        self._asking.name = name
        try:
            for finder in sys.meta_path:
                ask = getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = ask(name, path, target) if ask else None
                if spec is not None and spec.loader is not None and finder is not self:
                    spec.loader = _Loader(spec.loader, self.hooks[name])  # type: ignore[assignment]  # duck-typed
                    return spec
        finally:
            self._asking.name = None
        return None


class _Loader:
    """Loads a module with its own loader, leaves no trace, and then calls the hook."""

    def __init__(self, loader: Any, hook: Callable[[Any], None]) -> None:
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Let the module's own loader make it."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Let the module's own loader run it, then call the hook."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _call(self._hook, module)


_finder = _Finder()


def when_imported(name: str, hook: Callable[[Any], None]) -> None:
    """Call a hook with a module: now if it has been imported, else right after it is.

    A module that another thread is just importing is waited for. What a hook raises is logged: a
    library of an unexpected form is imported as ever, and goes unwatched.

    Args:
        name: the module's full name.
        hook: called with the module.
    """
    _finder.hooks[name] = hook
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    if sys.modules.get(name) is not None:
        from importlib import import_module  # noqa: PLC0415  # only where there is something to do

        _call(hook, import_module(name))


def _call(hook: Callable[[Any], None], module: ModuleType) -> None:
    try:
        hook(module)
    except Exception:
        import logging  # noqa: PLC0415  # slow to import, and not needed while all is well

        logging.getLogger("failover").exception("failover: can't watch %s", module.__name__)

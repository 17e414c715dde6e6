"""One line that keeps image, video and speech generation alive when a provider fails.

    import failover; failover.install()

From then on every generation call that goes out through httpx, httpx2 or requests is watched. If
its provider fails, the call is translated, sent to the next provider for which there is a key, and
the answer is translated back, so that the caller's SDK never learns that anything happened.
"""

from __future__ import annotations

from failover._failover import Failover
from failover._patch import install, installed, is_installed, paused, uninstall
from failover.policy import Model, Policy

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from failover import errors as errors
    from failover import events as events
    from failover import httpx as httpx
    from failover import httpx2 as httpx2
    from failover import listeners as listeners
    from failover import requests as requests
    from failover import sim as sim
    from failover import stores as stores
    from failover import testing as testing
    from failover._explain import explain
    from failover.core.report import Attempt, Report
    from failover.errors import CatalogError, ConfigurationError, FailoverError, StoreError
    from failover.events import Event, Listener, Rerouted
    from failover.stores import open_store

__version__ = "0.1.0"

_LATER = {
    "Attempt": "failover.core.report",
    "Report": "failover.core.report",
    "CatalogError": "failover.errors",
    "ConfigurationError": "failover.errors",
    "FailoverError": "failover.errors",
    "StoreError": "failover.errors",
    "Event": "failover.events",
    "Listener": "failover.events",
    "Rerouted": "failover.events",
    "explain": "failover._explain",
    "open_store": "failover.stores",
}
_MODULES = (
    "errors",
    "events",
    "httpx",
    "httpx2",
    "listeners",
    "requests",
    "sim",
    "stores",
    "testing",
)


if not TYPE_CHECKING:  # else every misspelt name would have a type

    def __getattr__(name: str) -> object:
        """Import a public name, or one of the front doors, when it is first used."""
        from importlib import import_module  # noqa: PLC0415  # keeps `import failover` quick

        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        if name in _MODULES:
            return import_module(f"failover.{name}")
        raise AttributeError(f"module 'failover' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])


__all__ = [
    "Attempt",
    "CatalogError",
    "ConfigurationError",
    "Event",
    "Failover",
    "FailoverError",
    "Listener",
    "Model",
    "Policy",
    "Report",
    "Rerouted",
    "StoreError",
    "__version__",
    "explain",
    "install",
    "installed",
    "is_installed",
    "open_store",
    "paused",
    "uninstall",
]

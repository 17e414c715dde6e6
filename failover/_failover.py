"""`Failover`: the settings of one installation, validated once and then fixed."""

from __future__ import annotations

import _thread  # the same locks as from threading, which is slow to import
import os
import time

from failover._sites import Sites
from failover._telling import Telling
from failover.dialects import PROVIDERS
from failover.errors import ConfigurationError
from failover.keys import KeyRing
from failover.policy import Model, Policy

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from failover._runtime import Runtime
    from failover.events import Event, Listener, Rerouted
    from failover.stores.contract import Store


class Failover:
    """Watch generation calls and serve them elsewhere when their provider fails.

    Args:
        providers: provider names in order of preference, and the whole set; default: every provider
            that has a key.
        policy: how far a failing call may go.
        store: `memory:`, `sqlite:///failover.db`, `redis://host/0` or a store; default
            `$FAILOVER_STORE`, else memory.
        models: models of the user's own.
        substitutes: model name to names of models that may stand in for it.
        on_failover: called with a `Rerouted` each time a call was served elsewhere.
        on_event: listeners that are called with every event.
        base_urls: provider name to the URL at which it is reached, or, for a provider with several
            hosts, to a dict of host to URL.
        keys: for each provider a key, a list of keys, or None for "not this provider"; a provider
            that is not named takes what its own SDK would find in the environment.

    Raises:
        ConfigurationError: a setting that can't work; the message says what to do.
        TypeError: an unknown setting.
    """

    def __init__(
        self,
        *,
        providers: Iterable[str] | None = None,
        policy: Policy | None = None,
        store: str | Store | None = None,
        models: Iterable[Model] = (),
        substitutes: Mapping[str, Iterable[str]] | None = None,
        on_failover: Callable[[Rerouted], None] | None = None,
        on_event: Listener | Iterable[Listener] = (),
        base_urls: Mapping[str, object] | None = None,
        **keys: object,
    ) -> None:
        for name in keys:
            if name not in PROVIDERS:
                known = ", ".join(PROVIDERS)
                raise TypeError(f"unknown setting {name!r}; providers are: {known}")
        self.policy = policy or Policy()
        self.keyring = KeyRing(keys)
        self.sites = Sites(base_urls or {}, os.environ)
        self.providers = _ordered(providers, self.keyring)
        self.models = _several("models", models)
        self.substitutes = {
            model: (others,) if isinstance(others, str) else tuple(others)
            for model, others in (substitutes or {}).items()
        }
        if on_failover is not None and not callable(on_failover):
            raise ConfigurationError("on_failover= takes a callable of one argument")
        self.telling = Telling(on_failover, _as_listeners(on_event), default=(_log,))
        self._store_setting = store if store is not None else os.environ.get("FAILOVER_STORE")
        self._runtime: Runtime | None = None
        self._lock = _thread.allocate_lock()
        self.hosts: dict[bytes, str] = {host.encode(): host for host in self.sites.by_host}
        self.secrets: Mapping[bytes, str] = self.keyring.values
        self.secret_texts: Mapping[str | bytes, str] = self.keyring.texts
        _check(self.policy, self.models, self._store_setting)

    @property
    def runtime(self) -> Runtime:
        """The working half, built when it is first needed."""
        if self._runtime is None:
            with self._lock:
                if self._runtime is None:
                    self._runtime = self._build()
        return self._runtime

    def _build(self) -> Runtime:
        from failover._runtime import Runtime  # noqa: PLC0415  # keeps install() quick
        from failover.catalog import Catalog, UserCatalog  # noqa: PLC0415  # keeps install() quick
        from failover.stores import open_store  # noqa: PLC0415  # keeps install() quick

        shipped = Catalog.load()
        catalog = UserCatalog(shipped, self.models) if self.models else shipped
        store = open_store(self._store_setting or "memory:")
        if store.shared:
            from failover.stores.guard import GuardedStore  # noqa: PLC0415  # memory needs none

            store = GuardedStore(store, self._store_failed)
        return Runtime(self, store, catalog)

    def _store_failed(self, verb: str, error: Exception) -> None:
        """Tell that the store did not do what it was asked."""
        from failover.events import StoreFailed  # noqa: PLC0415  # keeps install() quick

        name = type(error).__name__
        self.telling.tell(StoreFailed(operation=verb, error_type=name, at=time.time()))

    def wrap(self, client: Any) -> Any:
        """Protect one client or session, without patching anything.

        Args:
            client: an `httpx`/`httpx2` `Client` or `AsyncClient`, a `requests.Session`, a
                `fal_client` `SyncClient` or `AsyncClient`, a `replicate.Client`, or an
                `openai.OpenAI` or `AsyncOpenAI`.

        Returns:
            The same object.

        Raises:
            TypeError: not a client that is known.
        """
        from failover._wrap import wrap  # noqa: PLC0415  # keeps install() quick

        return wrap(self, client)

    def status(self) -> dict[str, Any]:
        """Say what is cooling, which keys there are (by id), and how many jobs this process knows.

        Returns:
            `cooling`: scope to seconds left; `keys`: provider to key ids; `providers`: the order;
            `jobs`: jobs served elsewhere and not finished, by the id their caller holds.
        """
        runtime = self.runtime
        runtime.health.refresh()
        return {
            "providers": list(self.providers),
            "keys": {name: list(self.keyring.ids(name)) for name in self.keyring.providers()},
            "cooling": runtime.health.cooling(),
            "jobs": runtime.memory.open_jobs(),
        }

    def close(self) -> None:
        """Close the store, if one was opened."""
        if self._runtime is not None:
            self._runtime.store.close()

    def __repr__(self) -> str:
        return f"Failover(providers={list(self.providers)})"

    def __reduce__(self) -> str:
        raise TypeError("a Failover can't be pickled; build one in each process")


def _ordered(providers: Iterable[str] | None, keyring: KeyRing) -> tuple[str, ...]:
    if providers is None:
        return keyring.providers()
    order = tuple(dict.fromkeys(_several("providers", providers)))
    for name in order:
        if name not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            raise ConfigurationError(f"providers: unknown provider {name!r}; known: {known}")
    return order


def _several(name: str, given: Any) -> tuple[Any, ...]:
    """What the user gave as a list."""
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise ConfigurationError(f"{name}= takes a list")
    return tuple(given)


def _as_listeners(on_event: Listener | Iterable[Listener]) -> tuple[Listener, ...]:
    listeners = (on_event,) if callable(on_event) else _several("on_event", on_event)
    for listener in listeners:
        if not callable(listener):
            raise ConfigurationError("on_event= takes callables of one argument")
    return listeners


def _check(policy: object, models: tuple[object, ...], store: object) -> None:
    """Refuse what would only fail at three in the morning."""
    if not isinstance(policy, Policy):
        raise ConfigurationError("policy= takes a failover.Policy")
    for model in models:
        if not isinstance(model, Model):
            raise ConfigurationError("models= takes failover.Model objects")
    if isinstance(store, str):
        from importlib.util import find_spec  # noqa: PLC0415  # nothing to check for most users

        from failover.stores import check_spec  # noqa: PLC0415  # nothing to check for most users

        check_spec(store)
        if store.startswith("redis") and find_spec("redis") is None:
            raise ConfigurationError("store='redis:' needs a driver: pip install 'failover[redis]'")
    elif store is not None and not hasattr(store, "note_failure"):
        raise ConfigurationError("store= takes a URL such as 'memory:', or a store")


def _log(event: Event) -> None:
    """Hand an event to the logging listener, which is imported when there is something to say."""
    from failover.listeners.logging import log_event  # noqa: PLC0415  # logging is slow to import

    log_event(event)

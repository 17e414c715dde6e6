"""The world: every simulated provider on real sockets, for the length of a ``with`` block."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from failover.sim.certificates import Presenter, ca_pem
from failover.sim.clock import Clock
from failover.sim.delivery import Delivery
from failover.sim.fal import Fal
from failover.sim.hosts import RecordingHost, not_found
from failover.sim.http1 import Reply, Request
from failover.sim.judge import Leak, leaks_in
from failover.sim.provider import Provider, Surroundings
from failover.sim.redirect import environment, redirected
from failover.sim.replicate import Replicate
from failover.sim.server import LOOPBACK, Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from failover.sim.ledger import Received

PROVIDERS: Final[tuple[type[Provider], ...]] = (Fal, Replicate)
KEYS_EACH: Final = 2


class World:
    """Simulated providers, reachable by their own names while the block lasts.

    Inside the block, unmodified SDKs and HTTP clients reach the simulators under the providers'
    real names over TLS; other names do not resolve. HTTP clients made before the block trust
    other certificates: give them ``ssl_context()``. ``http://127.0.0.1`` works too, see
    ``Provider.url``.

    Args:
        redirect: Whether names resolve to the simulators at once; else use ``redirect()``.
        strict: Whether an input field that the schema does not know is refused. The real
            providers mostly ignore such fields, and then a misspelt one goes unnoticed.

    Attributes:
        fal: The simulated fal.
        replicate: The simulated Replicate.
        providers: All of them by name.
        clock: The world's clock; ``clock.advance`` moves time forward.
        secrets: The valid keys of each provider. A list may be changed at any time.
        strays: Requests for a host that nobody registered.
    """

    def __init__(self, *, redirect: bool = True, strict: bool = True) -> None:
        self.clock = Clock()
        self.secrets: dict[str, list[str]] = {}
        surroundings = Surroundings(
            clock=self.clock,
            secrets=self.secrets,
            network_changed=self._network_changed,
            plain_base=lambda: self.url,
            fetch_status=self._fetch_status,
            strict=strict,
        )
        self.providers = {kind.name: kind(surroundings) for kind in PROVIDERS}
        for name, provider in self.providers.items():
            self.secrets[name] = [provider.new_key() for _ in range(KEYS_EACH)]
        self.strays = RecordingHost("")
        self._by_host = {host: p for p in self.providers.values() for host in p.roles}
        self._hosts: dict[str, RecordingHost] = {}
        self._presenter = Presenter(self._by_host)
        self._redirect = redirect
        self._server: Server | None = None
        self._open = contextlib.ExitStack()
        self._ca_file = ""
        self._defects: list[Exception] = []

    @property
    def fal(self) -> Fal:
        """The simulated fal."""
        provider = self.providers["fal"]
        assert isinstance(provider, Fal)  # noqa: S101 - for the type only
        return provider

    @property
    def replicate(self) -> Replicate:
        """The simulated Replicate."""
        provider = self.providers["replicate"]
        assert isinstance(provider, Replicate)  # noqa: S101 - for the type only
        return provider

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._defects and error is None:
            raise ExceptionGroup("defects of the simulator", self._defects)

    def start(self) -> None:
        """Open the sockets, and redirect names if so wished."""
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="failover-sim-"))
        ca_file = Path(folder, "ca.pem")
        ca_file.write_bytes(ca_pem())
        self._ca_file = str(ca_file)
        self._server = Server(self.receive, self._presenter, self.clock)
        self._open.callback(self._server.stop)
        if self._redirect:
            self._open.enter_context(self.redirect())

    def stop(self) -> None:
        """Undo everything that ``start`` did, and join every thread."""
        self.clock.stop()
        self._open.close()
        self._server = None

    def redirect(self) -> AbstractContextManager[None]:
        """Let the simulated names resolve to the simulators, and no others, for a block."""
        return redirected(self, self.ca_file)

    @property
    def ca_file(self) -> str:
        """Path of the PEM file with the throw-away certificate authority."""
        return self._ca_file

    def ssl_context(self) -> ssl.SSLContext:
        """Return a client context that trusts the simulators."""
        return ssl.create_default_context(cafile=self.ca_file)

    @property
    def url(self) -> str:
        """The plain loopback URL in front of the providers' path prefixes."""
        return f"http://{LOOPBACK}:{self._running.http_port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment variables from which SDKs take a valid key."""
        return {p.environment: self.secrets[n][0] for n, p in self.providers.items()}

    def environ(self) -> AbstractContextManager[None]:
        """Set the key variables of ``env`` for a block."""
        return environment(self.env)

    def host(self, name: str, answer: Callable[[Request], Reply] = not_found) -> RecordingHost:
        """Register a host that is no provider's; it records what it receives.

        Args:
            name: Its host name, e.g. ``evil.test``.
            answer: What it says; 404 by default.
        """
        self._hosts[name] = RecordingHost(name, answer)
        return self._hosts[name]

    @property
    def requests(self) -> list[Received]:
        """Every request that anybody received, in order of arrival."""
        ledgers = [p.ledger for p in self.providers.values()]
        ledgers += [host.ledger for host in (*self._hosts.values(), self.strays)]
        return sorted((e for ledger in ledgers for e in ledger.all()), key=lambda e: e.at)

    @property
    def violations(self) -> list[str]:
        """Everything that was wrong with any request to any provider."""
        return [text for provider in self.providers.values() for text in provider.violations]

    def leaks(self) -> list[Leak]:
        """Return every key that reached a host which is not its provider's."""
        return [leak for entry in self.requests for leak in leaks_in(entry, self.secrets)]

    def heal(self) -> None:
        """Remove every fault of every provider."""
        for provider in self.providers.values():
            provider.heal()

    def receive(self, request: Request) -> Delivery:
        """Answer one request, whichever host it is for."""
        try:
            return self._receive(request)
        except Exception as defect:  # noqa: BLE001 - a defect of ours; raised when the block ends
            self._defects.append(defect)
            return Delivery(Reply(500, {}, b"the simulator is broken"))

    def port_for(self, name: str, port: int) -> int | None:
        """Return the loopback port that stands for a host and port (``redirect.Directory``)."""
        server = self._running
        provider = self._by_host.get(name)
        trouble = provider.plan.network.get(name) if provider else None
        if trouble == "dns" or (provider is None and name not in self._hosts):
            return None
        if trouble == "refused":
            return server.closed_port
        return {443: server.https_port, 80: server.http_port}.get(port, server.closed_port)

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the world is not running: use `with World() as world:`")
        return self._server

    def _receive(self, request: Request) -> Delivery:
        if request.host in {LOOPBACK, "localhost"}:
            request = self._by_prefix(request)
        name = request.door or request.host
        provider = self._by_host.get(name)
        if provider is None:
            return self._hosts.get(name, self.strays).answer(request)
        if request.base and name in provider.plan.network:
            return Delivery(Reply(503), cut=0, abrupt=True)
        return provider.answer(request)

    def _by_prefix(self, request: Request) -> Request:
        """Find the provider and role that a plain path begins with."""
        _, name, *rest = request.target.split("/")
        provider = self.providers.get(name)
        if provider is None:
            return request
        roles = {role: host for host, role in reversed(list(provider.roles.items()))}
        base = f"{self.url}/{name}"
        first = next(iter(provider.roles.values()))
        if rest and rest[0] in roles:
            first = rest.pop(0)
            base = f"{base}/{first}"
        return replace(request, target="/" + "/".join(rest), base=base, door=roles[first])

    def _fetch_status(self, url: str) -> int:
        """Return how a GET of an input URL would end, without any key."""
        if url.startswith("data:"):
            return 200
        parts = urlsplit(url)
        probe = Request("GET", parts.path, (("host", parts.hostname or ""),), b"", secure=True)
        if parts.hostname == LOOPBACK:
            probe = self._by_prefix(probe)
        provider = self._by_host.get(probe.door or probe.host)
        if provider is None:
            return 200
        if provider.roles[probe.door or probe.host] in provider.api_roles:
            return 401
        return 200 if provider.assets.get(probe.path) else 404

    def _network_changed(self, names: list[str]) -> None:
        troubles = {n: t for p in self.providers.values() for n, t in p.plan.network.items()}
        self._presenter.misname(n for n, trouble in troubles.items() if trouble == "bad_tls")
        if self._server is not None:
            self._server.drop(names)

"""What every simulated provider is made of: hosts, routes, keys, faults, a ledger.

A provider is one subclass in one file of its own: it names its hosts, lists its routes, says where
its keys travel and what its errors look like. All else is here. Providers are written from the
published protocols, and share nothing with the code that they judge.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from failover.sim.assets import AssetStore
from failover.sim.controls import FaultControls
from failover.sim.delivery import Delivery
from failover.sim.faults import Fault, FaultPlan
from failover.sim.http1 import Reply, Request
from failover.sim.jobs import JobBook, Pace
from failover.sim.judge import foreign_headers, leaks_in
from failover.sim.ledger import Ledger, Received

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping, Sequence

    from failover.sim.clock import Clock

NOT_HTTP: Final = b"\x16\x03\x01 this is no HTTP\r\n"


@dataclass(frozen=True)
class Surroundings:
    """What a provider needs from its world.

    Attributes:
        clock: The world's clock.
        secrets: Every provider's valid keys by its name.
        network_changed: Called with host names whose connections must break.
        plain_base: The plain loopback URL in front of every provider's path prefix.
        fetch_status: Says with what status a GET of a URL without key would be answered.
        strict: Whether unknown input fields are refused.
    """

    clock: Clock
    secrets: Mapping[str, Sequence[str]]
    network_changed: Callable[[list[str]], None]
    plain_base: Callable[[], str]
    fetch_status: Callable[[str], int]
    strict: bool


@dataclass(frozen=True)
class Incoming:
    """A request with what routing found out about it.

    Attributes:
        request: The request.
        params: The named groups of the route's pattern.
        entry: Its entry in the ledger; a handler adds violations there.
    """

    request: Request
    params: Mapping[str, str]
    entry: Received

    def object(self) -> dict[str, Any] | None:
        """Return the body as a JSON object, or ``None`` if it is none."""
        try:
            data = self.request.json()
        except ValueError:
            return None
        return data if isinstance(data, dict) else None

    def complain(self, violation: str) -> None:
        """Write down something wrong with the request."""
        self.entry.violations.append(violation)


@dataclass(frozen=True)
class Route:
    """One thing that a provider can be asked.

    Attributes:
        method: HTTP method.
        role: Which of the provider's hosts.
        pattern: Of the whole path.
        phases: What it is for, the main phase first.
        handler: Answers it.
        open: Whether it is answered without a key.
    """

    method: str
    role: str
    pattern: re.Pattern[str]
    phases: tuple[str, ...]
    handler: Callable[[Incoming], Reply]
    open: bool = False


class Provider(FaultControls, ABC):
    """Simulate one provider.

    Attributes:
        name: The provider's name, as in ``failover``.
        environment: The SDK's environment variable for the key.
        roles: Every host it serves, with its role.
        api_roles: The roles that are API, not files.
        pace: How long jobs take from now on; assign another to change it.
    """

    name: ClassVar[str]
    environment: ClassVar[str]
    roles: ClassVar[Mapping[str, str]]
    api_roles: ClassVar[frozenset[str]]

    def __init__(self, surroundings: Surroundings) -> None:
        self.around = surroundings
        self.clock = surroundings.clock
        self.plan = FaultPlan()
        self.ledger = Ledger()
        self.jobs = JobBook()
        self.assets = AssetStore()
        self.pace = Pace()
        self._routes = tuple(self.routes())

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """List the routes; the first that fits a request answers it."""

    @abstractmethod
    def key_of(self, request: Request) -> str:
        """Return the key that a request carries, or an empty string."""

    @abstractmethod
    def refusal(self, incoming: Incoming) -> Reply | None:
        """Return the reply to a request without a valid key, or ``None`` if it may pass."""

    @abstractmethod
    def error(self, status: int | None, kind: str | None) -> Reply:
        """Return the provider's own reply for a status or one of its named errors."""

    @abstractmethod
    def new_key(self) -> str:
        """Make up a key of the provider's form."""

    def endpoint_of(self, request: Request, params: Mapping[str, str]) -> str:  # noqa: ARG002 - for subclasses
        """Return the model or app that a request names, for faults and the ledger."""
        return params.get("endpoint", "")

    def phases_of(self, route: Route, request: Request) -> tuple[str, ...]:  # noqa: ARG002 - for subclasses
        """Return what a request is for, where that depends on more than its route."""
        return route.phases

    @property
    def url(self) -> str:
        """The plain loopback base URL: this, and a role's name where there are several roles."""
        return f"{self.around.plain_base()}/{self.name}"

    @property
    def keys(self) -> Sequence[str]:
        """The keys that are valid here."""
        return self.around.secrets[self.name]

    @property
    def requests(self) -> list[Received]:
        """Every request received, in order."""
        return self.ledger.all()

    @property
    def submits(self) -> list[Received]:
        """The requests that ask for a generation."""
        return self.ledger.of({"submit"})

    @property
    def billed(self) -> int:
        """The generations that the provider charges for, those still going included."""
        return sum(job.billed for job in self.jobs.all())

    @property
    def cancelled(self) -> int:
        """The jobs that a cancel request stopped."""
        return sum(job.cancel_asked for job in self.jobs.all())

    @property
    def violations(self) -> list[str]:
        """Everything that was wrong with any request."""
        return [
            f"{entry.method} {entry.host}{entry.path}: {what}"
            for entry in self.requests
            for what in entry.violations
        ]

    def forget(self) -> None:
        """Empty the ledger and the job book; keys, faults and files stay."""
        self.ledger.clear()
        self.jobs.clear()

    def answer(self, request: Request) -> Delivery:
        """Answer one request, faults included."""
        route, params, wrong_method = self._find(request)
        phases = self.phases_of(route, request) if route else ("other",)
        endpoint = self.endpoint_of(request, params)
        entry = Received(self.name, request, phases, endpoint, self.key_of(request))
        entry.violations += self._complaints(request)
        self.ledger.enter(entry)
        incoming = Incoming(request, params, entry)
        fault = self.plan.strike(phases, entry.key, endpoint)
        delivery = self._deliver(fault, lambda: self._reply(route, incoming, wrong_method))
        entry.fault = fault.effect if fault else None
        entry.status = None if delivery.ends_connection else delivery.reply.status
        return delivery

    def _find(self, request: Request) -> tuple[Route | None, Mapping[str, str], bool]:
        role, wrong_method = self.roles.get(request.door or request.host, ""), False
        for route in self._routes:
            found = route.pattern.fullmatch(request.path) if route.role == role else None
            if found and route.method == request.method:
                return route, found.groupdict(default=""), False
            wrong_method = wrong_method or found is not None
        return None, {}, wrong_method

    def _complaints(self, request: Request) -> list[str]:
        complaints = list(foreign_headers(self.name, request))
        if not request.header("user-agent"):
            complaints.append("no user agent")
        if not request.secure and request.host in self.roles:
            complaints.append("plain http")
        probe = Received(self.name, request)
        complaints += [f"{leak.owner}'s key" for leak in leaks_in(probe, self.around.secrets)]
        own = [key.encode() for key in self.keys]
        if any(key in request.target.encode() or key in request.body for key in own):
            complaints.append("a key outside the headers")
        return complaints

    def _reply(self, route: Route | None, incoming: Incoming, wrong_method: bool) -> Reply:  # noqa: FBT001 - private
        if route is None:
            return self.error(405 if wrong_method else 404, None)
        refused = None if route.open else self.refusal(incoming)
        return refused or route.handler(incoming)

    def _deliver(self, fault: Fault | None, proceed: Callable[[], Reply]) -> Delivery:
        if fault is None:
            return Delivery(proceed())
        details = fault.details
        genuine = proceed() if fault.processed else self.error(503, None)
        match fault.effect:
            case "status":
                return Delivery(self._scripted(details))
            case "hang":
                return Delivery(genuine, wait=fault.waiting(self.clock))
            case "cut":
                return Delivery(genuine, cut=details["at"], abrupt=details["abrupt"])
            case "reset":
                return Delivery(genuine, cut=0, abrupt=True)
            case "slow":
                return Delivery(genuine, bytes_per_second=details["bytes_per_second"])
            case "garbage" if details["status"] is None:
                return Delivery(genuine, raw=details["body"] or NOT_HTTP)
            case "garbage":
                kind = {"content-type": "text/html; charset=utf-8"}
                return Delivery(Reply(details["status"], kind, details["body"]))
            case "lie":
                return Delivery(_lied(genuine, details["what"]))

    def _scripted(self, details: Mapping[str, Any]) -> Reply:
        usual = self.error(details.get("status"), details.get("kind"))
        status = details.get("status") or usual.status
        body, headers = details.get("body"), {**usual.headers, **details.get("headers", {})}
        if body is None:
            return Reply(status, headers, usual.body)
        if isinstance(body, str | bytes):
            return Reply(status, headers, body.encode() if isinstance(body, str) else body)
        return Reply(status, headers, json.dumps(body).encode())

    def _api_hosts(self) -> list[str]:
        return [host for host, role in self.roles.items() if role in self.api_roles]

    def _network_changed(self, names: list[str]) -> None:
        self.around.network_changed(names)


def _lied(genuine: Reply, what: str) -> Reply:
    """Turn a genuine reply into an answer that is none."""
    if genuine.status >= 400:
        return genuine
    text = genuine.whole()
    if what == "empty":
        return Reply.of_json(genuine.status, _emptied(json.loads(text)), genuine.headers)
    body = {
        "schemaless": b'{"ok":true}',
        "null": b"null",
        "not_json": b"Sorry, something went wrong.",
        "truncated": text[: len(text) // 2],
    }[what]
    return Reply(genuine.status, genuine.headers, body)


def _emptied(data: Any) -> Any:
    """Empty every list of a JSON object, and the ``output`` of one that is not a list."""
    if not isinstance(data, dict):
        return [] if isinstance(data, list) else data
    return {
        name: [] if isinstance(value, list) else None if name == "output" else _emptied(value)
        for name, value in data.items()
    }

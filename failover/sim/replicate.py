"""Replicate, simulated: creating predictions; keys; the account.

Predictions that exist are in ``replicate_predictions``, models in ``replicate_models``, files in
``replicate_files``, errors in ``replicate_errors``.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, ClassVar, Final

from failover.sim.faults import JobTrouble
from failover.sim.http1 import Reply
from failover.sim.jobs import Job
from failover.sim.outputs import OutputBuilder
from failover.sim.provider import Incoming, Provider, Route, Surroundings
from failover.sim.replicate_errors import FAILURES, error_reply, validation_error
from failover.sim.replicate_files import ReplicateFiles
from failover.sim.replicate_models import ReplicateModels
from failover.sim.replicate_predictions import ReplicatePredictions, new_id
from failover.sim.schemas import Problem, file_urls, product_of
from failover.sim.wishes import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from failover.sim.http1 import Request

API: Final = "https://api.replicate.com"
BODY_KEYS: Final = frozenset(
    {"version", "input", "webhook", "webhook_events_filter", "stream", "webhook_completed"}
)
EVENTS: Final = frozenset({"start", "output", "logs", "completed"})
SUBMIT: Final = ("submit",)
DEFAULT_HOLD: Final = 60
SHORTEST_DEADLINE: Final = 5
LONGEST_DEADLINE: Final = 24 * 3600
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class Replicate(Provider):
    """Simulate Replicate.

    Attributes:
        models: Which models exist; ``models.official`` and ``models.deployments`` may be changed.
        expired_wait_status: The status in the reply to a wait that ran out; the real service is
            documented with ``starting`` and with ``processing``.
    """

    name = "replicate"
    environment = "REPLICATE_API_TOKEN"
    roles: ClassVar[Mapping[str, str]] = {
        "api.replicate.com": "api",
        "stream.replicate.com": "stream",
        "replicate.delivery": "delivery",
    }
    api_roles = frozenset({"api", "stream"})
    job_errors = FAILURES

    def __init__(self, surroundings: Surroundings) -> None:
        self.models = ReplicateModels()
        self.predictions = ReplicatePredictions(self)
        self.files = ReplicateFiles(self)
        self.expired_wait_status = "starting"
        super().__init__(surroundings)

    def routes(self) -> Sequence[Route]:
        """List the routes of all hosts."""
        by_model = re.compile(r"/v1/models/(?P<endpoint>[^/]+/[^/]+)/predictions")
        by_deployment = re.compile(r"/v1/deployments/(?P<deployment>[^/]+/[^/]+)/predictions")
        by_version = re.compile(r"/v1/predictions")
        return [
            Route("POST", "api", by_version, SUBMIT, self._create_by_version),
            Route("POST", "api", by_model, SUBMIT, self._create_by_model),
            Route("POST", "api", by_deployment, SUBMIT, self._create_by_deployment),
            *self.predictions.routes(),
            *self.models.routes(),
            *self.files.routes(),
            Route("GET", "api", re.compile("/v1/account"), ("other",), self._account),
        ]

    def deploy(self, name: str, model: str) -> None:
        """Register a deployment.

        Args:
            name: ``owner/name`` of the deployment.
            model: The model that it runs.
        """
        self.models.deployments[name] = model

    def new_key(self) -> str:
        """Make up an API token."""
        return "r8_" + secrets.token_hex(20)[:37]

    def key_of(self, request: Request) -> str:
        """Return the token of ``Authorization: Bearer`` or the older ``Token``."""
        scheme, _, key = request.header("authorization").partition(" ")
        return key.strip() if scheme.lower() in {"bearer", "token"} else ""

    def refusal(self, incoming: Incoming) -> Reply | None:
        """Refuse a request without a valid token."""
        if incoming.entry.key in self.keys:
            return None
        given = incoming.request.header("authorization")
        if incoming.entry.key:
            incoming.complain("unknown key")
        else:
            incoming.complain("wrong auth scheme" if given else "no key")
        return error_reply(None, "bad_key" if given else "no_key")

    def error(self, status: int | None, kind: str | None) -> Reply:
        """Return Replicate's own reply for a status or a named error (``replicate_errors``)."""
        return error_reply(status, kind)

    def api_base(self, request: Request) -> str:
        """Return the base of API URLs, on the plain port for a request that came by it."""
        return request.base or API

    def endpoint_of(self, request: Request, params: Mapping[str, str]) -> str:
        """Return the model that a path or body names."""
        if job := self.jobs.find(params.get("id", "")):
            return job.endpoint
        if deployment := params.get("deployment"):
            return self.models.deployments.get(deployment, "")
        if request.method == "POST" and request.path == "/v1/predictions":
            try:
                return self.models.named(str(request.json().get("version"))) or ""
            except (ValueError, AttributeError):
                return ""
        return super().endpoint_of(request, params)

    def phases_of(self, route: Route, request: Request) -> tuple[str, ...]:
        """Tell creations that wait from those that do not."""
        if route.phases == SUBMIT:
            return (*SUBMIT, "queue" if _hold(request.header("prefer")) is None else "run")
        return route.phases

    def _account(self, _incoming: Incoming) -> Reply:
        body = {"type": "user", "username": "sim", "name": "Sim", "github_url": None}
        return Reply.of_json(200, body)

    def _create_by_version(self, incoming: Incoming) -> Reply:
        body = incoming.object()
        if body is not None and "version" in body:
            name = self.models.named(str(body["version"]))
            return self._create(incoming, name) if name else error_reply(None, "version")
        problem = Problem(("version",), "required", "version is required")
        return self._invalid(incoming, [problem], "")

    def _create_by_model(self, incoming: Incoming) -> Reply:
        name = incoming.params["endpoint"]
        if name not in self.models.official:
            return error_reply(404, None)
        return self._create(incoming, name)

    def _create_by_deployment(self, incoming: Incoming) -> Reply:
        name = self.models.deployments.get(incoming.params["deployment"])
        return self._create(incoming, name) if name else error_reply(404, None)

    def _create(self, incoming: Incoming, name: str) -> Reply:
        body = incoming.object()
        if body is None:
            incoming.complain("body is not a JSON object")
            return error_reply(400, None)
        if problems := list(_body_problems(body)):
            return self._invalid(incoming, problems, "")
        strict = self.around.strict
        if problems := self.models.schemas.problems(name, body["input"], strict=strict):
            return self._invalid(incoming, problems, "input")
        try:
            seconds = _seconds(incoming.request.header("cancel-after"))
        except ValueError as wrong:
            return self._invalid(incoming, [Problem((), "format", str(wrong))], "Cancel-After")
        return self._started(incoming, self._new_job(incoming, name, body, seconds))

    def _new_job(
        self, incoming: Incoming, name: str, body: Mapping[str, Any], seconds: float | None
    ) -> Job:
        base = f"{self.url}/delivery" if incoming.request.base else ""
        job = Job(
            id=new_id(),
            endpoint=name,
            input=body["input"],
            make=lambda: self._make(name, body["input"], base),
            pace=self.pace,
            clock=self.clock,
            trouble=self._unread(name, body["input"]) or self.plan.strike_job(name),
        )
        echo = {k: body[k] for k in ("webhook", "webhook_events_filter") if k in body}
        if seconds is not None:
            job.start_by = job.end_by = job.created + seconds
            echo["deadline"] = self.clock.utc(job.end_by).isoformat()
        official = name in self.models.official
        version = "hidden" if official else self.models.version_of(name)
        product = product_of(self.name, name)
        job.extra.update(echo=echo, version=version, product=product)
        return self.jobs.add(job)

    def _started(self, incoming: Incoming, job: Job) -> Reply:
        """Answer a creation: at once, or held as ``Prefer`` asks."""
        prefer = incoming.request.header("prefer")
        hold = _hold(prefer)
        if hold is None:
            if prefer:
                incoming.complain(f"Prefer is not wait or wait=1..60: {prefer[:40]}")
            return self.predictions.reply(201, job, incoming.request)
        over = job.hold(hold)
        shown = self.predictions.object(job, incoming.request)
        if not over:
            shown["status"] = self.expired_wait_status
        return Reply.of_json(201 if over else 202, shown, {"preference-applied": prefer})

    def _invalid(self, incoming: Incoming, problems: Sequence[Problem], prefix: str) -> Reply:
        for problem in problems:
            incoming.complain(f"{prefix} {'.'.join(map(str, problem.path))}: {problem.text}")
        return validation_error(problems, prefix)

    def _unread(self, name: str, values: Mapping[str, Any]) -> JobTrouble | None:
        """Return the trouble of an input file that Replicate could not fetch."""
        fields = self.models.schemas.input(name).get("properties", {})
        for _, url in file_urls(fields, values):
            status = 200 if self.files.holds(url) else self.around.fetch_status(url)
            if status != 200:
                words = f"Input validation error: {status} Client Error for url: {url}"
                return JobTrouble("input", words)
        return None

    def _make(self, name: str, values: Mapping[str, Any], base: str) -> Any:
        schemas = self.models.schemas
        asked = Asked.of(schemas.filled(name, values))
        product = product_of(self.name, name)
        builder = OutputBuilder(asked, product, lambda media: self.files.publish(media, base))
        return builder.build(schemas.output(name))


def _body_problems(body: Mapping[str, Any]) -> list[Problem]:
    """Judge the keys around the input."""
    problems = [
        Problem((key,), "unknown", f"Additional property {key} is not allowed")
        for key in body
        if key not in BODY_KEYS
    ]
    if "input" not in body:
        problems.append(Problem(("input",), "required", "input is required"))
    elif not isinstance(body["input"], dict):
        problems.append(Problem(("input",), "type", "Invalid type. Expected: object"))
    webhook = body.get("webhook")
    if webhook is not None and not str(webhook).startswith("https://"):
        problems.append(Problem(("webhook",), "format", "webhook must be an HTTPS URL"))
    wanted = body.get("webhook_events_filter")
    if wanted is not None and not (isinstance(wanted, list) and EVENTS.issuperset(wanted)):
        problems.append(Problem(("webhook_events_filter",), "enum", "unknown event"))
    return problems


def _hold(prefer: str) -> float | None:
    """Return the seconds to hold a creation, or ``None`` to answer at once."""
    name, _, value = prefer.replace(" ", "").partition("=")
    if name != "wait":
        return None
    if not value:
        return DEFAULT_HOLD
    return int(value) if value.isdigit() and 1 <= int(value) <= DEFAULT_HOLD else None


def _seconds(cancel_after: str) -> float | None:
    """Return the seconds of a ``Cancel-After`` header: ``30``, ``30s``, ``5m``, ``1h30m``.

    Raises:
        ValueError: If it is malformed, or not between 5 seconds and 24 hours.
    """
    if not cancel_after:
        return None
    found = _DURATION.fullmatch(cancel_after.strip())
    if found is None:
        raise ValueError("not a duration")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if not SHORTEST_DEADLINE <= total <= LONGEST_DEADLINE:
        raise ValueError("must be between 5s and 24h")
    return total

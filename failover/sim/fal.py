"""fal, simulated: run, stream and submit; keys; which app exists.

The queue is in ``fal_queue``, files in ``fal_storage``, errors in ``fal_errors``. Inputs are
judged where fal judges them: by the app. So a bad input is refused at once on ``fal.run``, but a
queued job with a bad input is accepted and its *result* is the 422.
"""

from __future__ import annotations

import re
import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Final

from failover.sim import fal_errors
from failover.sim.fal_queue import FalQueue, events, outcome
from failover.sim.fal_storage import FalStorage
from failover.sim.faults import JobTrouble
from failover.sim.http1 import Reply
from failover.sim.jobs import Job, State
from failover.sim.outputs import OutputBuilder
from failover.sim.provider import Incoming, Provider, Route, Surroundings
from failover.sim.schemas import Schemas, file_urls, product_of
from failover.sim.wishes import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from failover.sim.http1 import Request

ENDPOINT: Final = r"/(?P<endpoint>[^?]+?)"
PRIORITIES: Final = {"", "normal", "low"}


class Fal(Provider):
    """Simulate fal.

    Attributes:
        concurrency_limit: How many blocking calls may run at once; ``None`` is no limit.
    """

    name = "fal"
    environment = "FAL_KEY"
    roles: ClassVar[Mapping[str, str]] = {
        "fal.run": "run",
        "falrun.com": "run",
        "queue.fal.run": "queue",
        "queue.falrun.com": "queue",
        "rest.fal.ai": "rest",
        "v3.fal.media": "media",
        "v3b.fal.media": "media",
        "fal.media": "media",
    }
    api_roles = frozenset({"run", "queue", "rest"})
    job_errors = fal_errors.NAMES

    def __init__(self, surroundings: Surroundings) -> None:
        self.concurrency_limit: int | None = None
        self.schemas = Schemas(self.name, null_unset=True)
        self.queue = FalQueue(self)
        self.storage = FalStorage(self)
        self._running = 0
        self._lock = threading.Lock()
        super().__init__(surroundings)

    def routes(self) -> Sequence[Route]:
        """List the routes of all hosts."""
        any_job = re.compile(r"/.+/requests/.+")
        run, stream = re.compile(ENDPOINT), re.compile(ENDPOINT + "/stream")
        return [
            *self.queue.routes(),
            *self.storage.routes(),
            Route("-", "queue", any_job, ("other",), self._run),
            Route("POST", "run", stream, ("submit", "stream"), self._stream),
            Route("POST", "run", run, ("submit", "run"), self._run),
            Route("POST", "queue", run, ("submit", "queue"), self._submit),
        ]

    def new_key(self) -> str:
        """Make up a key id and secret."""
        return f"{uuid.uuid4()}:{secrets.token_hex(16)}"

    def key_of(self, request: Request) -> str:
        """Return the key of ``Authorization: Key id:secret``."""
        scheme, _, key = request.header("authorization").partition(" ")
        return key.strip() if scheme.lower() == "key" else ""

    def refusal(self, incoming: Incoming) -> Reply | None:
        """Refuse a request without a valid key."""
        if incoming.entry.key in self.keys:
            return None
        if incoming.entry.key:
            incoming.complain("unknown key")
            return fal_errors.error_reply(None, "bad_key")
        given = incoming.request.header("authorization")
        incoming.complain("wrong auth scheme" if given else "no key")
        return fal_errors.error_reply(None, "bad_key" if given else "no_key")

    def error(self, status: int | None, kind: str | None) -> Reply:
        """Return fal's own reply for a status or a named error (``fal_errors``)."""
        if kind is None and status == 404:
            kind = "not_found"
        if kind is None and status == 405:
            return Reply.of_json(405, {"detail": "Method Not Allowed"})
        return fal_errors.error_reply(status, kind)

    def media_base(self, request: Request) -> str:
        """Return the plain base URL of files, or nothing for a request that came by name."""
        return f"{self.url}/media" if request.base else ""

    def endpoint_of(self, request: Request, params: Mapping[str, str]) -> str:
        """Return the endpoint id in the path, or of the job that the path names."""
        job = self.jobs.find(params.get("id", ""))
        return job.endpoint if job else super().endpoint_of(request, params)

    def _unknown(self, endpoint: str) -> Reply | None:
        """Return the refusal of an endpoint that does not exist."""
        if endpoint in self.schemas:
            return None
        parts = endpoint.split("/")
        app = "/".join(parts[:2])
        if any(known == app or known.startswith(f"{app}/") for known in self.schemas):
            return Reply.of_json(404, {"detail": f"Path /{'/'.join(parts[2:])} not found"})
        return Reply.of_json(404, {"detail": f'Application "{app}" not found'})

    def _judge_headers(self, incoming: Incoming) -> float | None:
        """Complain about odd headers; return the start timeout in seconds."""
        if incoming.request.header("x-fal-queue-priority") not in PRIORITIES:
            incoming.complain("x-fal-queue-priority is neither normal nor low")
        if "application/json" not in incoming.request.header("content-type"):
            incoming.complain("body is not declared as JSON")
        text = incoming.request.header("x-fal-request-timeout")
        try:
            return float(text) if text else None
        except ValueError:
            incoming.complain("x-fal-request-timeout is not a number")
            return None

    def _new_job(self, incoming: Incoming) -> Job:
        """Accept a generation; a bad input makes it one that fails."""
        endpoint, request = incoming.params["endpoint"], incoming.request
        start = self._judge_headers(incoming)
        values = incoming.object()
        problems = self.schemas.problems(endpoint, values or {}, strict=self.around.strict)
        for problem in problems:
            incoming.complain(f"input {'.'.join(map(str, problem.path))}: {problem.text}")
        if values is None:
            incoming.complain("body is not a JSON object")
        invalid = fal_errors.validation_error(problems) if problems or values is None else None
        job = Job(
            id=str(uuid.uuid4()),
            endpoint=endpoint,
            input=values or {},
            make=lambda: self._make(endpoint, values or {}, self.media_base(request)),
            pace=self.pace,
            clock=self.clock,
            trouble=JobTrouble("input") if invalid else self.plan.strike_job(endpoint),
            free_failure=invalid is not None,
        )
        job.start_by = None if start is None else job.created + start
        if invalid is None and (unread := self._unread(endpoint, values or {})):
            invalid, job.trouble = unread, JobTrouble("input")
        if invalid is not None:
            job.extra["reply"] = invalid
        return self.jobs.add(job)

    def _unread(self, endpoint: str, values: Mapping[str, Any]) -> Reply | None:
        """Return the refusal of an input file that fal could not fetch."""
        fields = self.schemas.input(endpoint).get("properties", {})
        for name, url in file_urls(fields, values):
            if self.around.fetch_status(url) != 200:
                return fal_errors.model_error("file_download_error", field=name)
        return None

    def _make(self, endpoint: str, values: Mapping[str, Any], base: str) -> Any:
        asked = Asked.of(self.schemas.filled(endpoint, values))
        product = product_of(self.name, endpoint)
        builder = OutputBuilder(asked, product, lambda media: self.storage.publish(media, base))
        return builder.build(self.schemas.output(endpoint))

    def _run(self, incoming: Incoming) -> Reply:
        job = self._blocking(incoming)
        return job if isinstance(job, Reply) else outcome(job)

    def _blocking(self, incoming: Incoming) -> Job | Reply:
        """Hold the caller until his generation is over; return it, or a refusal."""
        if unknown := self._unknown(incoming.params["endpoint"]):
            return unknown
        with self._lock:
            if self.concurrency_limit is not None and self._running >= self.concurrency_limit:
                return fal_errors.concurrency_error(self.concurrency_limit)
            self._running += 1
        try:
            job = self._new_job(incoming)
            return job if job.hold() else self.error(503, None)
        finally:
            with self._lock:
                self._running -= 1

    def _stream(self, incoming: Incoming) -> Reply:
        job = self._blocking(incoming)
        if isinstance(job, Reply):
            return job
        if job.state is not State.SUCCEEDED:
            return outcome(job)
        output, pieces = job.output, []
        if isinstance(output, dict) and isinstance(output.get("output"), str):
            words = output["output"].split(" ")
            pieces = [{**output, "output": " ".join(words[:n])} for n in range(1, len(words))]
        return Reply.of_events(events([*pieces, output]))

    def _submit(self, incoming: Incoming) -> Reply:
        if unknown := self._unknown(incoming.params["endpoint"]):
            return unknown
        limit = incoming.request.query.get("fal_max_queue_length", "")
        waiting = sum(job.state is State.QUEUED for job in self.jobs.all())
        if limit.isdigit() and waiting > int(limit):
            return Reply.of_json(429, {"detail": "Queue is too long"}, fal_errors.SERVES_RETRY)
        job = self._new_job(incoming)
        body = {
            "status": "IN_QUEUE",
            "request_id": job.id,
            "queue_position": waiting,
            **self.queue.urls(job, incoming.request),
        }
        return Reply.of_json(200, body, {"x-fal-request-id": job.id})

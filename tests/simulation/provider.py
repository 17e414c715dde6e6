"""A simulated provider: it takes submits, runs jobs in true time, and keeps its own bill.

It reads requests for itself, so a poll that was worded as a submit is a submit here. What a job is
doing follows from the time at which somebody asks; no event is needed for it.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .scene import family

if TYPE_CHECKING:
    from random import Random

    from failover.core.types import Request

    from .plan import Weather


@dataclass(slots=True)
class SimJob:
    """A job at a provider.

    Args:
        provider: whose it is.
        native: its id there.
        tag: name of the call it is for.
        slug: the endpoint.
        key: id of the key that submitted it.
        at: when it was accepted.
        starts: when it leaves the queue.
        ends: when it ends.
        fate: `ok`, or how it ends.
        limit: seconds that the submit gave it, or None.
    """

    provider: str
    native: str
    tag: str
    slug: str
    key: str
    at: float
    starts: float
    ends: float
    fate: str
    limit: float | None = None
    stopped: float | None = None
    unwanted: bool = False  # somebody asked to end it; whether it did end is the provider's affair

    def state(self, now: float) -> str:
        """`queued`, `running`, `done`, `failed`, `cancelled`, `late`."""
        if self.stopped is not None and now >= self.stopped:
            return "cancelled"
        if self.limit is not None:
            due = self.at + self.limit
            if now >= due and self.starts > due:
                return "late"
            if now >= due and self.ends > due and family(self.provider) == "replicate":
                return "cancelled"
        if now < self.starts:
            return "queued"
        if now < self.ends or self.fate == "hangs":
            return "running"
        return "failed" if self.fate not in ("ok", "lost") else "done"


@dataclass(slots=True)
class Asked:
    """A request as the provider reads it.

    Args:
        phase: `submit`, `poll`, `result`, `cancel` or `other`.
        native: id of the job it is about.
        slug: endpoint that it submits to.
        input: what it submits.
        limit: seconds it gives the job.
    """

    phase: str
    native: str = ""
    slug: str = ""
    input: dict[str, Any] = field(default_factory=dict)
    limit: float | None = None


class SimProvider:
    """One provider.

    Args:
        name: the provider.
        weather: what goes wrong there, and when.
        random: the one source of chance.
    """

    def __init__(self, name: str, weather: Weather, random: Random) -> None:
        self.name = name
        self.weather = weather
        self.jobs: dict[str, SimJob] = {}
        self.submits: Counter[str] = Counter()  # requests that came in, by call
        self.billed: Counter[str] = Counter()  # jobs that were run, by call
        self._random = random

    def read(self, request: Request) -> Asked:
        """Say what a request wants, by this provider's own rules."""
        parts = request.path.strip("/").split("/")
        return self._read_fal(request, parts) if self._fal else self._read_api(request, parts)

    @property
    def _fal(self) -> bool:
        return family(self.name) == "fal"

    def _read_fal(self, request: Request, parts: list[str]) -> Asked:
        if "requests" not in parts:
            if request.method != "POST":
                return Asked("other")
            limit = request.headers.get("x-fal-request-timeout")
            slug = "/".join(part for part in parts if part != "stream")
            body = json.loads(request.body or b"{}")
            return Asked("submit", "", slug, body, float(limit) if limit else None)
        native, rest = parts[parts.index("requests") + 1], parts[parts.index("requests") + 2 :]
        phase = {("GET", "status"): "poll", ("GET", ""): "result", ("PUT", "cancel"): "cancel"}
        return Asked(phase.get((request.method, "/".join(rest)), "other"), native)

    def _read_api(self, request: Request, parts: list[str]) -> Asked:
        if parts[:2] == ["v1", "models"] and request.method == "POST":
            limit = request.headers.get("cancel-after")
            body = json.loads(request.body or b"{}")
            seconds = float(limit.removesuffix("s")) if limit else None
            return Asked("submit", "", "/".join(parts[2:4]), body.get("input", {}), seconds)
        if parts[:2] == ["v1", "predictions"] and len(parts) > 2:
            cancel = request.method == "POST" and parts[3:] == ["cancel"]
            return Asked("cancel" if cancel else "poll", parts[2])
        return Asked("other")

    def crowded(self, now: float) -> bool:
        """Whether it has no room for another job."""
        busy = sum(job.state(now) in ("queued", "running") for job in self.jobs.values())
        return busy >= self.weather.capacity

    def take(self, asked: Asked, key: str, now: float) -> SimJob:
        """Make a job of a submit."""
        tag = str(asked.input.get("prompt", ""))
        waits, runs, fate = self.weather.job(now, self._random)
        native = f"{self.name}-{len(self.jobs)}"
        job = SimJob(
            self.name,
            native,
            tag,
            asked.slug,
            key,
            now,
            now + waits,
            now + waits + runs,
            fate,
            asked.limit,
        )
        self.jobs[native] = job
        self.billed[tag] += 1
        return job

    def cancel(self, job: SimJob, now: float) -> str:
        """End a job if it can be; the state in which the cancel found it."""
        before = job.state(now)
        job.unwanted = job.unwanted or before in ("queued", "running")
        if before == "queued" or (before == "running" and not self._fal):
            job.stopped = now
        elif before == "running":
            job.stopped = now if self._random.random() < 0.5 else None
        return before

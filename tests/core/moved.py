"""A job that its caller queued at one provider and that runs at the other."""

from __future__ import annotations

from typing import Any

from fakes import World
from script import Script, Step, run
from talk import API, CREATED, QUEUED, get, reply

from failover.core.report import Report
from failover.core.types import Reply, Request

APP = "/fal-ai/flux/requests"
ERROR = reply(500, {"detail": "no"})


class Moved:
    """A job that its caller queued at one provider and that runs at the other."""

    def __init__(self, provider: str, *submitted: Step) -> None:
        way = QUEUED if provider == "fal" else CREATED
        self.world = World()
        answer, self.script = run(self.world, way.request, ERROR, *(submitted or way.served))
        assert isinstance(answer.reply, Reply)
        body = answer.reply.json()
        self.id: str = body["id"] if provider == "replicate" else body["request_id"]
        self.provider = provider

    def request(self, verb: str = "", method: str = "GET") -> Request:
        if self.provider == "fal":
            return get(f"{APP}/{self.id}{verb}", method=method)
        return get(f"/v1/predictions/{self.id}{verb}", API, method)

    def ask(self, verb: str, *steps: Step, method: str = "GET") -> tuple[Reply, Script]:
        answer, script = run(self.world, self.request(verb, method), *steps)
        assert isinstance(answer.reply, Reply)
        assert answer.report == Report("schnell", self.other, 1)
        return answer.reply, script

    @property
    def other(self) -> str:
        return "replicate" if self.provider == "fal" else "fal"

    def poll(self, *steps: Step) -> tuple[int, dict[str, Any]]:
        got, _ = self.ask("/status" if self.provider == "fal" else "", *steps)
        return got.status, got.json()

    def later(self, *steps: Step) -> tuple[int, dict[str, Any]]:
        """Poll after the answer of the last poll has grown old."""
        self.world.time += 1.5
        return self.poll(*steps)

"""Steps a flow from a list of replies and writes down each effect as one short line.

On every run it checks what must never happen: a key or a prompt in an event, a credential in a
request of ours, an answer left over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from fakes import PROMPT, SECRET, World

from failover.core.drive import drive
from failover.core.effects import (
    Admit,
    Effect,
    Emit,
    FindJob,
    Forward,
    NoteFailure,
    NoteSuccess,
    ReadHealth,
    Release,
    SaveJob,
    Send,
    Sleep,
)
from failover.core.flow import serve
from failover.core.health import admit, after_failure, release
from failover.core.types import NoReply, Reply, Request
from failover.dialects import PROVIDERS, inbound

if TYPE_CHECKING:
    from failover.core.report import Answer
    from failover.events import Event

Step: TypeAlias = Reply | NoReply | Callable[[Effect], Reply | NoReply]


@dataclass
class Script:
    """Performs a flow's effects: sends from a list, everything else in the world.

    Args:
        world: the world; its clock moves with each reply's seconds and each sleep.
        steps: what sends and forwards answer, in order; the last may be a function for the rest.
    """

    world: World
    steps: list[Step]
    lines: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    sent: list[Send] = field(default_factory=list)
    limits: list[float | None] = field(default_factory=list)

    def __call__(self, effect: Effect) -> Any:
        self.lines.append(line(effect))
        world, health = self.world, self.world.health
        match effect:
            case Forward() | Send():
                return self._reply(effect)
            case Sleep():
                assert effect.seconds > 0
                world.time += effect.seconds
            case Emit():
                self.events.append(effect.event)
            case ReadHealth():
                health.shared = False
            case NoteFailure():
                scope = effect.evidence.scope
                known = health.standings.get(scope)
                health.standings[scope] = after_failure(known, effect.evidence, world.time)
                return health.standings[scope]
            case NoteSuccess():
                return health.success(effect.scopes)
            case Admit():
                known = health.standings.get(effect.scope)
                admission, kept = admit(known, effect.lease, world.time)
                if kept is not None:
                    health.standings[effect.scope] = kept
                return admission
            case Release():
                known = health.standings[effect.scope]
                health.standings[effect.scope] = release(known, effect.generation)
            case FindJob():
                return world.jobs.get(effect.id)
            case SaveJob():
                world.jobs[effect.job.id] = effect.job
        return None

    def _reply(self, effect: Forward | Send) -> Reply | NoReply:
        assert self.steps, f"nobody expected {self.lines[-1]}"
        last = len(self.steps) == 1 and callable(self.steps[0])
        step = self.steps[0] if last else self.steps.pop(0)
        reply = step(effect) if callable(step) else step
        if isinstance(effect, Forward):
            self.limits.append(effect.limit)
        if isinstance(effect, Send):
            self.sent.append(effect)
            carried = {name.lower(): value for name, value in effect.request.headers.items()}
            assert PROVIDERS[effect.provider].header not in carried
            assert SECRET not in repr(effect)
            assert effect.timeout > 0
        self.world.time += reply.seconds
        return reply

    def finish(self) -> None:
        """Check what holds for every run."""
        assert not [step for step in self.steps if not callable(step)], "answers left over"
        for event in self.events:
            assert PROMPT not in repr(event)
            assert SECRET not in repr(event)

    @property
    def sends(self) -> list[str]:
        """The lines that cost something or go over the wire."""
        return [text for text in self.lines if text.startswith(("forward", "send"))]

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def line(effect: Effect) -> str:
    """One effect in a few words."""
    match effect:
        case Forward():
            how = f" with {effect.key}" if effect.key else ""
            return f"forward{how}" if effect.read else "forward unread"
        case Send():
            request = effect.request
            return f"send {effect.provider}/{effect.key} {request.method} {request.path}"
        case Sleep():
            return "sleep"
        case Emit():
            reason = getattr(effect.event, "reason", "")
            return f"emit {type(effect.event).__name__} {reason}".rstrip()
        case ReadHealth():
            return "read health"
        case NoteFailure():
            return f"failure {effect.evidence.scope} {effect.evidence.reason}"
        case NoteSuccess():
            return f"success {' '.join(effect.scopes)}"
        case Admit() | Release():
            return f"{type(effect).__name__.lower()} {effect.scope}"
        case FindJob():
            return "find job"
        case SaveJob():
            return f"save job at {effect.job.provider}"


def run(world: World, request: Request, *steps: Step) -> tuple[Answer, Script]:
    """Drive a recognised request to its answer.

    Args:
        world: the world.
        request: the caller's request.
        steps: what each send and forward answers.
    """
    provider = "replicate" if "replicate" in request.origin else "fal"
    dialect = inbound(provider)
    intent = dialect.recognise(request)
    assert intent is not None
    script = Script(world, list(steps))
    answer = drive(serve(world, request, intent, dialect), script)
    script.finish()
    return answer, script

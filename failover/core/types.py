"""The values that travel through a call: requests, replies, intents, outcomes and jobs.

Rules: values are frozen; the few that every call makes are named tuples, which are quicker to make.
No value holds a credential. Library objects appear only as the opaque `native` of a reply or the
`error` of a missing one, and are handed back, never looked into.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = Any
Headers: TypeAlias = Mapping[str, str]
NO_HEADERS: Headers = MappingProxyType({})


class Request(NamedTuple):
    """One HTTP request, in either direction.

    Args:
        method: upper-case HTTP method.
        origin: scheme, host and port as dialled, without a trailing slash: `https://fal.run`.
        path: raw path, percent-encoding kept.
        query: raw query without the question mark.
        headers: looked up by lower-case name; the client library's own mapping on the way in.
        body: the bytes, or None when there is none or it can't be sent a second time.
        replayable: False when the body is a one-shot stream that only the caller's client can send.
        timeout: seconds the caller waits for one read; None means without limit.
    """

    method: str
    origin: str
    path: str
    query: str = ""
    headers: Headers = NO_HEADERS
    body: bytes | None = None
    replayable: bool = True
    timeout: float | None = None

    def __repr__(self) -> str:
        return (
            f"Request({self.method} {self.origin}{self.path})"  # crash reporters show values (S13)
        )


class Reply(NamedTuple):
    """One HTTP reply.

    Args:
        status: HTTP status code.
        headers: looked up by lower-case name.
        body: the decoded body; empty when it was left unread for the caller.
        native: the client library's own response, when it goes back to the caller as it came.
        seconds: how long it took.
        truncated: the connection ended before the body did.
        streaming: the body was left unread and goes to the caller as it comes.
    """

    status: int
    headers: Headers = NO_HEADERS
    body: bytes = b""
    native: object = None
    seconds: float = 0.0
    truncated: bool = False
    streaming: bool = False

    def json(self) -> Json:
        """Parse the body.

        Raises:
            ValueError: the body is not JSON.
        """
        return json.loads(self.body)


class Trouble(StrEnum):
    """Why there is no reply, whatever the library that said so."""

    DNS = "dns"
    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect-timeout"
    TLS = "tls"
    PROXY = "proxy"
    POOL_TIMEOUT = "pool-timeout"
    WRITE = "write"
    WRITE_TIMEOUT = "write-timeout"
    READ_TIMEOUT = "timeout"
    RESET = "reset"
    REDIRECTS = "redirects"
    DECODING = "decoding"
    MISUSE = "misuse"
    OTHER = "other"


class NoReply(NamedTuple):
    """A request that ended without a usable reply.

    Args:
        trouble: what happened.
        error: the library's own exception, raised again when it is the last word.
        seconds: how long it took.
    """

    trouble: Trouble
    error: BaseException
    seconds: float = 0.0


class Mode(StrEnum):
    """How the caller waits for his generation."""

    BLOCK = "block"  # one request, the finished output comes back
    WAIT = "wait"  # held for some seconds, then a job
    QUEUE = "queue"  # a job at once
    STREAM = "stream"  # server-sent events


@dataclass(frozen=True, slots=True)
class Create:
    """The caller asks for a generation.

    Args:
        mode: how he waits.
        slug: the endpoint, when the path tells it; else it is in the body.
        wait: seconds he is held at most, in mode WAIT.
    """

    mode: Mode
    slug: str | None = None
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """The caller asks how a job is getting on."""

    job: str
    stream: bool = False  # as server-sent events, open until the job ends


@dataclass(frozen=True, slots=True)
class Result:
    """The caller asks for what a finished job produced."""

    job: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """The caller asks to end a job."""

    job: str


@dataclass(frozen=True, slots=True)
class Stream:
    """The caller follows a job's output as server-sent events."""

    job: str


@dataclass(frozen=True, slots=True)
class Describe:
    """The caller's SDK asks about the model version it has just used."""

    slug: str
    version: str


Intent: TypeAlias = Create | Poll | Result | Cancel | Stream | Describe


@dataclass(frozen=True, slots=True)
class Asked:
    """What a create request says, once its body is read.

    Args:
        slug: the endpoint at the caller's own provider.
        input: the model's input, as the caller spelled it.
        version: the version id the caller named, if he did.
        stream: he asked for an event stream beside the job.
        closed: why this call can't be served elsewhere (`webhook`, `headers`), or None.
    """

    slug: str
    input: dict[str, Json]
    version: str | None = None
    stream: bool = False
    closed: str | None = None


class Cause(StrEnum):
    """What a provider's error reply, or a failed job, says about whose fault it is."""

    UNSPECIFIED = "unspecified"
    RATE = "rate"  # too many requests
    BALANCE = "balance"  # no money, quota used up, account locked
    BAD_KEY = "bad-key"
    FORBIDDEN = "forbidden"  # this key may not use this model, region or feature
    NOT_FOUND = "not-found"
    VALIDATION = "validation"
    POLICY = "policy"  # content policy, moderation, NSFW
    PROVIDER = "provider"  # the provider's own infrastructure says it failed
    NEVER_RAN = "never-ran"  # the provider says the work did not start
    DEADLINE = "deadline"  # a start deadline that came with the request has passed
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Done:
    """The generation is finished.

    Args:
        output: the endpoint's raw output.
        seconds: how long the provider says it ran.
        logs: what the run printed.
        job: the provider's own id, when this reply gave one.
    """

    output: Json
    seconds: float | None = None
    logs: str | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The provider has the job and is not finished.

    Args:
        job: the provider's own id, when this reply gave one.
        running: it has left the queue.
        ready: it has ended; whether well or not is in the result, which must be fetched.
        position: requests ahead of it in the queue.
        logs: what the run printed so far.
    """

    job: str | None = None
    running: bool = False
    ready: bool = False
    position: int | None = None
    logs: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider says that the generation failed, or its reply can't be understood.

    Args:
        cause: whose fault it is.
        message: the provider's words, for the caller only; never logged.
        status: the HTTP status that goes with it.
        malformed: the reply was not what the provider's protocol promises.
        lost: nobody said that it failed; its owner doesn't know it or can't be reached.
    """

    cause: Cause
    message: str = ""
    status: int = 500
    malformed: bool = False
    lost: bool = False


Outcome: TypeAlias = Done | Pending | Failed


class Phase(StrEnum):
    """Which step of a generation a request is."""

    SUBMIT = "submit"
    POLL = "poll"
    RESULT = "result"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Job:
    """A generation that the caller knows by `id` and that runs at `provider`.

    Args:
        id: the id the caller holds; his own provider's form.
        caller: the provider whose dialect the caller speaks.
        source: the endpoint he asked for.
        provider: who runs it.
        target: the endpoint that runs it.
        native: the id it has there.
        key: id of the key it was submitted with.
        call: id of the call.
        created: wall-clock seconds when it was accepted.
        mode: how the caller waits.
        version: the version id he named.
        model: canonical model.
        stream: he was promised an event stream.
        cancelled: he ended it.
        input: what he asked; kept only in this process unless the job can still move.
    """

    id: str
    caller: str
    source: str
    provider: str
    target: str
    native: str
    key: str
    call: str
    created: float
    mode: Mode = Mode.QUEUE
    version: str | None = None
    model: str = ""
    stream: bool = False
    cancelled: bool = False
    input: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model's address at one provider.

    Args:
        provider: provider name.
        slug: the exact path the provider knows it by.
        kind: `image`, `image-edit`, `video` …
        version: version id that must be submitted, for models that have no address of their own.
        official: submitted by name rather than by version.
        retired: ISO date after which it is never a target, or None.
    """

    provider: str
    slug: str
    kind: str
    version: str | None = None
    official: bool | None = None
    retired: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint that can serve a call, and the canonical model it stands for."""

    model: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Translation:
    """A call in the words of a target.

    Args:
        inputs: one input for each request that has to be made.
        dropped: the caller's parameters that could not be carried.
        changed: what was approximated, one short printable line each.
    """

    inputs: tuple[dict[str, Json], ...]
    dropped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call can't be put faithfully into the words of a target.

    Args:
        reason: one of a few words, such as `essential`, `shape`, `count`.
        parameter: the caller's parameter it fails on.
    """

    reason: str
    parameter: str | None = None


class UnreadableOutput(ValueError):
    """No media or text could be found in an output."""

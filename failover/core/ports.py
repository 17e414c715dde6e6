"""What the flow needs from the rest of the package, as protocols, so that core imports none of it.

A dialect is a stateless object with two faces. Inbound it reads a caller's request and words an
answer for him; outbound it words a request for its provider and reads the reply. A dialect says
where a credential goes (see `failover.dialects`), and never holds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from random import Random

    from failover.core.health import Entry
    from failover.core.settings import Settings
    from failover.core.types import (
        Asked,
        Cause,
        Create,
        Endpoint,
        Intent,
        Job,
        Outcome,
        Phase,
        Refusal,
        Reply,
        Request,
        Target,
        Translation,
    )
    from failover.core.verdict import Bill
    from failover.core.watch import Watch


class Outbound(Protocol):
    """The face towards a provider."""

    @property
    def provider(self) -> str:
        """The provider's name."""

    def submit(
        self, endpoint: Endpoint, input: Mapping[str, Any], *, seconds: float | None, last: bool
    ) -> Request:
        """Word a submit that makes a job.

        Args:
            endpoint: what to run.
            input: the endpoint's own input.
            seconds: after how long nobody wants the result any more, or None.
            last: no other candidate follows, so the provider's own retries are welcome.
        """

    def poll(self, job: Job) -> Request:
        """Word a question about a job's state."""

    def result(self, job: Job) -> Request:
        """Word a request for what a finished job produced."""

    def cancel(self, job: Job) -> Request:
        """Word a request to end a job."""

    def read(self, reply: Reply, phase: Phase) -> Outcome:
        """Say what a reply means; never raises, whatever the body."""

    def cause(self, reply: Reply) -> Cause:
        """Say whose fault an error reply is, from its status, headers and body."""


class Inbound(Outbound, Protocol):
    """A dialect whose SDKs are intercepted."""

    def recognise(self, request: Request) -> Intent | None:
        """Say what the caller wants, by origin and path alone; None when it is not ours."""

    def asked(self, request: Request, intent: Create) -> Asked | None:
        """Read a create request; None when its body is not one that can be served elsewhere."""

    def intact(self, reply: Reply, intent: Create, names: frozenset[str]) -> bool:
        """Whether a 2xx of the caller's own provider is what its protocol promises.

        Args:
            reply: the reply.
            intent: what was asked.
            names: the parts of the endpoint's output; empty when it is not known.
        """

    def stop(self, request: Request) -> Reply | None:
        """Word what ends an SDK's own resending; None for a caller that does not resend."""

    def new_id(self, random: Random) -> str:
        """Make a job id in the provider's own form."""

    def answer(self, intent: Intent, job: Job, outcome: Outcome) -> Reply:
        """Word an outcome so that the caller's SDK is satisfied."""


class Catalog(Protocol):
    """Which endpoints are the same model, and how a call reads at each."""

    def endpoint(self, provider: str, slug: str) -> Endpoint | None:
        """Find an endpoint by its exact slug."""

    def slug_of_version(self, version: str) -> str | None:
        """Find the slug of a version id."""

    def model(self, source: Endpoint, input: Mapping[str, Any]) -> str | None:
        """Name the canonical model that a call to an endpoint asks for."""

    def targets(self, source: Endpoint, input: Mapping[str, Any]) -> tuple[Target, ...]:
        """List the same model's endpoints at other providers."""

    def endpoints_of(self, model: str) -> tuple[Endpoint, ...]:
        """List a model's endpoints."""

    def translate(
        self, source: Endpoint, target: Target, input: Mapping[str, Any], *, fidelity: str = "close"
    ) -> Translation | Refusal:
        """Put a call into the words of a target."""

    def answer(
        self, source: Endpoint, target: Endpoint, input: Mapping[str, Any], output: Any
    ) -> Any:
        """Put a target's output into the form of the source.

        Raises:
            UnreadableOutput: nothing could be found in it.
        """

    def output_schema(self, endpoint: Endpoint) -> dict[str, Any] | None:
        """The schema of what an endpoint returns."""


class Health(Protocol):
    """The local view of what is cooling; reading it costs no I/O."""

    @property
    def clear(self) -> bool:
        """Nothing is known against anybody."""

    def stale(self) -> bool:
        """Whether other processes may know more."""

    def entry(self, scope: str) -> Entry:
        """GO, REFUSED, or PROBE when the store must be asked who may probe."""

    def generation(self, scope: str) -> int:
        """The generation to report under."""

    def generations(self) -> Mapping[str, int]:
        """The generation of every scope as it is now; what is returned never changes."""

    def counted(self, scope: str) -> bool:
        """Whether a success would change anything."""


class Memory(Protocol):
    """What this process remembers between calls, bounded."""

    def exhausted(self, who: Callable[[], Hashable], request: Request) -> Bill | None:
        """What a call that just failed everywhere may have cost, if it is being sent again."""

    def note_exhausted(self, who: Hashable, request: Request, bill: Bill) -> None:
        """Remember that a call failed everywhere, and what it may have cost."""

    def watch(self, job: Job) -> Watch:
        """What was last seen of a job."""

    def reached_another(self, provider: str, since: float) -> bool:
        """Whether any other provider has answered since a moment of the monotonic clock."""

    def note_reached(self, provider: str, now: float) -> None:
        """Remember that a provider has answered."""

    def slug_of(self, version: str) -> str | None:
        """The slug of a version id that went by earlier."""

    def note_version(self, version: str, slug: str) -> None:
        """Remember which slug a version id belongs to."""

    def was_rerouted(self, version: str) -> bool:
        """Whether a call for this version was served elsewhere lately."""

    def note_rerouted(self, version: str) -> None:
        """Remember that a call for this version was served elsewhere."""


class Context(Protocol):
    """Everything a flow may consult without waiting."""

    @property
    def settings(self) -> Settings:
        """The user's policy."""

    @property
    def catalog(self) -> Catalog:
        """The models."""

    @property
    def health(self) -> Health:
        """What is cooling."""

    @property
    def memory(self) -> Memory:
        """What this process remembers."""

    @property
    def random(self) -> Random:
        """The source of chance."""

    @property
    def verbose(self) -> bool:
        """Somebody listens to routine events."""

    def output_names(self, dialect: Inbound, intent: Create) -> frozenset[str]:
        """The parts of the output of the endpoint asked for; empty when it is not known."""

    def quiet(self) -> bool:
        """Nothing is cooling, nothing to be refreshed, nobody listens to routine events."""

    def clock(self) -> float:
        """Monotonic seconds."""

    def wall(self) -> float:
        """Wall-clock seconds since the epoch."""

    def who(self) -> Hashable:
        """The thread and task that is calling."""

    def dialect(self, provider: str) -> Outbound:
        """The dialect of a provider."""

    def keys(self, provider: str) -> tuple[str, ...]:
        """Ids of the keys that may be used at a provider, in order."""

    def caller_key(self, provider: str, request: Request) -> str:
        """Id of the key a caller's request carries; empty when it carries none."""

"""A small world for the flow: real dialects, two models, a clock that only moves when told.

`World` is the flow's context (`failover.core.ports.Context`); `script.py` plays its store.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from failover.core.health import Entry, Standing, after_success
from failover.core.settings import Settings
from failover.core.types import (
    Endpoint,
    Job,
    Refusal,
    Request,
    Target,
    Translation,
    UnreadableOutput,
)
from failover.core.watch import Watch
from failover.dialects import PROVIDERS, inbound

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from failover.core.ports import Inbound
    from failover.core.types import Create
    from failover.core.verdict import Bill

PROMPT = "a fox that nobody may read about"
SECRET = "s3cr3t"
VERSION = "c" * 64
FAL = Endpoint("fal", "fal-ai/flux/schnell", "image")
REPLICATE = Endpoint("replicate", "black-forest-labs/flux-schnell", "image", official=True)
FAL_PRO = Endpoint("fal", "fal-ai/flux-pro", "image")
REPLICATE_PRO = Endpoint("replicate", "black-forest-labs/flux-pro", "image", official=True)
RETIRED = Endpoint("replicate", "old/flux-schnell", "image", retired="2025-01-01")
MODELS = {"schnell": (FAL, REPLICATE, RETIRED), "pro": (FAL_PRO, REPLICATE_PRO)}
UNTRANSLATABLE = {"mask": "essential"}  # the tiny catalog can't carry a mask
PICTURE = "https://cdn.example/fox.webp"


class TinyCatalog:
    """Two models at two providers; `mask` can't be carried, `loras` is dropped, sizes change."""

    def endpoint(self, provider: str, slug: str) -> Endpoint | None:
        for endpoint in (*MODELS["schnell"], *MODELS["pro"]):
            if (endpoint.provider, endpoint.slug) == (provider, slug):
                return endpoint
        return None

    def slug_of_version(self, version: str) -> str | None:
        return REPLICATE.slug if version == VERSION else None

    def model(self, source: Endpoint, input: Mapping[str, Any]) -> str | None:
        if input.get("unheard_of"):
            return None
        return next((name for name, rows in MODELS.items() if source in rows), None)

    def targets(self, source: Endpoint, input: Mapping[str, Any]) -> tuple[Target, ...]:
        model = self.model(source, input)
        if model is None or input.get("only_here"):
            return ()
        return tuple(Target(model, row) for row in MODELS[model] if row is not source)

    def endpoints_of(self, model: str) -> tuple[Endpoint, ...]:
        return MODELS[model]

    def translate(
        self, source: Endpoint, target: Target, input: Mapping[str, Any], *, fidelity: str = "close"
    ) -> Translation | Refusal:
        for word, reason in UNTRANSLATABLE.items():
            if word in input:
                return Refusal(reason, word)
        dropped = tuple(word for word in ("loras",) if word in input)
        if dropped and fidelity == "exact":
            return Refusal("fidelity", dropped[0])
        changed = ("size: 500 to 512",) if "size" in input else ()
        kept = {name: value for name, value in input.items() if name not in dropped}
        return Translation((kept,), dropped, changed)

    def answer(
        self, source: Endpoint, target: Endpoint, input: Mapping[str, Any], output: Any
    ) -> Any:
        images = output.get("images", ()) if isinstance(output, dict) else output or ()
        urls = [entry["url"] if isinstance(entry, dict) else entry for entry in images]
        if not urls:
            raise UnreadableOutput("nothing in it")
        return urls if source.provider == "replicate" else {"images": [{"url": u} for u in urls]}

    def output_schema(self, endpoint: Endpoint) -> dict[str, Any] | None:
        return {"type": "array"} if endpoint == REPLICATE else None


class DictHealth:
    """The health of every scope in a dictionary, under the rules of `failover.core.health`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now = clock
        self.standings: dict[str, Standing] = {}
        self.shared = False

    @property
    def clear(self) -> bool:
        return not self.standings

    def stale(self) -> bool:
        return self.shared

    def entry(self, scope: str) -> Entry:
        standing = self.standings.get(scope)
        if standing is None or not standing.opened:
            return Entry.GO
        return Entry.REFUSED if standing.remaining(self.now()) > 0 else Entry.PROBE

    def generation(self, scope: str) -> int:
        return self.standings[scope].generation if scope in self.standings else 0

    def generations(self) -> Mapping[str, int]:
        return {scope: standing.generation for scope, standing in self.standings.items()}

    def counted(self, scope: str) -> bool:
        standing = self.standings.get(scope)
        return standing is not None and (standing.opened or standing.count > 0)

    def remaining(self, scope: str) -> float:
        return self.standings[scope].remaining(self.now()) if scope in self.standings else 0.0

    def cool(self, scope: str, seconds: float, reason: str = "500") -> None:
        """Take a scope out of rotation for some seconds."""
        self.standings[scope] = Standing(
            scope, 3, 1, self.now(), seconds, reason, generation=1, cap=300.0
        )

    def success(self, scopes: Mapping[str, int]) -> tuple[str, ...]:
        """Record a success; the scopes that it closed."""
        closed = []
        for scope, generation in scopes.items():
            known = self.standings[scope]
            after = after_success(known, generation, self.now())
            if known.opened and not after.opened:
                closed.append(scope)
            self.standings[scope] = after
        return tuple(closed)


class TinyMemory:
    """What the process remembers, in plain sets."""

    def __init__(self) -> None:
        self.failed: dict[tuple[Hashable, bytes | None], Bill] = {}
        self.watches: dict[str, Watch] = {}
        self.versions: dict[str, str] = {}
        self.rerouted: set[str] = set()
        self.reached: dict[str, float] = {}

    def exhausted(self, who: Callable[[], Hashable], request: Request) -> Bill | None:
        return self.failed.get((who(), request.body))

    def note_exhausted(self, who: Hashable, request: Request, bill: Bill) -> None:
        self.failed[who, request.body] = bill

    def watch(self, job: Job) -> Watch:
        return self.watches.setdefault(job.id, Watch())

    def reached_another(self, provider: str, since: float) -> bool:
        return any(at >= since for name, at in self.reached.items() if name != provider)

    def note_reached(self, provider: str, now: float) -> None:
        self.reached[provider] = now

    def slug_of(self, version: str) -> str | None:
        return self.versions.get(version)

    def note_version(self, version: str, slug: str) -> None:
        self.versions[version] = slug

    def was_rerouted(self, version: str) -> bool:
        return version in self.rerouted

    def note_rerouted(self, version: str) -> None:
        self.rerouted.add(version)


class World:
    """The flow's context: everything it may consult, and the store behind it."""

    def __init__(self, *, verbose: bool = False, **settings: Any) -> None:
        self.time = 1000.0
        self.settings = Settings(**{"providers": ("fal", "replicate"), **settings})
        self.catalog = TinyCatalog()
        self.health = DictHealth(self.clock)
        self.memory = TinyMemory()
        self.random = Random(7)
        self.verbose = verbose
        self.jobs: dict[str, Job] = {}
        self.pool: dict[str, tuple[str, ...]] = {"fal": ("f1",), "replicate": ("r1",)}
        self.caller = "task-1"
        self.outputs: frozenset[str] = frozenset()

    def output_names(self, dialect: Inbound, intent: Create) -> frozenset[str]:
        return self.outputs if intent.slug == FAL.slug else frozenset()

    def quiet(self) -> bool:
        return self.health.clear and not (self.memory.failed or self.verbose or self.health.shared)

    def clock(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1.7e9 + self.time

    def who(self) -> Hashable:
        return self.caller

    def dialect(self, provider: str) -> Inbound:
        return inbound(provider)

    def keys(self, provider: str) -> tuple[str, ...]:
        return self.pool.get(provider, ())

    def caller_key(self, provider: str, request: Request) -> str:
        """The id is what follows the secret: `Key s3cr3t-f1` is the key `f1`."""
        carried = request.headers.get(PROVIDERS[provider].header) or ""
        return carried.partition(f"{SECRET}-")[2]

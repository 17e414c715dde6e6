"""`explain()`: what would become of a call if its provider failed, without sending anything.

Rules: the decision is the one that real calls get (the same dialects, catalog and order of
candidates), played through with the user's settings but none of his keys, so that no key can show.
A missing key is only a reason. Whatever the call holds, the answer is an `Explanation`.

This file is imported with the package, so its own imports stay inside its functions.
"""

from __future__ import annotations

from failover._failover import Failover
from failover.dialects import PROVIDERS
from failover.errors import ConfigurationError
from failover.policy import _Fixed

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from failover._runtime import Runtime
    from failover.core.types import Endpoint, Intent, Request, Target
    from failover.core.walk import Walk

NO_KEY = "failover-explain-has-no-key"
CLOSED = {
    "webhook": "calls with a webhook stay at their provider: its receiver could not verify another",
    "headers": "this call asks for its provider's own storage, so that it stays there",
}


class Candidate(_Fixed):
    """One other endpoint that serves the call's model.

    Args:
        provider: whose it is.
        endpoint: its slug there.
        model: the canonical model it stands for.
        usable: the call would be sent to it.
        reason: why it would not: `no-key`, `not-in-providers`, `retired`, `no_schema`,
            `no-version`, `no-dialect`, `webhook`, `headers`, or the translation's own word and the
            parameter it fails on (`essential: loras`); None when usable.
        request: `method`, `url` and `body` of what would be sent, without a key; None when the
            call can't be said in its words.
        dropped: the caller's parameters that would not be carried.
        changed: what would be approximated, one line each.
    """

    __slots__ = (
        "changed", "dropped", "endpoint", "model", "provider", "reason", "request", "usable",
    )  # fmt: skip
    provider: str
    endpoint: str
    model: str
    usable: bool
    reason: str | None
    request: dict[str, Any] | None
    dropped: tuple[str, ...]
    changed: tuple[str, ...]

    def __init__(
        self,
        provider: str,
        endpoint: str,
        model: str,
        *,
        reason: str | None = None,
        request: dict[str, Any] | None = None,
        dropped: tuple[str, ...] = (),
        changed: tuple[str, ...] = (),
    ) -> None:
        self._set(
            provider=provider,
            endpoint=endpoint,
            model=model,
            usable=reason is None,
            reason=reason,
            request=request,
            dropped=dropped,
            changed=changed,
        )


class Explanation(_Fixed):
    """What is known about a call, and who else could serve it.

    Args:
        provider: whose URL it is; None when it is nobody's that is watched.
        intent: `create`, `poll`, `result`, `cancel`, `stream` or `describe`; None when it is none.
        mode: how the caller waits: `block`, `wait`, `queue` or `stream`; None unless `create`.
        endpoint: the slug asked for; None when there is none.
        model: the canonical model that the call means; None when unknown.
        kind: what the endpoint makes, such as `image`; None when unknown.
        known: the endpoint is in the catalog, or among the user's models.
        candidates: the others that serve the model, in the order in which they would be tried;
            those that are never tried come last.
        notes: what a person should know, one sentence each.
    """

    __slots__ = (
        "candidates", "endpoint", "intent", "kind", "known", "mode", "model", "notes", "provider",
    )  # fmt: skip
    provider: str | None
    intent: str | None
    mode: str | None
    endpoint: str | None
    model: str | None
    kind: str | None
    known: bool
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]

    def __init__(
        self,
        provider: str | None = None,
        *,
        intent: str | None = None,
        mode: str | None = None,
        endpoint: str | None = None,
        model: str | None = None,
        kind: str | None = None,
        known: bool = False,
        candidates: tuple[Candidate, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self._set(
            provider=provider,
            intent=intent,
            mode=mode,
            endpoint=endpoint,
            model=model,
            kind=kind,
            known=known,
            candidates=candidates,
            notes=notes,
        )


def explain(
    url: str,
    json: object,
    *,
    to: str | None = None,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    failover: Failover | None = None,
) -> Explanation:
    """Say what would become of a call if its provider failed. Nothing is sent; no key is needed.

    Args:
        url: what the SDK dials, such as `https://fal.run/fal-ai/flux/dev`.
        json: the request's body, before it is encoded.
        to: look at this provider's endpoints only.
        method: the HTTP method.
        headers: the request's headers, where they matter (`Prefer: wait`); a key is not looked at.
        failover: whose settings count; default the installed one, else those of the environment.

    Returns:
        The explanation; for a call that is not watched or not known, one that says so.

    Raises:
        ValueError: `url` is not an absolute http or https URL.
        ConfigurationError: `to` is not a provider, or the environment's settings can't work.
        TypeError: `failover` is not a `Failover`.
    """
    if to is not None and to not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise ConfigurationError(f"to: unknown provider {to!r}; known: {known}")
    settings = _settings(failover)
    found = _request(settings, url, json, method, headers)
    if found is None:
        return Explanation(notes=("not an address that is watched: the call passes untouched",))
    request, provider = found
    runtime = _rehearsal(settings)
    intent = runtime.inbound[provider].recognise(request)
    return _explained(settings, runtime, request, provider, intent, to)


def _settings(failover: Failover | None) -> Failover:
    from failover._patch import slot  # noqa: PLC0415  # imported with the package anyhow

    if failover is None:
        return slot.failover or Failover(store="memory:")
    if not isinstance(failover, Failover):
        raise TypeError("failover= takes a failover.Failover")
    return failover


def _rehearsal(settings: Failover) -> Runtime:
    """The machinery with the user's settings, every provider, and none of his keys or stores."""
    order = (*settings.providers, *(name for name in PROVIDERS if name not in settings.providers))
    keys: dict[str, Any] = dict.fromkeys(PROVIDERS, NO_KEY)
    rehearsal = Failover(
        providers=order,
        policy=settings.policy,
        store="memory:",
        models=settings.models,
        substitutes=settings.substitutes,
        **keys,
    )
    rehearsal.sites = settings.sites
    return rehearsal.runtime


def _request(
    settings: Failover, url: object, body: object, method: object, headers: object
) -> tuple[Request, str] | None:
    """Put a call into the form the dialects read; None when nobody watches its address."""
    from urllib.parse import urlsplit  # noqa: PLC0415  # keeps `import failover` quick

    from failover._sites import PORTS  # noqa: PLC0415  # keeps `import failover` quick
    from failover.core.types import Request  # noqa: PLC0415  # keeps `import failover` quick

    if not isinstance(url, str) or not url.isprintable() or " " in url:
        raise ValueError(f"not a URL: {url!r}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"not a URL: {url!r}") from None
    if parts.scheme not in PORTS or not host:
        raise ValueError(f"not an absolute http or https URL: {url!r}")
    path = parts.path or "/"
    port = PORTS[parts.scheme] if port is None else port
    site = settings.sites.inbound(parts.scheme, host, port, path)
    if site is None or "@" in parts.netloc:  # front doors let a URL with a user name pass
        return None
    named = headers if hasattr(headers, "items") else {}
    kept = {str(name).lower(): str(value) for name, value in named.items()}
    kept.pop(PROVIDERS[site.provider].header, None)
    rest = path.removeprefix(site.prefix)
    verb = str(method).upper()
    request = Request(verb, site.canonical, rest, parts.query, kept, _encoded(body))
    return request, site.provider


def _encoded(body: object) -> bytes | None:
    """The body as bytes; None when it is not JSON."""
    from failover.dialects import wire  # noqa: PLC0415  # keeps `import failover` quick

    try:
        return wire.dumps(body)
    except (TypeError, ValueError, RecursionError):
        return None


def _explained(
    settings: Failover,
    runtime: Runtime,
    request: Request,
    provider: str,
    intent: Intent | None,
    to: str | None,
) -> Explanation:
    from failover.core.types import Create  # noqa: PLC0415  # keeps `import failover` quick
    from failover.core.walk import Walk  # noqa: PLC0415  # keeps `import failover` quick

    if not isinstance(intent, Create):
        if intent is None:
            return Explanation(provider, notes=("not a generation: it passes untouched",))
        note = "not a generation: it goes to where its job runs"
        return Explanation(provider, intent=type(intent).__name__.lower(), notes=(note,))
    walk = Walk(runtime, request, intent, runtime.inbound[provider])
    walk.read()
    source = walk.source or runtime.catalog.endpoint(provider, walk.slug)
    found = tuple(
        candidate
        for candidate in (*_tried(settings, walk), *_never_tried(walk))
        if to in (None, candidate.provider)
    )
    return Explanation(
        provider,
        intent="create",
        mode=intent.mode.value,
        endpoint=walk.slug or None,
        model=walk.model or None,
        kind=source.kind if source else None,
        known=source is not None,
        candidates=found,
        notes=tuple(_notes(walk, source, found, to)),
    )


def _tried(settings: Failover, walk: Walk) -> Iterator[Candidate]:
    """The candidates that the flow would enter, in its order."""
    from failover.core.candidates import candidates  # noqa: PLC0415  # keeps `import failover` quick

    for candidate in candidates(walk):
        yield _said(settings, walk, candidate.target)


def _said(settings: Failover, walk: Walk, target: Target) -> Candidate:
    """One candidate, and the call in its words."""
    from failover.core.types import Refusal  # noqa: PLC0415  # keeps `import failover` quick

    assert walk.source is not None and walk.asked is not None  # noqa: S101, PT018  # candidates() saw to it
    endpoint, runtime = target.endpoint, walk.ctx
    named = (endpoint.provider, endpoint.slug, target.model)
    made = runtime.catalog.translate(
        walk.source, target, walk.asked.input, fidelity=runtime.settings.fidelity
    )
    if isinstance(made, Refusal):
        where = f": {made.parameter}" if made.parameter else ""
        return Candidate(*named, reason=f"{made.reason}{where}")
    return Candidate(
        *named,
        reason=walk.asked.closed or _unavailable(settings, endpoint.provider),
        request=_worded(settings, walk, endpoint, made.inputs[0]),
        dropped=made.dropped,
        changed=made.changed,
    )


def _unavailable(settings: Failover, provider: str) -> str | None:
    """Why a provider is out of the question with these settings."""
    if not settings.keyring.ids(provider):
        return "no-key"
    return None if provider in settings.providers else "not-in-providers"


def _worded(
    settings: Failover, walk: Walk, endpoint: Endpoint, input: Mapping[str, Any]
) -> dict[str, Any]:
    """The request that would be sent, key apart."""
    from failover.dialects import wire  # noqa: PLC0415  # keeps `import failover` quick

    dialect = walk.ctx.dialect(endpoint.provider)
    request = dialect.submit(endpoint, input, seconds=None, last=False)
    url = settings.sites.outbound(request.origin).base + request.path
    return {"method": request.method, "url": url, "body": wire.loads(request.body)}


def _never_tried(walk: Walk) -> Iterator[Candidate]:
    """The model's other endpoints, and why the flow leaves them out."""
    from failover.core.candidates import candidates  # noqa: PLC0415  # keeps `import failover` quick

    if not walk.model or walk.source is None:
        return
    tried = {candidate.target.endpoint for candidate in candidates(walk)}
    for endpoint in walk.ctx.catalog.endpoints_of(walk.model):
        if endpoint not in tried and endpoint.provider != walk.provider:
            yield Candidate(
                endpoint.provider, endpoint.slug, walk.model, reason=_left_out(walk, endpoint)
            )


def _left_out(walk: Walk, endpoint: Endpoint) -> str:
    if endpoint.provider not in PROVIDERS:
        return "no-dialect"
    if endpoint.retired is not None:
        return "retired"
    known = walk.ctx.catalog.endpoint(endpoint.provider, endpoint.slug)
    return "no_schema" if known is None else "no-version"


def _notes(
    walk: Walk, source: Endpoint | None, found: tuple[Candidate, ...], to: str | None
) -> Iterator[str]:
    """What a person should know besides."""
    if walk.asked is None:
        yield "the body is not what this provider takes: a JSON object with the model's input"
    elif walk.asked.closed:
        yield CLOSED[walk.asked.closed]
    if source is None:
        if walk.asked is not None or walk.slug:
            yield _unknown(walk)
        return
    if source.retired is not None:
        yield f"{source.slug} is retired at {source.provider} ({source.retired})"
    if to == source.provider:
        yield f"{to} is the caller's own provider: only its other keys would be tried there"
    elif walk.asked is not None and not walk.model:
        yield "no model that others serve fits these inputs"
    elif walk.asked is not None and not found:
        yield f"no endpoint of {walk.model} is known at {to or 'another provider'}"
    for provider in dict.fromkeys(row.provider for row in found if row.reason == "no-key"):
        names = (*PROVIDERS[provider].env, PROVIDERS[provider].env_pool)
        yield f"no key of {provider}: set {' or '.join(names)}, or pass {provider}=..."


def _unknown(walk: Walk) -> str:
    """Say that an endpoint is not known, and what makes it so."""
    asked = walk.slug or (walk.asked.version if walk.asked else None) or "it"
    named = dict.fromkeys(PROVIDERS, "owner/name")
    named[walk.provider] = walk.slug or "owner/name:version"
    places = ", ".join(f'{name}="{slug}"' for name, slug in named.items())
    return (
        f"{asked} is not known: the call passes untouched and is not served elsewhere; "
        f'add it with failover.Model("a-name", {places})'
    )

"""Which origins belong to which provider: exact scheme, host and port, nothing looser (S5).

Dialects speak of canonical origins (`https://queue.fal.run`). A site says under which address one
is really served: the provider's own, its official backup, or a base URL that the user gave.
"""

from __future__ import annotations

from failover.dialects import PROVIDERS, Provider
from failover.errors import ConfigurationError

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PORTS = {"https": 443, "http": 80}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Site:
    """One address at which a canonical origin is served.

    Args:
        provider: whose it is.
        canonical: the origin that the dialect knows.
        scheme: `https`, or `http` on loopback.
        host: exact host name, lower case.
        port: TCP port.
        prefix: path that precedes the provider's own, without a trailing slash.
    """

    __slots__ = ("canonical", "host", "port", "prefix", "provider", "scheme")

    def __init__(
        self, provider: str, canonical: str, scheme: str, host: str, port: int, prefix: str
    ) -> None:
        self.provider = provider
        self.canonical = canonical
        self.scheme = scheme
        self.host = host
        self.port = port
        self.prefix = prefix

    @property
    def base(self) -> str:
        """The URL to put before a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if PORTS[self.scheme] == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"


class Sites:
    """Every address that is watched, and where each provider is dialled.

    Args:
        base_urls: provider name to a base URL, or to a mapping of canonical host to base URL.
        environ: for the variables by which SDKs move their hosts.

    Raises:
        ConfigurationError: a base URL that can't be used.
    """

    __slots__ = ("_outbound", "_trusted", "by_host")

    def __init__(self, base_urls: Mapping[str, object], environ: Mapping[str, str]) -> None:
        self.by_host: dict[str, tuple[Site, ...]] = {}
        self._outbound: dict[str, Site] = {}
        self._trusted: dict[str, set[tuple[str, str, int]]] = {}
        for name in base_urls:
            if name not in PROVIDERS:
                known = ", ".join(PROVIDERS)
                raise ConfigurationError(f"base_urls: unknown provider {name!r}; known: {known}")
        for provider in PROVIDERS.values():
            trusted = self._trusted.setdefault(provider.name, set())
            trusted.update(("https", host, 443) for host in provider.trusted)
            for site in _sites_of(provider, base_urls.get(provider.name), environ):
                trusted.add((site.scheme, site.host, site.port))
                if provider.inbound:
                    self.by_host[site.host] = (*self.by_host.get(site.host, ()), site)
                self._outbound[site.canonical] = site  # the last one named is the user's

    def inbound(self, scheme: str, host: str, port: int, path: str) -> Site | None:
        """Find the site that a URL names.

        Args:
            scheme: as dialled.
            host: as dialled.
            port: as dialled.
            path: raw path.
        """
        best: Site | None = None
        for site in self.by_host.get(host, ()):
            fits = site.scheme == scheme and site.port == port
            longer = best is None or len(site.prefix) > len(best.prefix)
            if fits and longer and path.startswith(site.prefix + "/"):
                best = site
        return best

    def outbound(self, canonical: str) -> Site:
        """Where a canonical origin is dialled."""
        return self._outbound[canonical]

    def may_carry(self, provider: str, scheme: str, host: str, port: int) -> bool:
        """Whether a provider's key may travel to an origin (S3)."""
        return (scheme, host, port) in self._trusted[provider]


def _sites_of(provider: Provider, base: object, environ: Mapping[str, str]) -> Iterator[Site]:
    """A provider's addresses; the one to dial comes last for each canonical origin."""
    moved = _base_urls(provider, base)
    for canonical, others in provider.sites.items():
        for origin in (*others, canonical):
            yield Site(provider.name, canonical, "https", origin.removeprefix("https://"), 443, "")
    for variable, canonical in _moved_by_environ(provider, environ).items():
        yield _site(provider.name, canonical, variable)
    for canonical, url in moved.items():
        yield _site(provider.name, canonical, url)


def _moved_by_environ(provider: Provider, environ: Mapping[str, str]) -> dict[str, str]:
    """Base URL to canonical origin, for hosts that the SDK's own variables move."""
    moved: dict[str, str] = {}
    for variable, canonical in provider.env_hosts.items():
        value = environ.get(variable, "").strip()
        if not value and variable == "FAL_QUEUE_RUN_HOST" and environ.get("FAL_RUN_HOST"):
            value = f"queue.{environ['FAL_RUN_HOST'].strip()}"  # as the SDK derives it
        if value:
            moved[value if "://" in value else f"https://{value}"] = canonical
    return moved


def _base_urls(provider: Provider, base: object) -> dict[str, str]:
    """Canonical origin to the URL that the user gave for it."""
    if base is None:
        return {}
    if isinstance(base, str):
        return dict.fromkeys(provider.sites, base)
    if not isinstance(base, dict):
        raise ConfigurationError(f"base_urls[{provider.name!r}] takes a URL or a dict of URLs")
    moved = {}
    for host, url in base.items():
        canonical = host if "://" in str(host) else f"https://{host}"
        if canonical not in provider.sites or not isinstance(url, str):
            known = ", ".join(site.removeprefix("https://") for site in provider.sites)
            raise ConfigurationError(f"base_urls[{provider.name!r}]: {host!r} is none of {known}")
        moved[canonical] = url
    return moved


def _site(provider: str, canonical: str, url: str) -> Site:
    """Parse a user's address, refusing what could be read in two ways."""
    from urllib.parse import urlsplit  # noqa: PLC0415  # not needed by most users

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError(f"{provider}: {url!r} is not a URL") from None
    if not url.isascii() or "@" in url or "\\" in url or parts.query or parts.fragment or not host:
        raise ConfigurationError(
            f"{provider}: a base URL has a plain host and path only, such as https://host/path"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise ConfigurationError(f"{provider}: {url!r} must be https (http only on loopback)")
    prefix = parts.path.rstrip("/")
    return Site(provider, canonical, parts.scheme, host, port or PORTS[parts.scheme], prefix)

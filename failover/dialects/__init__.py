"""Wire formats, one file each, and the table that names them.

A dialect is a stateless object of pure functions (see `failover.core.ports`). This file holds what
must be known before any of them is imported: hosts, environment variables and where a key goes.
Adding a provider is one file in this folder and one row here.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from failover.core.ports import Inbound, Outbound


class Provider:
    """What is fixed about one provider.

    Args:
        name: the name users write.
        sites: canonical origin to the other origins that serve the same thing.
        inbound: its SDKs are intercepted.
        trusted: further hosts its key may travel to when the caller's SDK sends it there.
        env: variables that hold one key, in order.
        env_pool: variable that holds several, comma-separated.
        env_pair: two variables whose values make one key, joined by a colon.
        env_hosts: variable naming another host to canonical origin.
        header: the request header that carries the key.
        scheme: what precedes the key in that header.
    """

    __slots__ = (
        "env",
        "env_hosts",
        "env_pair",
        "env_pool",
        "header",
        "inbound",
        "name",
        "scheme",
        "sites",
        "trusted",
    )

    def __init__(
        self,
        name: str,
        *,
        sites: dict[str, tuple[str, ...]],
        inbound: bool = False,
        trusted: tuple[str, ...] = (),
        env: tuple[str, ...] = (),
        env_pool: str = "",
        env_pair: tuple[str, str] | None = None,
        env_hosts: dict[str, str] | None = None,
        header: str = "authorization",
        scheme: str = "Bearer ",
    ) -> None:
        self.name = name
        self.sites = sites
        self.inbound = inbound
        self.trusted = trusted
        self.env = env
        self.env_pool = env_pool
        self.env_pair = env_pair
        self.env_hosts = env_hosts or {}
        self.header = header
        self.scheme = scheme


PROVIDERS: dict[str, Provider] = {
    row.name: row
    for row in (
        Provider(
            "fal",
            inbound=True,
            sites={
                "https://fal.run": ("https://falrun.com",),
                "https://queue.fal.run": ("https://queue.falrun.com",),
            },
            trusted=("rest.fal.ai", "rest.alpha.fal.ai", "api.fal.ai", "ws.fal.run"),
            env=("FAL_KEY",),
            env_pool="FAL_KEYS",
            env_pair=("FAL_KEY_ID", "FAL_KEY_SECRET"),
            env_hosts={
                "FAL_RUN_HOST": "https://fal.run",
                "FAL_QUEUE_RUN_HOST": "https://queue.fal.run",
            },
            scheme="Key ",
        ),
        Provider(
            "replicate",
            inbound=True,
            sites={"https://api.replicate.com": ()},
            trusted=(
                "stream.replicate.com",
                "streaming.api.replicate.com",
                "streaming-api.svc.us.c.replicate.net",
                "replicate.delivery",
                "pbxt.replicate.delivery",
            ),
            env=("REPLICATE_API_TOKEN",),
            env_pool="REPLICATE_API_TOKENS",
            env_hosts={"REPLICATE_BASE_URL": "https://api.replicate.com"},
        ),
    )
}

_FILES = {
    "fal": ("failover.dialects.fal", "Fal"),
    "replicate": ("failover.dialects.replicate", "Replicate"),
}


def dialect(provider: str) -> Outbound:
    """Make the dialect of a provider.

    Args:
        provider: a name in `PROVIDERS`.
    """
    from importlib import import_module  # noqa: PLC0415  # keeps install() quick

    module, name = _FILES[provider]
    made: Outbound = getattr(import_module(module), name)()
    return made


def inbound(provider: str) -> Inbound:
    """Make the dialect of a provider whose SDKs are intercepted."""
    made: Inbound = dialect(provider)  # type: ignore[assignment]  # the row says inbound
    return made

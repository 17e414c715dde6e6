"""Which proxy the environment names for a URL, as httpx' own clients read it."""

from __future__ import annotations

from typing import Any


def proxy_for(url: Any) -> str | None:
    """The proxy that the environment names for a URL, or None.

    Args:
        url: a parsed URL with `scheme` and `host`.
    """
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # slow to import

    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"

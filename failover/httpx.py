"""Explicit transports for httpx.

    httpx.Client(transport=failover.httpx.FailoverTransport(fo))
    httpx.AsyncClient(transport=failover.httpx.AsyncFailoverTransport(fo))

Needs the extra `failover[httpx]`.
"""

from __future__ import annotations

try:
    import httpx
except ImportError as missing:  # pragma: no cover - covered by the test that installs no extras
    raise ImportError("failover.httpx needs httpx: pip install 'failover[httpx]'") from missing

from failover._transports import transports

FailoverTransport, AsyncFailoverTransport = transports(httpx)

__all__ = ["AsyncFailoverTransport", "FailoverTransport"]

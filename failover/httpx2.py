"""Explicit transports for httpx2.

    httpx2.Client(transport=failover.httpx2.FailoverTransport(fo))
    httpx2.AsyncClient(transport=failover.httpx2.AsyncFailoverTransport(fo))

Needs the extra `failover[httpx2]`.
"""

from __future__ import annotations

try:
    import httpx2
except ImportError as missing:  # pragma: no cover - covered by the test that installs no extras
    raise ImportError("failover.httpx2 needs httpx2: pip install 'failover[httpx2]'") from missing

from failover._transports import transports

FailoverTransport, AsyncFailoverTransport = transports(httpx2)

__all__ = ["AsyncFailoverTransport", "FailoverTransport"]

"""An explicit adapter for requests.

    session.mount("https://", failover.requests.FailoverAdapter(fo))

Needs the extra `failover[requests]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from requests.adapters import BaseAdapter, HTTPAdapter
except ImportError as missing:  # pragma: no cover - covered by the test that installs no extras
    raise ImportError(
        "failover.requests needs requests: pip install 'failover[requests]'"
    ) from missing

from failover._requests_door import handle

if TYPE_CHECKING:
    from failover._failover import Failover


class FailoverAdapter(HTTPAdapter):
    """An adapter that serves generation calls elsewhere when their provider fails.

    Args:
        failover: the settings.
        adapter: the adapter that does the sending; default this one, an `HTTPAdapter`.
        options: arguments of `HTTPAdapter`.
    """

    def __init__(
        self, failover: Failover, adapter: BaseAdapter | None = None, **options: Any
    ) -> None:
        self._failover = failover
        self._adapter = adapter
        super().__init__(**options)

    def send(self, *args: Any, **options: Any) -> Any:
        """Send one prepared request; arguments as for `HTTPAdapter.send`."""
        send = super().send if self._adapter is None else self._adapter.send
        return handle(self._failover, self, send, args, options)

    def close(self) -> None:
        """Close every connection."""
        if self._adapter is not None:
            self._adapter.close()
        super().close()


__all__ = ["FailoverAdapter"]

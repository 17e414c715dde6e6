"""Telling listeners what happened, without ever letting them harm the call."""

from __future__ import annotations

import _thread  # the same locks as from threading, which is slow to import
import time
from contextlib import contextmanager

TYPE_CHECKING = False  # as type checkers see it; `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from failover.events import Event, Listener, Rerouted

LOG_INTERVAL = 60.0  # seconds between two log lines about the same trouble


class Telling:
    """The listeners of one `Failover`.

    Args:
        on_failover: called with each `Rerouted`.
        on_event: called with every event.
        default: listeners that the package itself adds; they don't make the flow verbose.
    """

    def __init__(
        self,
        on_failover: Callable[[Rerouted], None] | None,
        on_event: Iterable[Listener],
        default: Iterable[Listener] = (),
    ) -> None:
        self._on_failover = on_failover
        self._listeners = tuple(on_event)
        self._default = tuple(default)
        self._logged: dict[object, float] = {}
        self._lock = _thread.allocate_lock()
        self.verbose = bool(self._listeners)

    def tell(self, event: Event) -> None:
        """Call every listener with an event; what they raise is logged and swallowed."""
        for listener in (*self._default, *self._listeners):
            self._call(listener, event)
        if self._on_failover is not None and type(event).__name__ == "Rerouted":
            self._call(self._on_failover, event)

    @contextmanager
    def also(self, listener: Listener) -> Iterator[None]:
        """Call one more listener with every event of a block."""
        before = self._listeners
        self._listeners, self.verbose = (*before, listener), True
        try:
            yield
        finally:
            self._listeners, self.verbose = before, bool(before)

    def defect(self, where: str, error: Exception) -> None:
        """Tell that an error of this library was caught."""
        from failover.events import DefectFound  # noqa: PLC0415  # keeps install() quick

        if self._is_news((where, type(error))):
            self._log("failover: internal error in %s; the call went on without it", where, error)
        self.tell(DefectFound(where=where, error_type=type(error).__name__, at=time.time()))

    def _call(self, listener: Callable[..., None], event: Event) -> None:
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001  # a listener never breaks a call
            if self._is_news(id(listener)):
                self._log("failover: a listener raised on %s", type(event).__name__, error)

    def _is_news(self, subject: object) -> bool:
        """Whether a subject has not been in the log for a while."""
        now = time.monotonic()
        with self._lock:
            if now - self._logged.get(subject, float("-inf")) < LOG_INTERVAL:
                return False
            self._logged[subject] = now
            return True

    @staticmethod
    def _log(message: str, about: str, error: Exception) -> None:
        import logging  # noqa: PLC0415  # heavy, and not needed while all is well

        logging.getLogger("failover").error(message, about, exc_info=error)

"""One log line for each thing an operator should know; on by default.

Lines hold names, numbers and reasons of our own making: no prompt, no key, no URL.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from failover.events import (
    CooldownEnded,
    CooldownStarted,
    DefectFound,
    Exhausted,
    KeyWithheld,
    NotRerouted,
    ParamsDropped,
    Rerouted,
    StoreFailed,
)

if TYPE_CHECKING:
    from failover.events import Event

logger = logging.getLogger("failover")
QUIET_REASONS = ("resubmit",)
WORDS = 256  # characters of one value at the most
WITHHELD_LIMIT = 1000
_withheld: set[tuple[str, str]] = set()  # told once for each host


def log_event(event: Event) -> None:
    """Write a line for an event worth one.

    Args:
        event: any event; routine ones are passed over.
    """
    match event:
        case Rerouted():
            _say(
                logging.WARNING,
                "failover.rerouted model=%s from=%s to=%s reason=%s attempt=%d seconds=%.2f%s",
                event.model,
                event.source,
                event.target,
                event.reason,
                event.attempt,
                event.seconds,
                " possible_duplicate=true" if event.possible_duplicate else "",
            )
        case ParamsDropped():
            _say(
                logging.INFO,
                "failover.translated model=%s to=%s dropped=%s changed=%s",
                event.model,
                event.target,
                ",".join(event.dropped) or "-",
                "; ".join(event.changed) or "-",
            )
        case Exhausted():
            _say(
                logging.ERROR,
                "failover.exhausted model=%s attempts=%s seconds=%.2f",
                event.model,
                ",".join(event.attempts),
                event.seconds,
            )
        case NotRerouted() if event.reason not in QUIET_REASONS:
            _say(
                logging.INFO,
                "failover.not_rerouted provider=%s endpoint=%s reason=%s target=%s parameter=%s",
                event.provider,
                event.endpoint,
                event.reason,
                event.target or "-",
                event.parameter or "-",
            )
        case CooldownStarted():
            level = logging.ERROR if event.scope.startswith("key:") else logging.WARNING
            _say(
                level,
                "failover.cooldown_started scope=%s reason=%s seconds=%.0f",
                event.scope,
                event.reason,
                event.seconds,
            )
        case CooldownEnded():
            _say(logging.INFO, "failover.cooldown_ended scope=%s", event.scope)
        case KeyWithheld():
            first = (event.provider, event.host) not in _withheld
            if first and len(_withheld) < WITHHELD_LIMIT:
                _withheld.add((event.provider, event.host))
            _say(
                logging.WARNING if first else logging.DEBUG,
                "failover.key_withheld provider=%s host=%s",
                event.provider,
                event.host,
            )
        case StoreFailed():
            _say(
                logging.WARNING,
                "failover.store_failed operation=%s error=%s",
                event.operation,
                event.error_type,
            )
        case DefectFound():
            _say(
                logging.WARNING, "failover.defect where=%s error=%s", event.where, event.error_type
            )
        case _:
            pass


def _say(level: int, message: str, *told: object) -> None:
    """Log a line; words that came from outside can't break it or run on for ever (S15)."""
    logger.log(level, message, *(_plain(one) if isinstance(one, str) else one for one in told))


def _plain(text: str) -> str:
    """Printable ASCII of a bounded length."""
    return text[:WORDS].encode("unicode_escape").decode("ascii")[:WORDS]

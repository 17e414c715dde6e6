"""Inputs that only one provider can read.

A file that a caller stored at a provider, behind that provider's key, means nothing elsewhere. It
is never fetched and never sent on; the target is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from failover.catalog.values import Reason

_KEYED_HOSTS: Final = frozenset({"api.replicate.com"})
_DEPTH: Final = 8


def private_reason(value: Any, depth: int = 0) -> Reason | None:
    """Return ``private_input`` when a value holds an address that wants a provider's key.

    Args:
        value: A parameter's JSON value, at any depth.
        depth: How deep the value is already; very deep values are not looked through.
    """
    if isinstance(value, str):
        return "private_input" if _is_keyed(value) else None
    if depth >= _DEPTH:
        return None
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((reason for item in items if (reason := private_reason(item, depth + 1))), None)


def _is_keyed(text: str) -> bool:
    if not text[:8].lower().startswith(("https://", "http://")):
        return False
    try:
        return (urlsplit(text).hostname or "") in _KEYED_HOSTS
    except ValueError:
        return False

"""The same stage as the front doors' tests."""

from __future__ import annotations

from doors.conftest import _clean_world, door, family, fo, network

__all__ = ["_clean_world", "door", "family", "fo", "network"]

"""The errors of misuse. A call never raises one of them: it raises what the caller's library would.

FailoverError
├── ConfigurationError   settings that can't work
├── CatalogError         model data that can't work
└── StoreError           a store that can't be opened
"""

from __future__ import annotations


class FailoverError(Exception):
    """Root of every error of this package."""


class ConfigurationError(FailoverError):
    """Settings that can't work; the message says what to do."""


class CatalogError(FailoverError):
    """Model data that can't work; the message names the row."""


class StoreError(FailoverError):
    """A store that can't be opened; the message says what to do."""

"""Models, their endpoints at each provider, and the translation of calls between them."""

from __future__ import annotations

from failover.catalog.catalog import Catalog
from failover.catalog.user_models import UserCatalog
from failover.catalog.values import Endpoint, Refusal, Target, Translation, UnreadableOutput

__all__ = [
    "Catalog",
    "Endpoint",
    "Refusal",
    "Target",
    "Translation",
    "UnreadableOutput",
    "UserCatalog",
]

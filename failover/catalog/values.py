"""The words of the catalog's answers, and the value types it shares with the flow.

A translation is a `Translation` or a `Refusal`, never an exception.
"""

from __future__ import annotations

from typing import Literal

from failover.core.types import Endpoint, Refusal, Target, Translation, UnreadableOutput

Reason = Literal[
    "essential", "shape", "count", "safety", "exact", "required", "private_input",
    "private_model", "unknown_parameter", "invalid", "no_schema",
]  # fmt: skip
"""Why a call can't go to a target.

essential: it can't take something the call is about. shape: no size, duration … near enough.
count: it can't make that many in one request. safety: it would be weaker than asked.
exact: fidelity ``exact`` and something said would change. required: it wants something the call
doesn't say. private_input, private_model: a file or model that only its own provider can read.
unknown_parameter: fidelity ``exact`` and a parameter that the source's schema doesn't have.
invalid: the call's own value is of a type that the source's schema doesn't allow.
no_schema: the schema of the source or of the target is not known.
"""

__all__ = [
    "Endpoint",
    "Reason",
    "Refusal",
    "Target",
    "Translation",
    "UnreadableOutput",
]

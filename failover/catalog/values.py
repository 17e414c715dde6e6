"""The public value types of the catalog. All are frozen; a translation is a `Translation` or a
`Refusal`, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Fidelity = Literal["exact", "close", "any"]

Reason = Literal[
    "essential", "shape", "count", "safety", "exact", "required", "private_input",
    "private_model", "unknown_parameter", "invalid",
]  # fmt: skip
"""Why a call can't go to a target.

essential: it can't take something the call is about. shape: no size, duration … near enough.
count: it can't make that many in one request. safety: it would be weaker than asked.
exact: fidelity ``exact`` and something said would change. required: it wants something the call
doesn't say. private_input, private_model: a file or model that only its own provider can read.
unknown_parameter: fidelity ``exact`` and a parameter that the source's schema doesn't have.
invalid: the call's own value is of a type that the source's schema doesn't allow.
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model's address at one provider.

    Attributes:
        provider: "fal", "replicate" …
        slug: Exact id there: "fal-ai/flux/dev", "black-forest-labs/flux-dev".
        kind: "image", "image-edit", "video" …
        version: Replicate's 64 hex digits, where calls must name the version.
        official: Replicate: True when calls may name the model alone. None at other providers.
        retired: ISO date since when it is gone, or None.
    """

    provider: str
    slug: str
    kind: str
    version: str | None = None
    official: bool | None = None
    retired: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One candidate for a call: another endpoint of the same model."""

    model: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Translation:
    """A call in the target's words.

    Attributes:
        inputs: The inputs to send, one a request. Today always one; a count that needs several
            requests will make them several.
        dropped: Names of the caller's parameters that could not be carried.
        changed: What was approximated, as "name: said -> sent", printable ASCII, without texts.
    """

    inputs: tuple[dict[str, Any], ...]
    dropped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call can't go to a target, and the caller's (or the target's) parameter in the way."""

    reason: Reason
    parameter: str | None = None


class UnreadableOutput(ValueError):  # noqa: N818 - named for what it is about
    """A finished job's output in which no media and no text can be found."""

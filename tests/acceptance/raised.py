"""What a call raised, in everything that a program can see of it; and calls by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from acceptance import fal_calls, plain_calls, replicate_calls

if TYPE_CHECKING:
    from acceptance.stage import Call, Stage

CALLS_BY_NAME = (*fal_calls.CALLS, *replicate_calls.CALLS, *plain_calls.CALLS)
SHORT_RUN = ("date", "x-fal-request-id")


@dataclass(frozen=True)
class Raised:
    """What a call raised, in everything that a program can see of it."""

    kind: type[BaseException]
    text: str
    status: int | None
    body: bytes | None
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def by(cls, stage: Stage, call: Call) -> Raised:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - any; it is compared afterwards
            call.make(stage)
        error = caught.value
        response = getattr(error, "response", None)
        headers = {} if response is None else dict(response.headers)
        for name in SHORT_RUN:
            headers.pop(name, None)
        return cls(
            type(error),
            str(error),
            getattr(error, "status_code", getattr(error, "status", None)),
            None if response is None else response.content,
            tuple(sorted(headers.items())),
        )

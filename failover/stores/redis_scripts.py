"""The Lua that Redis runs: each verb is one script over one key, and so one atomic step.

The files in `lua/` know no driver and no colour: any client, sync or async, sends the same text.
Numbers that Python knows already are not written down there a second time, but put in front.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from failover.core import health
from failover.stores import contract, rows

_CONSTANTS = {
    "CLOCK_SLACK": health.CLOCK_SLACK,
    "MAX_LEVEL": health.MAX_LEVEL,
    "SERVER_CAP": health.SERVER_CAP,
    "DEFAULT_CAP": health.Standing("").cap,
    "RETENTION": contract.RETENTION,
    "MAX_SCOPES": contract.MAX_SCOPES,
    "ROW_VERSION": rows.ROW_VERSION,
    "MAX_STANDING": rows.MAX_STANDING,
    "MAX_LENGTH": rows.MAX_LENGTH,
    "MAX_GENERATION": rows.MAX_GENERATION,
}


@dataclass(frozen=True, slots=True)
class Script:
    """One verb.

    Args:
        text: Lua.
        sha: the name under which Redis remembers it.
    """

    text: str
    sha: str


@cache
def script(verb: str) -> Script:
    """Load a verb's script.

    Args:
        verb: name of its file in `lua/`, without the ending.

    Returns:
        The script, with all that it needs in front.
    """
    folder = files(__package__) / "lua"
    constants = "".join(f"local {name} = {value!r}\n" for name, value in _CONSTANTS.items())
    shared, own = (
        (folder / f"{name}.lua").read_text(encoding="utf-8") for name in ("standing", verb)
    )
    text = constants + shared + own
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())

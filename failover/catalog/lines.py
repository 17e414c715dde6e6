"""Data files of one JSON object with one entry a line: indexed by key, parsed one entry at a time.

The form keeps the files sorted and comparable line by line, and lets a catalog of hundreds of
entries load in well under a millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any


class Lines(Mapping[str, Any]):
    """A read-only mapping over the text of such a file. An entry is parsed when first asked for."""

    def __init__(self, text: str) -> None:
        self._raw: dict[str, str] = {}
        self._parsed: dict[str, Any] = {}
        for line in text.splitlines():
            if line[:1] == '"':
                end = line.index('": ')
                self._raw[line[1:end]] = line[end + 3 :].rstrip(",")

    @classmethod
    def shipped(cls, folder: str, name: str) -> Lines:
        """Read ``failover/catalog/<folder>/<name>.json`` of this package."""
        return cls(files("failover.catalog").joinpath(folder, f"{name}.json").read_text("utf-8"))

    def __getitem__(self, key: str) -> Any:
        """Return the entry of a key.

        Raises:
            KeyError: There is no such entry.
        """
        if key not in self._parsed:
            self._parsed[key] = json.loads(self._raw[key])
        return self._parsed[key]

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def raw(self, key: str) -> str:
        """Return an entry's text, unparsed."""
        return self._raw[key]


def render_lines(entries: Mapping[str, Any]) -> str:
    """Spell a mapping as such a file: sorted, one entry a line, keys of entries sorted too."""
    lines = [
        f"{json.dumps(key)}: {json.dumps(value, sort_keys=True, separators=(', ', ': '))}"
        for key, value in sorted(entries.items())
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"

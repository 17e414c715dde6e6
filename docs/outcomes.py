"""Write `outcomes.md` from the table that decides: `python docs/outcomes.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from failover.core.verdict import document

TARGET = Path(__file__).with_name("outcomes.md")
BILLS = {"N": "not sent", "R": "refused", "U": "unknown", "A": "accepted"}
FLAGS = {
    ("own", True): "caller's own provider",
    ("own", False): "an alternative",
    ("malformed", True): "can't be read",
    ("malformed", False): "can be read",
    ("asked", True): "says when to come back",
    ("slow", True): "waited long",
    ("worked", True): "worked within the last day",
    ("names_model", True): "names the model",
}
HEAD = """\
# Outcomes

What the end of a send means. This page is written from `failover/core/outcomes.json`, the table
that decides, by `python docs/outcomes.py`.

Rows are tried from the top; the first whose conditions all hold decides. A condition that is not
mentioned always holds.

- **bill**: whether the send may have been paid for. *not sent*: the request did not leave whole.
  *refused*: a server that knows says that it did no chargeable work. *unknown*: it may have been
  done and paid for. *accepted*: the provider took the job.
- **action**: `done`; `failover` to the next provider, after an unknown or accepted bill once per
  call at most; `next-key`: another key of the same provider, then failover; `surface`: the caller
  gets what his own provider said; `skip`: the next candidate, with nothing held against this one.
- **evidence**: whom it speaks against, and the rule by which that one cools. Weak evidence must
  come twice as often. *none*: it says nothing about anybody's health.
- *reconnect*: one instant reconnect first, if it failed in less than 250 ms. *loud*: logged as a
  warning or an error, once per key.
"""


def page() -> str:
    """Render the whole page."""
    data = document()
    return "\n".join([HEAD, *_rows(data), *_notes(data), *_rules(data), *_troubles(data)]) + "\n"


def _rows(data: dict[str, Any]) -> list[str]:
    lines = [
        "| row | what happened | when | bill | action | evidence |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| `{row['id']}` | {row['meaning']} | {_when(row['when'])} | {BILLS[row['bill']]} "
        f"| `{row['action']}`{_extras(row)} | {_evidence(row)} |"
        for row in data["rows"]
    ]


def _when(when: dict[str, Any]) -> str:
    parts = [f"{name} {', '.join(when[name])}" for name in ("phase", "on", "cause") if name in when]
    if when.get("job"):
        parts.append("told by a poll or a result, or inside a success")
    parts += [words for (name, value), words in FLAGS.items() if when.get(name) is value]
    return "; ".join(parts) or "always"


def _extras(row: dict[str, Any]) -> str:
    return "".join(f", {name}" for name in ("reconnect", "loud") if row.get(name))


def _evidence(row: dict[str, Any]) -> str:
    evidence = row.get("evidence")
    if not evidence:
        return "success" if row["action"] == "done" else "none"
    weak = ", weak" if evidence["weight"] < 1 else ""
    return f"{evidence['scope']}: {evidence['rule']}{weak}"


def _notes(data: dict[str, Any]) -> list[str]:
    slow = data["slow"]
    assumed = ", ".join(f"{status} {cause}" for status, cause in data["assumed"].items())
    return [
        "",
        f"*Waited long* is {slow['own']:g} s at the caller's own provider, where he may be waiting",
        f"for the output, and {slow['elsewhere']:g} s at an alternative, which is handed a job.",
        f"When a reply does not tell its cause, the status does: {assumed}.",
        "",
    ]


def _rules(data: dict[str, Any]) -> list[str]:
    lines = [
        "## Cooldown rules",
        "",
        "The first length doubles with each further opening, up to the longest. The scaled ones",
        "are given for the default policy (`cooldown=10`, `max_cooldown=300`) and stretch with it.",
        "",
        "| rule | failures in a row | first, s | longest, s | scaled |",
        "|---|---|---|---|---|",
    ]
    return lines + [
        f"| `{name}` | {rule['threshold']} | {rule['base']:g} | {rule['cap']:g} "
        f"| {'yes' if rule['scaled'] else 'no'} |"
        for name, rule in data["rules"].items()
    ]


def _troubles(data: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## Exceptions",
        "",
        "What each exception class of a client library stands for. Where more than one is named,",
        "the first holds unless a nested exception says one of the others (`*`: any).",
        "",
        "| library | class | trouble |",
        "|---|---|---|",
    ]
    for library in data["troubles"]["libraries"]:
        packages = ", ".join(library["packages"])
        for name, words in library["classes"].items():
            lines.append(f"| {packages} | `{name}` | {words.replace(' ', ', ')} |")
    lines += [
        "",
        "Exceptions of the standard library, bare or nested, by when they were raised: inside a",
        "TLS handshake (nothing of the request was sent), later, or never raised at all. A bare",
        "`TimeoutError` is none of them: it may be the caller's own.",
        "",
        "| class | in the handshake | later | never raised |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| `{name}` | {when['handshake']} | {when['later']} | {when['untold']} |"
        for name, when in data["troubles"]["inside"].items()
    ]


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")

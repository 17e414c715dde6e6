"""Which `Trouble` an exception of a client library stands for; no such library is imported.

Classes are known by package and name, in `outcomes.json`. A class can stand for one trouble, or for
several, between which the exceptions nested in it decide.

Rules:
- "Not sent" must be proven. When an exception leaves it open whether the request had left, it is a
  reset, whose bill is unknown.
- What broke inside a TLS handshake broke before the request was sent; the traceback shows it.
- Errors of sockets and TLS count as well when a library lets them through bare, as httpx does with
  TLS errors of asyncio connections; but a bare `TimeoutError` may be the caller's own.
- An exception of an unknown class is `OTHER`, whatever is nested in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from failover.core.types import Trouble
from failover.core.verdict import document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_LINKS = 32  # nested exceptions looked at
_ANY = frozenset(Trouble)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a library's exception class stands for.

    Args:
        trouble: when nothing nested says it better.
        finer: what nested exceptions may turn it into.
    """

    trouble: Trouble
    finer: frozenset[Trouble]


@lru_cache(maxsize=1)
def _libraries() -> Mapping[tuple[str, str], _Kind]:
    """Every class of the client libraries, by package and name."""
    return {
        (package, name): _kind(words.split())
        for library in document()["troubles"]["libraries"]
        for package in library["packages"]
        for name, words in library["classes"].items()
    }


def _kind(words: list[str]) -> _Kind:
    finer = _ANY if "*" in words else frozenset(map(Trouble, words[1:]))
    return _Kind(Trouble(words[0]), finer)


@lru_cache(maxsize=1)
def _inside() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """The standard library's classes, as found bare or inside a client library's exception."""
    rows = document()["troubles"]["inside"].items()
    return {tuple(name.split(".")): moments for name, moments in rows}


def trouble_of(error: BaseException) -> Trouble:
    """Say what an exception that came out of httpx, httpx2 or requests stands for.

    Args:
        error: the exception; it is only looked at.
    """
    kind = _kind_of(error)
    if kind is not None:
        return _refined(error, kind, {id(error)})
    bare = None if isinstance(error, TimeoutError) else _of_standard_library(error)
    return bare or Trouble.OTHER


def _names(error: BaseException) -> Iterator[tuple[str, str]]:
    """The package and name of an exception's class and of its bases, nearest first."""
    for cls in type(error).__mro__:
        yield cls.__module__.partition(".")[0], cls.__name__


def _kind_of(error: BaseException) -> _Kind | None:
    known = _libraries()
    return next((known[name] for name in _names(error) if name in known), None)


def _refined(error: BaseException, kind: _Kind, seen: set[int]) -> Trouble:
    """The trouble of a library's exception, after a look at what is nested in it."""
    if kind.finer:
        for nested in _links(error) or _context(error):
            found = _nested(nested, seen)
            if found in kind.finer:
                return found
    return kind.trouble


def _nested(error: BaseException, seen: set[int]) -> Trouble | None:
    """The trouble of a nested exception; None when it says nothing."""
    if id(error) in seen or len(seen) >= MAX_LINKS:
        return None
    seen.add(id(error))
    kind = _kind_of(error)
    if kind is not None:
        return _refined(error, kind, seen)
    found = _of_standard_library(error)
    if found is not None:
        return found
    deeper = (_nested(nested, seen) for nested in _links(error))
    return next((trouble for trouble in deeper if trouble is not None), None)


def _of_standard_library(error: BaseException) -> Trouble | None:
    known = _inside()
    moments = next((known[name] for name in _names(error) if name in known), None)
    return None if moments is None else Trouble(moments[_moment(error)])


def _moment(error: BaseException) -> str:
    """When it was raised: in a TLS `handshake`, `later`, or `untold` if it was never raised."""
    trace = error.__traceback__
    if trace is None:
        return "untold"
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "do_handshake":
            return "handshake"
        trace = trace.tb_next
    return "later"


def _links(error: BaseException) -> list[BaseException]:
    """The exceptions that an exception names as its reason."""
    named = [error.__cause__, getattr(error, "reason", None), *error.args]
    if isinstance(error, BaseExceptionGroup):
        named += error.exceptions
    return [link for link in named if isinstance(link, BaseException)]


def _context(error: BaseException) -> list[BaseException]:
    """What was being handled when it was raised, unless that was an earlier request's failure."""
    context = error.__context__
    if context is None or error.__suppress_context__ or _kind_of(context) is not None:
        return []
    return [context]

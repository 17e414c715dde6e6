"""What this process remembers between calls, each thing bounded in number."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from failover.core.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from failover.core.types import Job, Request
    from failover.core.verdict import Bill

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")
RESUBMIT_WINDOW = 120.0  # seconds in which an SDK may send a failed call again (D-9)


class Recent(Generic[K, V]):
    """A dictionary that forgets its oldest entries."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The entry, or None."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> V:
        """Keep an entry; the first one kept under a key stays."""
        with self._lock:
            kept = self._entries.setdefault(key, value)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)
            return kept

    def drop(self, key: K) -> None:
        """Forget an entry."""
        with self._lock:
            self._entries.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """A copy of the entries, oldest first."""
        with self._lock:
            return list(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)


class Memory:
    """The process-local half of the state; losing it loses comfort, never correctness."""

    def __init__(self) -> None:
        self._exhausted: Recent[tuple[Hashable, bytes], tuple[float, Bill]] = Recent(1000)
        self._resent_until = float("-inf")
        self._watches: Recent[str, Watch] = Recent(20_000)
        self._reached: dict[str, float] = {}
        self._slugs: Recent[str, str] = Recent(1000)
        self._rerouted: Recent[str, bool] = Recent(1000)

    def exhausted(self, who: Callable[[], Hashable], request: Request) -> Bill | None:
        """What a call that just failed everywhere may have cost, if it is being sent again."""
        if not self._exhausted:
            return None
        since, bill = self._exhausted.get((who(), _fingerprint(request))) or (None, None)
        return bill if since is not None and time.monotonic() - since < RESUBMIT_WINDOW else None

    @property
    def blank(self) -> bool:
        """No call has failed everywhere lately."""
        return time.monotonic() >= self._resent_until

    def note_exhausted(self, who: Hashable, request: Request, bill: Bill) -> None:
        """Remember that a call failed everywhere, and what it may have cost."""
        key = (who, _fingerprint(request))
        self._exhausted.drop(key)
        self._exhausted.put(key, (time.monotonic(), bill))
        self._resent_until = time.monotonic() + RESUBMIT_WINDOW

    def watch(self, job: Job) -> Watch:
        """What was last seen of a job."""
        return self._watches.get(job.id) or self._watches.put(job.id, Watch())

    def open_jobs(self) -> list[str]:
        """Ids of jobs served elsewhere that this process has not seen end."""
        return [job for job, watch in self._watches.items() if not watch.final]

    def reached_another(self, provider: str, since: float) -> bool:
        """Whether any other provider has answered since a moment of the monotonic clock."""
        return any(at >= since for name, at in self._reached.items() if name != provider)

    def note_reached(self, provider: str, now: float) -> None:
        """Remember that a provider has answered."""
        self._reached[provider] = now

    def slug_of(self, version: str) -> str | None:
        """The slug of a version id that went by earlier."""
        return self._slugs.get(version)

    def note_version(self, version: str, slug: str) -> None:
        """Remember which slug a version id belongs to."""
        self._slugs.put(version, slug)

    def was_rerouted(self, version: str) -> bool:
        """Whether a call for this version was served elsewhere lately."""
        return self._rerouted.get(version) is True

    def note_rerouted(self, version: str) -> None:
        """Remember that a call for this version was served elsewhere."""
        self._rerouted.put(version, True)  # noqa: FBT003  # the value of a set-like entry


def _fingerprint(request: Request) -> bytes:
    """Name a request by what it asks; its origin is canonical, so a backup host is alike."""
    head = f"{request.method} {request.origin}{request.path}?{request.query}\n".encode()
    return hashlib.blake2b(head + (request.body or b""), digest_size=16).digest()

"""How a reply leaves: at once and whole, or late, slow, cut, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from failover.sim.http1 import Reply, head_of, pieces_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Delivery:
    """A reply and what happens to it on the wire.

    Attributes:
        reply: What would be sent.
        wait: Called before the first byte with a test of whether the client is still there.
        cut: Close after so many bytes of head and body; ``headers`` is the middle of the head,
            ``body`` the middle of the body. Zero sends nothing.
        abrupt: Close with a reset (RST) instead of an orderly end.
        bytes_per_second: The pace of the body; ``None`` is as fast as it goes.
        raw: Bytes to send instead of a reply, HTTP or not.
    """

    reply: Reply
    wait: Callable[[Callable[[], bool]], None] | None = None
    cut: int | Literal["headers", "body"] | None = None
    abrupt: bool = False
    bytes_per_second: float | None = None
    raw: bytes | None = None

    @property
    def ends_connection(self) -> bool:
        """Whether the connection is closed after this."""
        return self.cut is not None or self.raw is not None

    def pieces(self, pause: Callable[[float], None], *, head_only: bool) -> Iterator[bytes]:
        """Yield the bytes to send, slowly if asked to.

        Args:
            pause: Waits so many seconds, or less when the world ends.
            head_only: Whether the body is left out, as in a reply to HEAD.
        """
        if self.raw is not None:
            yield self.raw
        elif self.cut is not None:
            yield self._until_cut()
        elif self.bytes_per_second is None:
            yield from pieces_of(self.reply, head_only=head_only)
        else:
            body, size = self.reply.whole(), max(1, int(self.bytes_per_second / 20))
            yield head_of(Reply(self.reply.status, self.reply.headers, body))
            for start in range(0, len(body), size):
                pause(size / self.bytes_per_second)
                yield body[start : start + size]

    def _until_cut(self) -> bytes:
        body = self.reply.whole()
        head = head_of(Reply(self.reply.status, self.reply.headers, body))
        if self.cut == "headers":
            return head[: len(head) // 2]
        if self.cut == "body":
            return head + body[: len(body) // 2]
        return (head + body)[: int(self.cut or 0)]

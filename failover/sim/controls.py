"""The handles by which a test breaks a provider: one method for each way in which it can fail.

Every method but ``heal`` takes effect at once and lasts for ``times`` requests, or until ``heal``.
``on`` names phases: ``submit``, ``run`` (submits that block) and
``queue`` (those that do not), ``poll``, ``result``, ``cancel``,
``stream``, ``upload``, ``asset``, ``any``; several are given as a tuple.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from failover.sim.faults import Cause, Effect, Fault, FaultPlan, JobTrouble, NetworkTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from failover.sim.http1 import Reply

Phases = str | tuple[str, ...]
Lie = Literal["empty", "schemaless", "null", "not_json", "truncated"]

CHAOS_STATUSES = (429, 500, 502, 503, 504)
CHAOS_HANG_SECONDS = 0.2


def _phases(on: Phases) -> frozenset[str]:
    return frozenset({on} if isinstance(on, str) else on)


class FaultControls:
    """Script the faults of one provider."""

    plan: FaultPlan
    job_errors: ClassVar[Collection[str]]
    """The names that ``job_fails`` knows."""

    def fail(
        self,
        status: int | None = None,
        body: Any = None,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
        on: Phases = "submit",
        key: str | None = None,
        endpoint: str | None = None,
        processed: bool = False,
    ) -> Fault:
        """Answer with an error.

        Args:
            status: HTTP status; the provider's own body for it is sent.
            body: Sent instead: JSON data, or bytes or text as they are.
            kind: One of the provider's named errors, e.g. ``rate``, ``balance``, ``bad_key``.
            headers: Further reply headers.
            times: For how many requests.
            on: For which phases.
            key: Only for requests with this key.
            endpoint: Only for requests for this model.
            processed: Whether the work is done (and billed) all the same, as behind a gateway
                that gives up.

        Raises:
            ValueError: If neither a status nor a kind is given, or the kind is unknown.
        """
        if status is None and kind is None:
            raise ValueError("fail() needs a status or a kind")
        self.error(status, kind)
        details = {"status": status, "body": body, "kind": kind, "headers": headers or {}}
        return self.plan.add(
            Fault(
                effect="status",
                on=_phases(on),
                times=times,
                key=key,
                endpoint=endpoint,
                processed=processed,
                details=details,
            )
        )

    def hang(
        self,
        seconds: float | None = None,
        *,
        times: int | None = None,
        on: Phases = "submit",
        processed: bool = True,
    ) -> Fault:
        """Do not answer for so many seconds, or until the fault is released or healed."""
        return self._add("hang", on, times, processed=processed, seconds=seconds)

    def cut(
        self,
        at_byte: int | Literal["headers", "body"] = "body",
        *,
        times: int | None = None,
        on: Phases = "submit",
        reset: bool = False,
        processed: bool = True,
    ) -> Fault:
        """Close the connection in the middle of the reply, in an orderly way or by a reset."""
        return self._add("cut", on, times, processed=processed, at=at_byte, abrupt=reset)

    def reset(
        self, *, times: int | None = None, on: Phases = "submit", processed: bool = True
    ) -> Fault:
        """Reset the connection after the request was read, before any byte of a reply."""
        return self._add("reset", on, times, processed=processed)

    def slow(
        self, bytes_per_second: float, *, times: int | None = None, on: Phases = "any"
    ) -> Fault:
        """Send the reply's body at this pace."""
        return self._add("slow", on, times, processed=True, bytes_per_second=bytes_per_second)

    def garbage(
        self,
        body: bytes = b"<html><body>It works!</body></html>",
        *,
        status: int | None = 200,
        times: int | None = None,
        on: Phases = "submit",
        processed: bool = False,
    ) -> Fault:
        """Answer with bytes that are no reply of this provider.

        Args:
            body: The bytes.
            status: HTTP status to send them with; ``None`` sends them bare, which is not HTTP.
            times: For how many requests.
            on: For which phases.
            processed: Whether the work is done all the same.
        """
        return self._add("garbage", on, times, processed=processed, body=body, status=status)

    def lie(
        self,
        what: Lie = "schemaless",
        *,
        times: int | None = None,
        on: Phases = ("run", "result"),
    ) -> Fault:
        """Answer 200 with an answer that is none.

        Args:
            what: ``empty`` (its lists are empty, its output null), ``schemaless`` (an unrelated
                object), ``null``, ``not_json``, or ``truncated`` (half of the JSON text).
            times: For how many requests.
            on: For which phases.
        """
        return self._add("lie", on, times, processed=True, what=what)

    def job_fails(
        self,
        cause: Cause = "infrastructure",
        *,
        kind: str | None = None,
        message: str | None = None,
        hidden: bool = False,
        times: int | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Let the next generations be accepted and then fail.

        Args:
            cause: Whose fault it is.
            kind: A named error of the provider, instead of the cause's usual one.
            message: The words of the error.
            hidden: Whether only the result, not the status, tells of it (fal).
            times: For how many jobs.
            endpoint: Only for this model.

        Raises:
            ValueError: If the kind is unknown.
        """
        if kind is not None and kind not in self.job_errors:
            raise ValueError(f"no job error named {kind!r}")
        self.plan.add_job(JobTrouble(cause, message, kind, hidden), times, endpoint)

    def job_hangs(
        self,
        where: Literal["queued", "running"] = "running",
        *,
        times: int | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Let the next generations be accepted and never end."""
        self.plan.add_job(JobTrouble(stuck=where), times, endpoint)

    def chaos(self, seed: int, probability: float = 0.2, *, on: Phases = "any") -> None:
        """Strike requests at random, the same way for the same seed and order of requests."""
        phases = _phases(on)

        def once(effect: Effect, *, processed: bool, **details: Any) -> Callable[[], Fault]:
            return lambda: Fault(
                effect=effect, on=phases, times=1, processed=processed, details=details
            )

        palette = [once("status", processed=False, status=s) for s in CHAOS_STATUSES]
        palette += [
            once("reset", processed=True),
            once("reset", processed=False),
            once("cut", processed=True, at="body", abrupt=False),
            once("cut", processed=True, at="headers", abrupt=True),
            once("hang", processed=True, seconds=CHAOS_HANG_SECONDS),
            once("garbage", processed=False, body=b"<html>", status=200),
        ]
        self.plan.add_chaos(seed, probability, palette)

    def refuse(self, hosts: Iterable[str] | None = None) -> None:
        """Refuse connections to the API hosts, or to these hosts."""
        self._network("refused", hosts)

    def dns_failure(self, hosts: Iterable[str] | None = None) -> None:
        """Let the API's host names, or these, not resolve."""
        self._network("dns", hosts)

    def bad_tls(self, hosts: Iterable[str] | None = None) -> None:
        """Present a certificate for another name at the API hosts, or at these."""
        self._network("bad_tls", hosts)

    def heal(self) -> None:
        """Remove every fault, and let go what hangs."""
        self.plan.heal()
        self._network_changed([])

    def _add(
        self, effect: Effect, on: Phases, times: int | None, *, processed: bool, **details: Any
    ) -> Fault:
        fault = Fault(
            effect=effect, on=_phases(on), times=times, processed=processed, details=details
        )
        return self.plan.add(fault)

    def _network(self, trouble: NetworkTrouble, hosts: Iterable[str] | None) -> None:
        names = list(hosts) if hosts is not None else self._api_hosts()
        self.plan.network.update(dict.fromkeys(names, trouble))
        self._network_changed(names)

    def error(self, status: int | None, kind: str | None) -> Reply:
        """Return the provider's own reply for a status or one of its named errors."""
        raise NotImplementedError

    def _api_hosts(self) -> list[str]:
        raise NotImplementedError

    def _network_changed(self, names: list[str]) -> None:
        raise NotImplementedError

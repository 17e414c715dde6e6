"""Every line of the outcome table, spelled out by hand: a new meaning must show up here."""

from __future__ import annotations

import pytest

from failover.core.types import Cause, Phase, Trouble
from failover.core.verdict import Action, Bill, Facts, Verdict, judge

N, R, U, A = Bill.NOT_SENT, Bill.REFUSED, Bill.UNKNOWN, Bill.ACCEPTED
DONE, FAILOVER, NEXT_KEY = Action.DONE, Action.FAILOVER, Action.NEXT_KEY
SURFACE, SKIP = Action.SURFACE, Action.SKIP
NOBODY = (None, None)
HOST = ("host", 2)
FAULT = ("model", 3)

TRANSPORT = {Trouble.DNS, Trouble.CONNECT, Trouble.CONNECT_TIMEOUT, Trouble.PROXY, Trouble.TLS}


def facts(
    status: int | None = None,
    trouble: Trouble | None = None,
    cause: Cause = Cause.UNSPECIFIED,
    phase: Phase = Phase.SUBMIT,
    own: bool = True,
    seconds: float = 1.0,
    **more: object,
) -> Facts:
    return Facts(status, trouble, cause, phase, own, seconds, **more)  # type: ignore[arg-type]


def summary(verdict: Verdict) -> tuple[object, ...]:
    against = (verdict.scope, verdict.rule.threshold if verdict.rule else None)
    return verdict.bill, verdict.action, against, verdict.reason


TROUBLES = [
    # columns: trouble, own, seconds, bill, action, (scope, threshold)
    (Trouble.DNS, True, 0.1, N, FAILOVER, HOST),
    (Trouble.DNS, False, 0.1, N, FAILOVER, HOST),
    (Trouble.CONNECT, True, 0.1, N, FAILOVER, HOST),
    (Trouble.CONNECT, False, 3.0, N, FAILOVER, HOST),
    (Trouble.CONNECT_TIMEOUT, True, 5.0, N, FAILOVER, HOST),
    (Trouble.CONNECT_TIMEOUT, False, 5.0, N, FAILOVER, HOST),
    (Trouble.PROXY, True, 0.1, N, FAILOVER, HOST),
    (Trouble.PROXY, False, 0.1, N, FAILOVER, HOST),
    (Trouble.TLS, True, 0.1, N, FAILOVER, HOST),
    (Trouble.TLS, False, 0.1, N, FAILOVER, HOST),
    (Trouble.POOL_TIMEOUT, True, 5.0, N, SURFACE, NOBODY),
    (Trouble.POOL_TIMEOUT, False, 5.0, N, SKIP, NOBODY),
    (Trouble.WRITE, True, 1.0, N, FAILOVER, ("host", 4)),
    (Trouble.WRITE, False, 1.0, N, FAILOVER, ("host", 4)),
    (Trouble.WRITE_TIMEOUT, True, 1.0, N, FAILOVER, ("host", 4)),
    (Trouble.WRITE_TIMEOUT, False, 1.0, N, FAILOVER, ("host", 4)),
    (Trouble.READ_TIMEOUT, True, 59.9, U, FAILOVER, NOBODY),
    (Trouble.READ_TIMEOUT, True, 60.0, U, FAILOVER, ("model", 2)),
    (Trouble.READ_TIMEOUT, False, 29.9, U, FAILOVER, NOBODY),
    (Trouble.READ_TIMEOUT, False, 30.0, U, FAILOVER, ("model", 2)),
    (Trouble.RESET, True, 1.0, U, FAILOVER, NOBODY),
    (Trouble.RESET, True, 61.0, U, FAILOVER, ("model", 2)),
    (Trouble.RESET, False, 1.0, U, FAILOVER, NOBODY),
    (Trouble.RESET, False, 31.0, U, FAILOVER, ("model", 2)),
    (Trouble.REDIRECTS, True, 1.0, U, SURFACE, NOBODY),
    (Trouble.REDIRECTS, False, 1.0, U, SURFACE, HOST),
    (Trouble.MISUSE, True, 0.0, N, SURFACE, NOBODY),
    (Trouble.MISUSE, False, 0.0, N, SKIP, NOBODY),
    (Trouble.OTHER, True, 1.0, U, SURFACE, NOBODY),
    (Trouble.OTHER, False, 1.0, U, SURFACE, NOBODY),
]


@pytest.mark.parametrize(("trouble", "own", "seconds", "bill", "action", "against"), TROUBLES)
def test_a_submit_without_a_reply(
    trouble: Trouble,
    own: bool,
    seconds: float,
    bill: Bill,
    action: Action,
    against: tuple[str | None, int | None],
) -> None:
    verdict = judge(facts(trouble=trouble, own=own, seconds=seconds))
    assert summary(verdict) == (bill, action, against, trouble.value)
    assert verdict.neutral is (against == NOBODY)


def test_every_trouble_of_a_submit_has_an_expectation() -> None:
    stated = {(row[0], row[1]) for row in TROUBLES}
    apart = {(Trouble.DECODING, True), (Trouble.DECODING, False)}
    assert stated | apart == {(trouble, own) for trouble in Trouble for own in (True, False)}


@pytest.mark.parametrize("own", [True, False])
def test_an_undecodable_reply_is_malformed_and_unknown(own: bool) -> None:
    verdict = judge(facts(trouble=Trouble.DECODING, own=own))
    assert summary(verdict) == (U, FAILOVER, ("model", 2), "malformed")


@pytest.mark.parametrize("phase", [Phase.POLL, Phase.RESULT, Phase.CANCEL])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("trouble", list(Trouble))
def test_a_lost_poll_leaves_the_job_as_it_was(phase: Phase, own: bool, trouble: Trouble) -> None:
    verdict = judge(facts(trouble=trouble, phase=phase, own=own, seconds=300.0))
    against = HOST if trouble in TRANSPORT else NOBODY
    assert summary(verdict) == (A, SURFACE, against, trouble.value)


STATUSES = [
    # columns: status, own, facts, bill, action, (scope, threshold), reason
    (200, True, {}, A, DONE, NOBODY, "200"),
    (201, False, {}, A, DONE, NOBODY, "201"),
    (202, True, {}, A, DONE, NOBODY, "202"),
    (200, True, {"malformed": True}, U, FAILOVER, ("model", 2), "malformed"),
    (201, False, {"malformed": True}, U, FAILOVER, ("model", 2), "malformed"),
    (301, True, {}, U, SURFACE, NOBODY, "301"),
    (307, True, {}, U, SURFACE, NOBODY, "307"),
    (302, False, {}, U, SURFACE, HOST, "302"),
    (307, False, {}, U, SURFACE, HOST, "307"),
    (400, True, {}, R, SURFACE, NOBODY, "400"),
    (400, False, {}, R, SKIP, NOBODY, "400"),
    (401, True, {}, R, NEXT_KEY, ("key", 1), "401"),
    (401, False, {}, R, NEXT_KEY, ("key", 1), "401"),
    (402, True, {}, R, NEXT_KEY, ("key", 1), "402"),
    (402, False, {}, R, NEXT_KEY, ("key", 1), "402"),
    (403, True, {}, R, FAILOVER, ("key-model", 1), "403"),
    (403, False, {}, R, FAILOVER, ("key-model", 1), "403"),
    (404, True, {}, R, SURFACE, NOBODY, "404"),
    (404, True, {"worked": True}, R, FAILOVER, ("model", 1), "404"),
    (404, False, {}, R, SKIP, NOBODY, "404"),
    (404, False, {"worked": True}, R, SKIP, NOBODY, "404"),
    (405, True, {}, R, SURFACE, NOBODY, "405"),
    (405, False, {}, R, SKIP, NOBODY, "405"),
    (408, True, {}, N, FAILOVER, ("model", 6), "408"),
    (408, False, {}, N, FAILOVER, ("model", 6), "408"),
    (409, True, {}, R, SURFACE, NOBODY, "409"),
    (409, False, {}, R, SURFACE, NOBODY, "409"),
    (410, True, {}, R, SURFACE, NOBODY, "410"),
    (410, True, {"worked": True}, R, FAILOVER, ("model", 1), "410"),
    (410, False, {}, R, SKIP, NOBODY, "410"),
    (413, True, {}, R, SURFACE, NOBODY, "413"),
    (413, False, {}, R, SKIP, NOBODY, "413"),
    (415, True, {}, R, SURFACE, NOBODY, "415"),
    (415, False, {}, R, SKIP, NOBODY, "415"),
    (418, True, {}, R, SURFACE, NOBODY, "418"),
    (422, True, {}, R, SURFACE, NOBODY, "422"),
    (422, False, {}, R, SKIP, NOBODY, "422"),
    (425, True, {}, N, FAILOVER, NOBODY, "425"),
    (425, False, {}, N, FAILOVER, NOBODY, "425"),
    (429, True, {}, R, NEXT_KEY, ("key", 1), "429"),
    (429, False, {}, R, NEXT_KEY, ("key", 1), "429"),
    (429, True, {"names_model": True}, R, NEXT_KEY, ("key-model", 1), "429"),
    (499, True, {}, U, SURFACE, NOBODY, "cancelled"),
    (499, False, {}, U, SURFACE, NOBODY, "cancelled"),
    *[
        (status, own, {}, R, FAILOVER, FAULT, str(status))
        for status in (500, 503, 507, 521, 522, 523, 525, 526, 529, 530)
        for own in (True, False)
    ],
    *[
        (status, own, {}, U, FAILOVER, FAULT, str(status))
        for status in (502, 504, 520, 524, 501, 527, 599)
        for own in (True, False)
    ],
    (503, True, {"asked": 17.0}, R, FAILOVER, ("model", 1), "503"),
    (503, False, {"asked": 17.0}, R, FAILOVER, ("model", 1), "503"),
    (500, True, {"asked": 17.0}, R, FAILOVER, FAULT, "500"),
    (100, True, {}, U, SURFACE, NOBODY, "100"),
]


@pytest.mark.parametrize(("status", "own", "more", "bill", "action", "against", "reason"), STATUSES)
def test_a_submit_whose_reply_does_not_tell_its_cause(
    status: int,
    own: bool,
    more: dict[str, object],
    bill: Bill,
    action: Action,
    against: tuple[str | None, int | None],
    reason: str,
) -> None:
    verdict = judge(facts(status, own=own, **more))
    assert summary(verdict) == (bill, action, against, reason)
    assert verdict.neutral is (against == NOBODY and action is not DONE)


CAUSES = [
    # columns: cause, status, own, bill, action, (scope, threshold), reason
    (Cause.RATE, 429, True, R, NEXT_KEY, ("key", 1), "429"),
    (Cause.RATE, 503, False, R, NEXT_KEY, ("key", 1), "503"),
    *[
        (Cause.BALANCE, status, own, R, NEXT_KEY, ("key", 1), str(status))
        for status in (400, 402, 403, 429)
        for own in (True, False)
    ],
    (Cause.BAD_KEY, 401, True, R, NEXT_KEY, ("key", 1), "401"),
    (Cause.BAD_KEY, 403, False, R, NEXT_KEY, ("key", 1), "403"),
    (Cause.FORBIDDEN, 401, True, R, FAILOVER, ("key-model", 1), "401"),
    (Cause.FORBIDDEN, 403, False, R, FAILOVER, ("key-model", 1), "403"),
    (Cause.NOT_FOUND, 422, True, R, SURFACE, NOBODY, "422"),
    (Cause.NOT_FOUND, 422, False, R, SKIP, NOBODY, "422"),
    (Cause.VALIDATION, 400, True, R, SURFACE, NOBODY, "400"),
    (Cause.VALIDATION, 413, False, R, SKIP, NOBODY, "413"),
    (Cause.POLICY, 400, True, R, SURFACE, NOBODY, "policy"),
    (Cause.POLICY, 422, True, R, SURFACE, NOBODY, "policy"),
    (Cause.POLICY, 422, False, R, SURFACE, NOBODY, "policy"),
    (Cause.CANCELLED, 499, True, U, SURFACE, NOBODY, "cancelled"),
    (Cause.DEADLINE, 504, True, R, SURFACE, NOBODY, "deadline"),
    (Cause.DEADLINE, 504, False, R, FAILOVER, NOBODY, "deadline"),
    (Cause.PROVIDER, 400, True, R, FAILOVER, FAULT, "400"),
    (Cause.PROVIDER, 400, False, R, FAILOVER, FAULT, "400"),
    (Cause.PROVIDER, 500, True, R, FAILOVER, FAULT, "500"),
    (Cause.PROVIDER, 502, True, R, FAILOVER, FAULT, "502"),
    (Cause.PROVIDER, 504, False, R, FAILOVER, FAULT, "504"),
    (Cause.NEVER_RAN, 504, True, R, FAILOVER, FAULT, "504"),
    (Cause.NEVER_RAN, 503, False, R, FAILOVER, FAULT, "503"),
]


@pytest.mark.parametrize(("cause", "status", "own", "bill", "action", "against", "reason"), CAUSES)
def test_a_submit_whose_reply_tells_its_cause(
    cause: Cause,
    status: int,
    own: bool,
    bill: Bill,
    action: Action,
    against: tuple[str | None, int | None],
    reason: str,
) -> None:
    assert summary(judge(facts(status, cause=cause, own=own))) == (bill, action, against, reason)


JOBS = [
    # columns: cause, bill, action, (scope, threshold), reason
    (Cause.PROVIDER, A, FAILOVER, FAULT, "job-failed"),
    (Cause.NEVER_RAN, R, FAILOVER, FAULT, "job-failed"),
    (Cause.POLICY, A, SURFACE, NOBODY, "policy"),
    (Cause.VALIDATION, A, SURFACE, NOBODY, "job-failed"),
    (Cause.CANCELLED, A, SURFACE, NOBODY, "cancelled"),
    (Cause.BALANCE, A, NEXT_KEY, ("key", 1), "job-failed"),
    (Cause.RATE, A, FAILOVER, NOBODY, "job-failed"),
    (Cause.BAD_KEY, A, FAILOVER, NOBODY, "job-failed"),
    (Cause.FORBIDDEN, A, FAILOVER, NOBODY, "job-failed"),
]


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.SUBMIT, None),
        (Phase.SUBMIT, 201),
        (Phase.POLL, None),
        (Phase.POLL, 200),
        (Phase.POLL, 500),
        (Phase.RESULT, None),
        (Phase.RESULT, 500),
    ],
)
@pytest.mark.parametrize(("cause", "bill", "action", "against", "reason"), JOBS)
def test_a_failed_job(
    cause: Cause,
    bill: Bill,
    action: Action,
    against: tuple[str | None, int | None],
    reason: str,
    phase: Phase,
    status: int | None,
    own: bool,
) -> None:
    verdict = judge(facts(status, cause=cause, phase=phase, own=own))
    assert summary(verdict) == (bill, action, against, reason)


QUESTIONS = [
    # columns: phase, status, facts, bill, action, (scope, threshold), reason
    (Phase.POLL, 200, {}, A, DONE, NOBODY, "200"),
    (Phase.POLL, 202, {}, A, DONE, NOBODY, "202"),
    (Phase.POLL, 200, {"malformed": True}, A, SURFACE, NOBODY, "200"),
    (Phase.POLL, 401, {}, A, SURFACE, NOBODY, "401"),
    (Phase.POLL, 403, {"cause": Cause.BALANCE}, A, SURFACE, NOBODY, "403"),
    (Phase.POLL, 404, {}, A, SURFACE, NOBODY, "404"),
    (Phase.POLL, 404, {"cause": Cause.PROVIDER}, A, FAILOVER, NOBODY, "job-failed"),
    (Phase.POLL, 405, {}, A, SURFACE, NOBODY, "405"),
    (Phase.POLL, 429, {"asked": 5.0}, A, SURFACE, NOBODY, "429"),
    (Phase.POLL, 500, {}, A, SURFACE, NOBODY, "500"),
    (Phase.POLL, 502, {}, A, SURFACE, NOBODY, "502"),
    (Phase.RESULT, 200, {}, A, DONE, NOBODY, "200"),
    (Phase.RESULT, 200, {"malformed": True}, A, FAILOVER, ("model", 2), "malformed"),
    (
        Phase.RESULT,
        500,
        {"malformed": True, "cause": Cause.PROVIDER},
        A,
        FAILOVER,
        ("model", 2),
        "malformed",
    ),
    (Phase.RESULT, 403, {"cause": Cause.BALANCE}, A, NEXT_KEY, ("key", 1), "job-failed"),
    (Phase.RESULT, 404, {}, A, SURFACE, NOBODY, "404"),
    (Phase.RESULT, 422, {}, A, SURFACE, NOBODY, "job-failed"),
    (Phase.RESULT, 500, {}, A, FAILOVER, FAULT, "job-failed"),
    (Phase.RESULT, 504, {}, A, FAILOVER, FAULT, "job-failed"),
    (Phase.RESULT, 504, {"cause": Cause.DEADLINE}, R, SURFACE, NOBODY, "deadline"),
    (
        Phase.RESULT,
        504,
        {"cause": Cause.DEADLINE, "own": False},
        A,
        FAILOVER,
        ("model", 2),
        "deadline",
    ),
    (Phase.POLL, None, {"cause": Cause.DEADLINE}, A, FAILOVER, ("model", 2), "deadline"),
    (Phase.CANCEL, 200, {}, A, DONE, NOBODY, "200"),
    (Phase.CANCEL, 200, {"cause": Cause.CANCELLED}, A, SURFACE, NOBODY, "200"),
    (Phase.CANCEL, 400, {}, A, SURFACE, NOBODY, "400"),
    (Phase.CANCEL, 404, {}, A, SURFACE, NOBODY, "404"),
    (Phase.CANCEL, 500, {"cause": Cause.PROVIDER}, A, SURFACE, NOBODY, "500"),
]


@pytest.mark.parametrize(
    ("phase", "status", "more", "bill", "action", "against", "reason"), QUESTIONS
)
def test_a_question_about_a_job(
    phase: Phase,
    status: int | None,
    more: dict[str, object],
    bill: Bill,
    action: Action,
    against: tuple[str | None, int | None],
    reason: str,
) -> None:
    verdict = judge(facts(status, phase=phase, **more))  # type: ignore[arg-type]
    assert summary(verdict) == (bill, action, against, reason)


def test_nothing_at_all_is_surfaced() -> None:
    assert summary(judge(facts())) == (U, SURFACE, NOBODY, "unspecified")


def test_a_trouble_wins_over_a_status() -> None:
    assert judge(facts(200, Trouble.CONNECT)).action is FAILOVER


def test_who_may_reconnect_at_once_and_who_is_logged_loudly() -> None:
    reconnect = {t for t in Trouble if judge(facts(trouble=t)).reconnect}
    assert reconnect == TRANSPORT - {Trouble.TLS}
    assert {s for s in range(100, 600) if judge(facts(s)).reconnect} == {425}
    assert {t for t in Trouble if judge(facts(trouble=t)).loud} == {Trouble.TLS}
    assert {s for s in range(100, 600) if judge(facts(s)).loud} == {401, 402}

"""Each end of the first send, for each way to call: who is asked next, what the caller gets."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from fakes import PICTURE, World
from script import run
from talk import WAYS, Way, gone, reply

from failover.core.types import Mode, NoReply, Reply, Trouble
from failover.events import AttemptFailed, Rerouted

pytestmark = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


class End(NamedTuple):
    """One end of a send to the caller's own provider."""

    reply: Reply | NoReply
    bill: str
    reason: str


def _typed(status: int, kind: str) -> Reply:
    return reply(status, {"detail": [{"loc": ["body"], "msg": "no", "type": kind}]})


MOVES = [
    *(End(reply(status, {"detail": "no"}), "R", str(status)) for status in (500, 503, 507, 529)),
    *(End(reply(status, {"detail": "no"}), "R", str(status)) for status in (401, 402, 403, 429)),
    *(End(reply(status, "<html>"), "R", str(status)) for status in (521, 522, 523, 525, 526, 530)),
    *(End(reply(status, "<html>"), "U", str(status)) for status in (502, 504, 520, 524, 599)),
    *(End(reply(status, {"detail": "no"}), "N", str(status)) for status in (408, 425)),
    *(
        End(gone(trouble), "N", trouble.value)
        for trouble in (Trouble.DNS, Trouble.CONNECT, Trouble.CONNECT_TIMEOUT, Trouble.PROXY)
    ),
    *(
        End(gone(trouble), "N", trouble.value)
        for trouble in (Trouble.TLS, Trouble.WRITE, Trouble.WRITE_TIMEOUT)
    ),
    End(gone(Trouble.READ_TIMEOUT, 20.0), "U", "timeout"),
    End(gone(Trouble.RESET), "U", "reset"),
    End(gone(Trouble.DECODING), "U", "malformed"),
    End(Reply(200, {}, b'{"images": [', truncated=True, seconds=2.0), "U", "malformed"),
    End(Reply(200, {}, b"<html>hello</html>", seconds=2.0), "U", "malformed"),
    End(Reply(200, {}, b"[" * 50_000, seconds=2.0), "U", "malformed"),
    End(Reply(204, {}, b"", seconds=2.0), "U", "malformed"),
]
STAYS = [
    *(End(reply(status, {"detail": "no"}), "R", str(status)) for status in (400, 404, 409, 410)),
    *(End(reply(status, {"detail": "no"}), "R", str(status)) for status in (405, 413, 415, 418)),
    End(reply(422, {"detail": "- input.prompt: required"}), "R", "422"),
    End(reply(499, {"detail": "gone"}), "U", "cancelled"),
    *(End(reply(status), "U", str(status)) for status in (301, 303, 307)),
    End(reply(101), "U", "101"),
    End(gone(Trouble.POOL_TIMEOUT), "N", "pool-timeout"),
    End(gone(Trouble.MISUSE), "N", "misuse"),
    End(gone(Trouble.REDIRECTS), "U", "redirects"),
    End(gone(Trouble.OTHER), "U", "other"),
]


def _name(end: End) -> str:
    body = end.reply.body[:8].decode() if isinstance(end.reply, Reply) else ""
    return f"{end.reason}-{body}" if end.reason == "malformed" else end.reason


def _media(way: Way, answer: Reply) -> list[str]:
    """What the caller's SDK would find in an answer, as far as his mode promises it."""
    if way.mode is Mode.STREAM:
        data = answer.body.decode().removeprefix("data: ")
        return [image["url"] for image in json.loads(data)["images"]]
    body: dict[str, Any] = json.loads(answer.body)
    if way.mode is Mode.QUEUE:
        ticket = body["id"] if way.provider == "replicate" else body["request_id"]
        return [PICTURE] if ticket else []
    if way.provider == "replicate":
        assert body["status"] == "succeeded"
        return [str(url) for url in body["output"]]
    return [image["url"] for image in body["images"]]


@pytest.mark.parametrize("end", MOVES, ids=_name)
def test_a_failing_provider_is_replaced(way: Way, end: End) -> None:
    world = World(verbose=True)
    answer, script = run(world, way.request, end.reply, *way.served)
    assert isinstance(answer.reply, Reply)
    assert answer.reply.status in (200, 201)
    assert _media(way, answer.reply) == [PICTURE]
    assert answer.report is not None
    head = f"provider={way.other}; attempts=2; reason={way.provider}:{end.reason}"
    assert answer.report.header == head
    assert answer.report.possible_duplicate is (end.bill == "U")
    assert [failure.bill for failure in answer.report.failures] == [end.bill]
    (failed,), (rerouted,) = script.of(AttemptFailed), script.of(Rerouted)
    assert (failed.provider, failed.bill, failed.attempt) == (way.provider, end.bill, 1)
    assert failed.status == (end.reply.status if isinstance(end.reply, Reply) else None)
    assert (rerouted.source, rerouted.target) == (way.provider, way.other)
    assert (rerouted.reason, rerouted.attempt) == (end.reason, 2)
    assert rerouted.possible_duplicate is (end.bill == "U")
    submits = [text for text in script.sends if "forward" in text or " POST " in text]
    assert len(submits) == 2


@pytest.mark.parametrize("end", STAYS, ids=_name)
def test_what_is_the_callers_own_affair_is_his(way: Way, end: End) -> None:
    answer, script = run(World(verbose=True), way.request, end.reply)
    assert answer.reply is end.reply
    assert answer.report is None
    assert script.sends == ["forward"]
    (failed,) = script.of(AttemptFailed)
    assert (failed.reason, failed.bill) == (end.reason, end.bill)


def test_a_healthy_call_is_one_forward_and_nothing_else(way: Way) -> None:
    answer, script = run(World(), way.request, way.own)
    assert answer.reply is way.own
    assert answer.report is None
    assert script.lines == ["forward"]


def test_a_refused_connection_is_tried_once_more_at_once(way: Way) -> None:
    for trouble in (Trouble.CONNECT, Trouble.DNS):
        answer, script = run(World(), way.request, gone(trouble, 0.01), way.own)
        assert answer.reply is way.own
        assert answer.report is None
        assert script.lines == ["forward", "forward"]


def test_a_connection_refused_twice_moves(way: Way) -> None:
    first, second = gone(Trouble.CONNECT, 0.01), gone(Trouble.CONNECT, 0.01)
    answer, script = run(World(), way.request, first, second, *way.served)
    assert script.sends[:2] == ["forward", "forward"]
    assert answer.report is not None
    assert answer.report.header.endswith(f"attempts=2; reason={way.provider}:connect")
    assert not answer.report.possible_duplicate


def test_after_an_unknown_outcome_a_cautious_user_gets_the_failure(way: Way) -> None:
    for end in (gone(Trouble.READ_TIMEOUT), reply(502), Reply(200, {}, b"{", truncated=True)):
        answer, script = run(World(on_unknown="surface"), way.request, end)
        assert answer.reply is end
        assert answer.report is None
        assert script.sends == ["forward"]


def test_content_policy_is_never_shopped_around(way: Way) -> None:
    if way.provider == "fal":
        refused = _typed(422, "content_policy_violation")
    else:
        refused = reply(422, {"title": "Input validation failed", "detail": "flagged"})
    answer, script = run(World(), way.request, refused)
    assert answer.reply is refused
    assert script.lines == ["forward"]

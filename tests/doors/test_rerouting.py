"""Through every door: served elsewhere, served at home, or the caller's own provider's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from doors.stage import (
    DOWN,
    FAL_AUTH,
    FAL_URL,
    MADE_BY_FAL,
    PROMPT,
    QUEUE_URL,
    REPLICATE_AUTH,
    REPLICATE_URL,
    SERVED_ELSEWHERE,
    Canned,
    Door,
    Network,
    make,
    reply,
)
from failover import Policy, Rerouted

if TYPE_CHECKING:
    from failover import Failover


def test_a_failing_call_is_served_elsewhere(door: Door, fo: Failover) -> None:
    network = Network({"fal.run": DOWN})
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert network.hosts == ["fal.run", "api.replicate.com"]
    assert (got.status, json.loads(got.body)) == (200, SERVED_ELSEWHERE)
    assert got.headers["x-failover"] == "provider=replicate; attempts=2; reason=fal:503"
    assert (got.report.provider, got.report.attempts, got.report.model) == ("replicate", 2, "style")
    assert json.loads(network.seen[1].body) == {"input": PROMPT}


def test_a_job_provider_is_polled_for_a_blocking_caller(door: Door, fo: Failover) -> None:
    network = Network({"api.replicate.com": DOWN})
    headers = {**REPLICATE_AUTH, "prefer": "wait"}
    got = door.send(fo, network, "POST", REPLICATE_URL, json={"input": PROMPT}, headers=headers)
    assert network.hosts == ["api.replicate.com", *["queue.fal.run"] * 3]
    body = json.loads(got.body)
    assert (got.status, body["status"]) == (201, "succeeded")
    assert body["output"] == [MADE_BY_FAL["images"][0]["url"]]


def test_a_queueing_caller_gets_a_ticket_and_polls_it(door: Door, fo: Failover) -> None:
    network = Network({"queue.fal.run": DOWN})
    ticket = door.send(fo, network, "POST", QUEUE_URL, json=PROMPT, headers=FAL_AUTH)
    job = json.loads(ticket.body)
    assert job["status"] == "IN_QUEUE"
    polled = door.send(fo, network, "GET", job["status_url"], headers=FAL_AUTH)
    assert json.loads(polled.body)["status"] == "COMPLETED"
    result = door.send(fo, network, "GET", job["response_url"], headers=FAL_AUTH)
    assert json.loads(result.body) == SERVED_ELSEWHERE
    assert network.hosts.count("queue.fal.run") == 1


@pytest.mark.parametrize("kind", ["connect", "read-timeout", "reset"])
def test_an_exception_is_a_failure_too(door: Door, fo: Failover, kind: str) -> None:
    network = Network({"fal.run": door.error(kind)})
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert json.loads(got.body) == SERVED_ELSEWHERE
    assert got.report.possible_duplicate is (kind != "connect")


def test_when_all_fail_the_caller_gets_his_own_providers_words(door: Door, fo: Failover) -> None:
    said = Canned(
        503, b'{"detail": "own words"}', {"content-type": "application/json", "x-own": "1"}
    )
    network = Network({"fal.run": said, "api.replicate.com": DOWN})
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert (got.status, got.body, got.headers["x-own"]) == (503, said.body, "1")
    assert got.report.provider == "fal"
    assert got.headers["x-failover"].endswith("reason=fal:503,replicate:503")


def test_when_all_fail_the_callers_own_exception_is_raised(door: Door, fo: Failover) -> None:
    error = door.error("connect")("his own")
    network = Network({"fal.run": error, "api.replicate.com": DOWN})
    with pytest.raises(type(error)) as caught:
        door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert caught.value is error
    assert caught.value.failover.provider == "fal"  # type: ignore[attr-defined]  # documented extra
    assert any("replicate:503" in note for note in error.__notes__)


def test_the_callers_own_fault_stays_his(door: Door, fo: Failover) -> None:
    said = reply(
        {"detail": [{"type": "missing", "loc": ["body", "prompt"], "msg": "required"}]}, 422
    )
    network = Network({"fal.run": said})
    got = door.send(fo, network, "POST", FAL_URL, json={}, headers=FAL_AUTH)
    assert (got.status, got.body) == (422, said.body)
    assert network.hosts == ["fal.run"]
    assert "x-failover" not in got.headers


def test_without_a_key_elsewhere_nothing_changes(door: Door) -> None:
    fo, network = make(replicate=None), Network({"fal.run": DOWN})
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert (got.status, got.body, network.hosts) == (503, DOWN.body, ["fal.run"])
    assert "x-failover" not in got.headers


def test_another_key_of_the_same_provider_is_tried_first(door: Door) -> None:
    fo = make(fal=["canary-one:1", "canary-two:2"])

    class Locked(Network):
        def reach(self, seen: Any) -> Canned:
            one = seen.headers["authorization"] == "Key canary-one:1"
            self.answers = {"fal.run": reply({"detail": "Invalid key"}, 401)} if one else {}
            return super().reach(seen)

    network = Locked()
    headers = {"authorization": "Key canary-one:1", "x-mine": "kept"}
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=headers)
    assert json.loads(got.body) == MADE_BY_FAL
    assert [seen.headers["authorization"] for seen in network.seen] == [
        "Key canary-one:1",
        "Key canary-two:2",
    ]
    assert network.seen[1].headers["x-mine"] == "kept"
    assert network.seen[1].body == network.seen[0].body


def test_f62_a_reroute_is_never_silent(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Rerouted] = []
    fo, network = make(on_failover=told.append), Network({"fal.run": DOWN})
    got = door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH)
    assert got.headers["x-failover"]
    assert [(event.source, event.target, event.reason) for event in told] == [
        ("fal", "replicate", "503")
    ]
    lines = [r.getMessage() for r in caplog.records if r.name == "failover"]
    assert any("failover.rerouted" in line and "model=style" in line for line in lines)


def test_deadline_of_the_walk_is_the_callers_timeout(door: Door) -> None:
    fo = make(policy=Policy(attempts=5))
    network = Network({"fal.run": DOWN})
    door.send(fo, network, "POST", FAL_URL, json=PROMPT, headers=FAL_AUTH, timeout=7.0)
    options = network.to("api.replicate.com")[0].options["timeout"]
    read = options["read"] if isinstance(options, dict) else options[1]
    assert 0 < read <= 7.0

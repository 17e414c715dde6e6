"""Each dialect against the vectors in `vectors/`: one file for each of its functions.

A vector file holds cases; each has an `id`, what goes in and what must come out. The words of a
vector are the words of the wire; `null` means "not ours". Requests and replies are written short:
`[method, url]`, and `{"status", "headers", "body"}` with a JSON value or `{"text": …}` as body.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, is_dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from needs import check_final, check_needs

from failover.core.types import (
    Cancel,
    Cause,
    Create,
    Describe,
    Done,
    Endpoint,
    Failed,
    Intent,
    Job,
    Mode,
    Outcome,
    Pending,
    Phase,
    Poll,
    Reply,
    Request,
    Result,
    Stream,
)
from failover.dialects import dialect, inbound

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).with_name("vectors")
PROVIDERS = ("fal", "replicate")
INTENTS = {
    "create": Create,
    "poll": Poll,
    "result": Result,
    "cancel": Cancel,
    "stream": Stream,
    "describe": Describe,
}
ID_FORMS = {
    "fal": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "replicate": re.compile("[0-9a-hjkmnp-tv-z]{26}"),
}
OUTCOMES = {"done": Done, "pending": Pending, "failed": Failed}


def _cases(name: str) -> Iterator[Any]:
    for provider in PROVIDERS:
        for case in json.loads((VECTORS / provider / f"{name}.json").read_text("utf-8")):
            yield pytest.param(provider, case, id=f"{provider}-{case['id']}")


def _each(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("provider", "case"), list(_cases(name)))


def _body(body: Any) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, dict) and body.keys() == {"text"}:
        return str(body["text"]).encode()
    return json.dumps(body).encode()


def _request(case: dict[str, Any]) -> Request:
    method, url = case["request"]
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    headers = case.get("headers", {})
    return Request(method, origin, parts.path, parts.query, headers, _body(case.get("body")))


def _reply(spec: dict[str, Any]) -> Reply:
    return Reply(spec["status"], spec.get("headers", {}), _body(spec.get("body")) or b"")


def _intent(spec: dict[str, Any]) -> Intent:
    ((kind, fields),) = spec.items()
    values = dict(fields)
    if kind == "create":
        values["mode"] = Mode(values["mode"])
    made: Intent = INTENTS[kind](**values)
    return made


def _outcome(spec: dict[str, Any]) -> Outcome:
    ((kind, fields),) = spec.items()
    values = dict(fields)
    if kind == "failed":
        values["cause"] = Cause(values["cause"])
    made: Outcome = OUTCOMES[kind](**values)
    return made


def _stated(value: Any) -> Any:
    """A value as a vector writes it: its kind, and those fields that are not the default."""
    if value is None:
        return None
    assert is_dataclass(value)
    assert not isinstance(value, type)
    fields = value.__dataclass_fields__
    told = {name: item for name, item in asdict(value).items() if item != fields[name].default}
    return {type(value).__name__.lower(): told}


def _job(provider: str, **more: Any) -> Job:
    source = "fal-ai/flux/dev" if provider == "fal" else "black-forest-labs/flux-dev"
    values = {
        "id": "caller-id",
        "caller": provider,
        "source": source,
        "provider": provider,
        "target": source,
        "native": "native-id",
        "key": "k1",
        "call": "c1",
        "created": 1_700_000_000.25,
        **more,
    }
    return Job(**values)


@_each("recognise")
def test_what_the_caller_wants(provider: str, case: dict[str, Any]) -> None:
    assert _stated(inbound(provider).recognise(_request(case))) == case["intent"]


@_each("asked")
def test_what_a_create_says(provider: str, case: dict[str, Any]) -> None:
    speaks, request = inbound(provider), _request(case)
    intent = speaks.recognise(request)
    assert isinstance(intent, Create)
    told = _stated(speaks.asked(request, intent))
    assert (told and told["asked"]) == case["asked"]


@_each("outbound")
def test_what_is_sent(provider: str, case: dict[str, Any]) -> None:
    speaks = dialect(provider)
    if "submit" in case:
        spec = case["submit"]
        endpoint = Endpoint(provider, kind="image", **spec["endpoint"])
        request = speaks.submit(endpoint, spec["input"], seconds=spec["seconds"], last=spec["last"])
    else:
        job = _job(provider, **case.get("job", {}))
        request = getattr(speaks, case["verb"])(job)
    query = f"?{request.query}" if request.query else ""
    assert [request.method, request.origin + request.path + query] == case["request"]
    headers = dict(request.headers)
    assert headers.pop("accept") == "application/json"
    assert headers.pop("user-agent").startswith("failover/")
    assert headers == case.get("headers", {})
    assert request.body == (None if "body" not in case else _compact(case["body"]))


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@_each("read")
def test_what_a_provider_says(provider: str, case: dict[str, Any]) -> None:
    speaks, reply = dialect(provider), _reply(case["reply"])
    for phase in case["phases"]:
        assert _stated(speaks.read(reply, Phase(phase))) == case["outcome"], phase


@_each("cause")
def test_whose_fault_it_is(provider: str, case: dict[str, Any]) -> None:
    assert dialect(provider).cause(_reply(case["reply"])) == case["cause"]


@_each("intact")
def test_whether_a_success_is_one(provider: str, case: dict[str, Any]) -> None:
    intent = _intent(case["intent"])
    assert isinstance(intent, Create)
    assert (
        inbound(provider).intact(_reply(case["reply"]), intent, frozenset(case.get("names", ())))
        is case["intact"]
    )


@_each("stop")
def test_what_ends_an_sdks_resending(provider: str, case: dict[str, Any]) -> None:
    reply = inbound(provider).stop(_request(case))
    if reply is not None:
        check_final(provider, reply)
        assert json.loads(reply.body)["error_type"] == reply.headers["x-fal-error-type"]
    assert (reply and reply.status) == case["status"]


@_each("answer")
def test_what_the_caller_is_told(provider: str, case: dict[str, Any]) -> None:
    speaks = inbound(provider)
    intent, outcome = _intent(case["intent"]), _outcome(case["outcome"])
    job = _job(provider, **case.get("job", {}))
    reply = speaks.answer(intent, job, outcome)
    assert reply.status == case["status"]
    for name, value in case.get("headers", {}).items():
        assert reply.headers.get(name) == value
    if "text" in case:
        assert reply.body.decode() == case["text"]
    else:
        body = json.loads(reply.body)
        told = {name: body.get(name) for name in case["has"]} if "has" in case else body
        assert told == case.get("has", case.get("body"))
    check_needs(provider, intent, outcome, reply)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_vector_has_a_name_of_its_own(provider: str) -> None:
    for path in (VECTORS / provider).iterdir():
        names = [case["id"] for case in json.loads(path.read_text("utf-8"))]
        assert len(names) == len(set(names)), path.name


@pytest.mark.parametrize("provider", PROVIDERS)
def test_ids_are_new_and_of_the_providers_own_form(provider: str) -> None:
    speaks, random = inbound(provider), Random(1)
    ids = {speaks.new_id(random) for _ in range(500)}
    assert len(ids) == 500
    assert all(ID_FORMS[provider].fullmatch(one) for one in ids)


def test_a_lone_surrogate_is_sent_as_an_escape() -> None:
    endpoint = Endpoint("fal", "fal-ai/flux/dev", "image")
    request = inbound("fal").submit(endpoint, {"prompt": "\ud83d"}, seconds=None, last=False)
    assert request.body == b'{"prompt":"\\ud83d"}'

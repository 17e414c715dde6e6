"""`failover.explain`: what it says of a call, and that it sends nothing and shows no key."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import failover
from failover import ConfigurationError, Failover, Model, Policy, explain
from failover.catalog.lines import Lines
from failover.sim import Pace, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from failover._explain import Candidate, Explanation

FAL = "https://fal.run"
QUEUE = "https://queue.fal.run"
REPLICATE = "https://api.replicate.com/v1"
CANARY = "canary-key-7f3a"
FLUX = {"prompt": "a fox", "image_size": "landscape_16_9", "seed": 4}
SLUGS = {name: tuple(Lines.shipped("schemas", name)) for name in ("fal", "replicate")}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Start without keys, forbid the network (but to real calls), leave nothing installed."""
    for name in ("FAL_KEY", "FAL_KEYS", "REPLICATE_API_TOKEN", "REPLICATE_API_TOKENS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("FAILOVER_STORE", raising=False)

    def refuse(*args: object) -> None:
        raise AssertionError(f"explain() used the network: {args}")

    if "world" not in request.fixturenames:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    failover.uninstall()


@pytest.fixture
def world(_clean: None) -> Iterator[World]:
    """Simulated providers whose jobs are over when first looked at, their keys in place."""
    with World() as world, world.environ():
        world.fal.pace = world.replicate.pace = Pace(running_polls=0)
        yield world


def both() -> Failover:
    """Settings with a key of each provider."""
    return Failover(fal=f"id:{CANARY}", replicate=CANARY)


def replicate_url(slug: str) -> str:
    """Where a model is called by name."""
    return f"{REPLICATE}/models/{slug}/predictions"


def at(explanation: Explanation, provider: str) -> list[Candidate]:
    """The candidates of one provider."""
    return [row for row in explanation.candidates if row.provider == provider]


def first(explanation: Explanation, provider: str) -> Candidate:
    """The first candidate of one provider."""
    return at(explanation, provider)[0]


def test_a_call_of_a_known_model_is_explained() -> None:
    told = explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=both())
    assert (told.provider, told.intent, told.mode) == ("fal", "create", "block")
    assert (told.endpoint, told.model, told.kind) == ("fal-ai/flux/dev", "flux-dev", "image")
    assert told.known
    assert told.notes == ()
    row = first(told, "replicate")
    assert (row.endpoint, row.model) == ("black-forest-labs/flux-dev", "flux-dev")
    assert row.usable
    assert row.reason is None
    assert row.request is not None
    assert row.request["method"] == "POST"
    assert row.request["url"] == replicate_url("black-forest-labs/flux-dev")
    assert row.request["body"]["input"]["aspect_ratio"] == "16:9"
    assert row.request["body"]["input"]["seed"] == 4
    assert row.changed == ("image_size: landscape_16_9 -> 16:9 1 MP",)


def test_the_way_back_from_replicate_is_explained_as_well() -> None:
    url = replicate_url("black-forest-labs/flux-dev")
    told = explain(
        url, {"input": {"prompt": "a fox"}}, headers={"Prefer": "wait=5"}, failover=both()
    )
    assert (told.provider, told.mode, told.model) == ("replicate", "wait", "flux-dev")
    row = first(told, "fal")
    assert row.usable
    assert row.request is not None
    assert row.request["url"] == f"{QUEUE}/{row.endpoint}"
    assert row.request["body"]["prompt"] == "a fox"


def test_what_the_flow_would_say_is_what_is_said() -> None:
    """The candidate's body is the catalog's own translation, not a second opinion."""
    fo = both()
    catalog = fo.runtime.catalog
    source = catalog.endpoint("fal", "fal-ai/flux/dev")
    assert source is not None
    targets = catalog.targets(source, FLUX)
    rows = at(explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=fo), "replicate")
    assert [row.endpoint for row in rows if row.usable] == [t.endpoint.slug for t in targets]
    for row, target in zip(rows, targets, strict=False):
        made = catalog.translate(source, target, FLUX)
        assert row.request is not None
        assert row.request["body"]["input"] == made.inputs[0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("url", "body", "other"),
    [
        (f"{FAL}/fal-ai/flux/dev", FLUX, "replicate"),
        (f"{FAL}/fal-ai/flux/dev", {**FLUX, "acceleration": "high"}, "replicate"),
        (replicate_url("black-forest-labs/flux-dev"), {"input": {"prompt": "a fox"}}, "fal"),
    ],
)
def test_what_is_explained_is_what_is_sent(
    url: str, body: dict[str, Any], other: str, world: World
) -> None:
    fo = Failover()
    told = first(explain(url, body, to=other, failover=fo), other)
    own = "fal" if other == "replicate" else "replicate"
    key = fo.keyring.credential(own, fo.keyring.ids(own)[0])
    world.providers[own].fail(status=503)
    with fo.wrap(httpx.Client()) as client:
        reply = client.post(url, json=body, headers={"Authorization": key})
    assert reply.status_code < 300, reply.text
    sent = next(row for row in world.requests if row.provider == other and row.phase == "submit")
    assert told.request is not None
    assert told.request["method"] == sent.method
    assert told.request["url"] == f"https://{sent.host}{sent.path}"
    assert json.loads(sent.body) == told.request["body"]
    report = reply.extensions["failover"]
    assert (report.dropped, report.changed) == (told.dropped, told.changed)


def test_a_missing_key_is_only_a_reason() -> None:
    told = explain(f"{FAL}/fal-ai/flux/dev", FLUX)
    row = first(told, "replicate")
    assert (row.usable, row.reason) == (False, "no-key")
    assert row.request is not None
    assert any("REPLICATE_API_TOKEN" in note for note in told.notes)


def test_a_provider_that_the_user_left_out_says_so() -> None:
    fo = Failover(fal="a:b", replicate="c", providers=["fal"])
    row = first(explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=fo), "replicate")
    assert (row.usable, row.reason) == (False, "not-in-providers")


def test_keys_are_shown_nowhere() -> None:
    fo = both()
    headers = {"Authorization": f"Key {CANARY}"}
    for url, body in (
        (f"{FAL}/fal-ai/flux/dev", FLUX),
        (replicate_url("black-forest-labs/flux-dev"), {"input": {"prompt": "a fox"}}),
    ):
        told = explain(url, body, headers=headers, failover=fo)
        assert any(row.usable for row in told.candidates)
        assert CANARY not in repr(told)
        assert "authorization" not in repr(told).lower()


def test_nothing_of_the_settings_is_touched() -> None:
    fo = Failover(fal="a:b", replicate="c", store="redis://no-such-host.invalid/0")
    before = dict(fo.secrets)
    assert explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=fo).known
    assert dict(fo.secrets) == before


@pytest.mark.parametrize("provider", ["fal", "replicate"])
def test_every_endpoint_that_has_a_schema_is_known(provider: str) -> None:
    fo = both()
    wrong = []
    for slug in SLUGS[provider]:
        url, body = f"{FAL}/{slug}", {"prompt": "a fox"}
        if provider == "replicate":
            url, body = replicate_url(slug), {"input": body}  # type: ignore[dict-item]
        told = explain(url, body, failover=fo)
        if not told.known or told.endpoint != slug or told.kind is None:
            wrong.append(slug)
        if not told.candidates and not told.notes:
            wrong.append(f"{slug}: silent")
        for row in told.candidates:
            assert row.usable == (row.reason is None)
            assert row.request is not None or not row.usable
    assert wrong == []


@pytest.mark.parametrize(
    "slug",
    [
        "fal-ai/flux",
        "fal-ai/flux/dev/",
        "fal-ai/flux/de",
        "fal-ai/flux/dev2",
        "fal-ai/flux/dev/v2",
        "fal-ai/flux-pro/v9.9",
        "FAL-AI/flux/dev",
        "acme/style",
    ],
)
def test_a_near_miss_is_unknown_and_says_what_to_add(slug: str) -> None:
    told = explain(f"{FAL}/{slug}", FLUX, failover=both())
    if slug.endswith("/"):  # the same address
        assert told.known
        return
    assert (told.known, told.model, told.kind, told.candidates) == (False, None, None, ())
    (note,) = told.notes
    assert "not known" in note
    assert "failover.Model(" in note
    assert f'fal="{slug}"' in note


def test_models_whose_names_are_alike_stay_apart() -> None:
    def model(slug: str, **body: object) -> str | None:
        return explain(f"{FAL}/{slug}", {"prompt": "a fox", **body}, failover=both()).model

    assert model("fal-ai/flux-pro/v1.1") == "flux-1.1-pro"
    assert model("fal-ai/flux-pro/v1.1-ultra") == "flux-1.1-pro-ultra"
    assert model("fal-ai/flux/dev") == "flux-dev"
    assert model("fal-ai/flux/dev/image-to-image", image_url="https://a.b/c.png") == "flux-dev-i2i"


def test_an_unknown_version_of_replicate_says_what_to_add() -> None:
    version = "a" * 64
    told = explain(f"{REPLICATE}/predictions", {"version": version, "input": {}}, failover=both())
    assert not told.known
    assert told.endpoint is None
    assert version in told.notes[0]
    assert "owner/name:version" in told.notes[0]


def test_a_known_version_of_replicate_is_its_model() -> None:
    bound = Lines.shipped("data", "replicate")
    slug = next(slug for slug in bound if not bound[slug]["official"] and "version" in bound[slug])
    body = {"version": bound[slug]["version"], "input": {"prompt": "a fox"}}
    told = explain(f"{REPLICATE}/predictions", body, failover=both())
    assert (told.endpoint, told.known) == (slug, True)


def test_a_retired_endpoint_is_never_used() -> None:
    url = replicate_url("bytedance/seedream-3")
    told = explain(url, {"input": {"prompt": "a fox"}}, failover=both())
    assert told.model == "seedream-3"
    rows = at(told, "fal")
    assert rows
    assert {(row.usable, row.reason, row.request) for row in rows} == {(False, "retired", None)}


@pytest.mark.parametrize(
    ("slug", "other", "reason"),
    [
        ("fal-ai/elevenlabs/tts/eleven-v3", "elevenlabs/v3", "no_schema"),
        ("fal-ai/bagel", "bytedance/bagel", "no-version"),
    ],
)
def test_an_endpoint_that_cannot_be_called_says_why(slug: str, other: str, reason: str) -> None:
    told = explain(f"{FAL}/{slug}", {"prompt": "a fox", "text": "a fox"}, failover=both())
    row = first(told, "replicate")
    assert (row.endpoint, row.usable, row.reason) == (other, False, reason)


def test_inputs_that_mean_no_model_that_others_serve_say_so() -> None:
    body = {"prompt": "a fox", "rendering_speed": "NO SUCH SPEED"}
    told = explain(f"{FAL}/fal-ai/ideogram/v3", body, failover=both())
    assert (told.known, told.model, told.candidates) == (True, None, ())
    assert told.notes == ("no model that others serve fits these inputs",)


def test_the_callers_own_endpoint_may_be_retired() -> None:
    told = explain(replicate_url("openai/sora-2"), {"input": {"prompt": "a fox"}}, failover=both())
    assert told.known
    assert any(note.startswith("openai/sora-2 is retired at replicate") for note in told.notes)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("me/my-private-lora", "private_model: loras"),
        ("https://api.replicate.com/v1/files/abc/download", "private_input: loras"),
    ],
)
def test_a_private_lora_stays_where_it_is(path: str, reason: str) -> None:
    body = {"prompt": "a fox", "loras": [{"path": path, "scale": 1.0}]}
    row = first(explain(f"{FAL}/fal-ai/flux-lora", body, failover=both()), "replicate")
    assert (row.usable, row.reason, row.request) == (False, reason, None)


def test_what_a_target_cannot_take_is_named() -> None:
    loras = [{"path": f"https://files.example/{n}.safetensors"} for n in range(9)]
    body = {"prompt": "a fox", "loras": loras}
    row = first(explain(f"{FAL}/fal-ai/flux-lora", body, failover=both()), "replicate")
    assert (row.usable, row.reason) == (False, "essential: loras")


def test_a_refusal_counts_more_than_a_missing_key() -> None:
    body = {"prompt": "a fox", "loras": [{"path": "me/mine"}]}
    row = first(explain(f"{FAL}/fal-ai/flux-lora", body), "replicate")
    assert row.reason == "private_model: loras"


def test_fidelity_is_the_users() -> None:
    body = {**FLUX, "no_such_parameter": 1}
    close = first(explain(f"{FAL}/fal-ai/flux/dev", body, failover=both()), "replicate")
    assert close.dropped == ("no_such_parameter",)
    fo = Failover(fal="a:b", replicate="c", policy=Policy(fidelity="exact"))
    exact = first(explain(f"{FAL}/fal-ai/flux/dev", body, failover=fo), "replicate")
    assert (exact.usable, exact.reason) == (False, "unknown_parameter: no_such_parameter")


def test_to_looks_at_one_provider() -> None:
    url = f"{FAL}/fal-ai/flux/dev"
    told = explain(url, FLUX, to="replicate", failover=both())
    assert {row.provider for row in told.candidates} == {"replicate"}
    own = explain(url, FLUX, to="fal", failover=both())
    assert own.candidates == ()
    assert "own provider" in own.notes[0]
    with pytest.raises(ConfigurationError, match="nobody"):
        explain(url, FLUX, to="nobody")


def test_providers_without_a_dialect_are_named_last() -> None:
    told = explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=both())
    reasons = [row.reason for row in told.candidates]
    assert reasons[0] is None
    assert "no-dialect" in reasons
    assert None not in reasons[reasons.index("no-dialect") :]


def test_calls_that_stay_say_why() -> None:
    told = explain(f"{QUEUE}/fal-ai/flux/dev?fal_webhook=https://a.b", FLUX, failover=both())
    row = first(told, "replicate")
    assert (row.usable, row.reason) == (False, "webhook")
    assert "webhook" in told.notes[0]
    headers = {"X-Fal-Store-IO": "0"}
    told = explain(f"{FAL}/fal-ai/flux/dev", FLUX, headers=headers, failover=both())
    assert first(told, "replicate").reason == "headers"


@pytest.mark.parametrize(
    ("method", "url", "intent"),
    [
        ("GET", f"{QUEUE}/fal-ai/flux/requests/abc-1/status", "poll"),
        ("GET", f"{QUEUE}/fal-ai/flux/requests/abc-1", "result"),
        ("PUT", f"{QUEUE}/fal-ai/flux/requests/abc-1/cancel", "cancel"),
        ("GET", f"{REPLICATE}/predictions/abc1", "poll"),
        ("GET", f"{REPLICATE}/account", None),
    ],
)
def test_what_is_no_generation_says_so(method: str, url: str, intent: str | None) -> None:
    told = explain(url, None, method=method, failover=both())
    assert (told.intent, told.mode, told.candidates) == (intent, None, ())
    assert told.provider in ("fal", "replicate")
    assert "not a generation" in told.notes[0]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/?u=https://fal.run/fal-ai/flux/dev",
        "https://fal.run.example.org/fal-ai/flux/dev",
        "https://fal.run:8443/fal-ai/flux/dev",
        "http://fal.run/fal-ai/flux/dev",
        "https://fal.run@example.org/fal-ai/flux/dev",
        "https://someone@fal.run/fal-ai/flux/dev",
    ],
)
def test_an_address_that_only_looks_watched_is_not(url: str) -> None:
    told = explain(url, FLUX, failover=both())
    assert (told.provider, told.known, told.candidates) == (None, False, ())
    assert "not an address that is watched" in told.notes[0]


@pytest.mark.parametrize(
    "url", ["", "fal.run/fal-ai/flux/dev", "ftp://fal.run/x", "https://", "https://[x/", "a b",
            "https://fal.run:x/", "https://fal.run/a\nb", 7, None],
)  # fmt: skip
def test_what_is_no_url_is_an_error(url: Any) -> None:
    with pytest.raises(ValueError, match="URL"):
        explain(url, FLUX)


def nested() -> object:
    """Lists in lists, deeper than any encoder goes."""
    value: list[object] = []
    for _ in range(5000):
        value = [value]
    return {"prompt": value}


@pytest.mark.parametrize(
    "body",
    [None, 7, "text", [], {}, {"prompt": None}, {"input": 3}, {"prompt": {"a": [1]}}, {1: 2},
     {"prompt": "\ud800"}, {"seed": float("nan")}, {"image_size": {"width": -1, "height": "x"}},
     {"num_images": 1e400}, {"prompt": object()}, {"loras": "x"}, nested()],
)  # fmt: skip
@pytest.mark.parametrize("url", [f"{FAL}/fal-ai/flux-lora", replicate_url("openai/gpt-image-1")])
def test_no_body_is_too_odd(url: str, body: object) -> None:
    told = explain(url, body, failover=both())
    assert told.known
    assert told.provider is not None
    assert told.candidates or told.notes


def test_odd_headers_and_methods_are_no_trouble() -> None:
    url = f"{FAL}/fal-ai/flux/dev"
    headers: Any = {"Prefer": 3, 4: None}
    assert explain(url, FLUX, headers=headers, failover=both()).known
    assert explain(url, FLUX, method="post", failover=both()).known
    odd: Any = 7
    assert explain(url, FLUX, headers=odd, failover=both()).known
    assert explain(url, FLUX, method=odd, failover=both()).intent is None


def test_a_model_of_the_users_own_is_known() -> None:
    mine = Model("house-style", fal="acme/style", replicate=f"acme/style:{'b' * 64}")
    fo = Failover(fal="a:b", replicate="c", models=[mine])
    told = explain(f"{FAL}/acme/style", {"prompt": "a fox", "x": 1}, failover=fo)
    assert (told.known, told.model) == (True, "house-style")
    (row,) = told.candidates
    assert row.usable
    assert row.dropped == ("x",)
    assert row.request is not None
    assert row.request["body"] == {"version": "b" * 64, "input": {"prompt": "a fox"}}


def test_substitutes_are_candidates_of_their_own_model() -> None:
    fo = Failover(fal="a:b", replicate="c", substitutes={"flux-dev": ["flux-schnell"]})
    told = explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=fo)
    models = [row.model for row in told.candidates if row.usable]
    assert models[0] == "flux-dev"
    assert "flux-schnell" in models


def test_the_installed_settings_are_the_default() -> None:
    failover.install(fal="a:b", replicate="c")
    assert first(explain(f"{FAL}/fal-ai/flux/dev", FLUX), "replicate").usable
    failover.uninstall()
    assert not first(explain(f"{FAL}/fal-ai/flux/dev", FLUX), "replicate").usable


def test_a_base_url_of_the_users_is_where_it_would_go() -> None:
    fo = Failover(fal="a:b", replicate="c", base_urls={"replicate": "https://proxy.internal/r"})
    row = first(explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=fo), "replicate")
    assert row.request is not None
    assert row.request["url"].startswith("https://proxy.internal/r/v1/models/")
    told = explain("https://proxy.internal/r/v1/models/black-forest-labs/flux-dev/predictions",
                   {"input": {"prompt": "a fox"}}, failover=fo)  # fmt: skip
    assert told.model == "flux-dev"


def test_only_a_failover_gives_settings() -> None:
    wrong: Any = {"fal": "a:b"}
    with pytest.raises(TypeError, match=r"failover\.Failover"):
        explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=wrong)


def test_the_answer_is_fixed() -> None:
    told = explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=both())
    with pytest.raises(AttributeError, match="fixed"):
        told.known = False
    with pytest.raises(AttributeError, match="fixed"):
        told.candidates[0].usable = False
    assert told == explain(f"{FAL}/fal-ai/flux/dev", FLUX, failover=both())


def test_the_name_stays_the_function_whatever_is_imported() -> None:
    import failover._explain as module

    assert failover.explain is module.explain

"""The public names and what they take; nothing more, nothing less."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import failover
from failover import (
    ConfigurationError,
    Failover,
    FailoverError,
    Model,
    Policy,
    Report,
    Rerouted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
NAMES = {
    "Attempt",
    "CatalogError",
    "ConfigurationError",
    "Event",
    "Failover",
    "FailoverError",
    "Listener",
    "Model",
    "Policy",
    "Report",
    "Rerouted",
    "StoreError",
    "__version__",
    "explain",
    "install",
    "installed",
    "is_installed",
    "open_store",
    "paused",
    "uninstall",
}
SETTINGS = [
    "providers",
    "policy",
    "store",
    "models",
    "substitutes",
    "on_failover",
    "on_event",
    "base_urls",
]
POLICY = {
    "attempts": 3,
    "deadline": None,
    "job_deadline": 180.0,
    "fidelity": "close",
    "on_unknown": "failover",
    "cooldown": 10.0,
    "max_cooldown": 300.0,
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without keys in the environment; leave nothing installed."""
    for name in ("FAL_KEY", "FAL_KEYS", "REPLICATE_API_TOKEN", "REPLICATE_API_TOKENS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("FAILOVER_STORE", raising=False)
    yield
    failover.uninstall()


def test_the_public_names_are_these() -> None:
    assert set(failover.__all__) == NAMES
    for name in NAMES:
        assert getattr(failover, name) is not None
        assert name in dir(failover)


def test_the_public_modules_are_these() -> None:
    for name in ("errors", "events", "httpx", "httpx2", "listeners", "requests", "stores"):
        assert inspect.ismodule(getattr(failover, name))
        assert name in dir(failover)


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'instal'"):
        failover.instal  # type: ignore[attr-defined]  # noqa: B018  # the access is the test


def test_the_settings_are_keywords_and_these() -> None:
    parameters = inspect.signature(Failover).parameters
    assert [*parameters] == [*SETTINGS, "keys"]
    assert parameters["keys"].kind is inspect.Parameter.VAR_KEYWORD
    kinds = {parameters[name].kind for name in SETTINGS}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", ["install", "installed"])
def test_install_takes_one_failover_or_settings(name: str) -> None:
    parameters = inspect.signature(getattr(failover, name)).parameters
    assert [p.kind.name for p in parameters.values()] == ["POSITIONAL_ONLY", "VAR_KEYWORD"]


def test_the_policy_has_these_defaults() -> None:
    parameters = inspect.signature(Policy).parameters
    assert {name: p.default for name, p in parameters.items()} == POLICY
    policy = Policy()
    assert {name: getattr(policy, name) for name in POLICY} == POLICY


def test_the_policy_takes_timedeltas() -> None:
    policy = Policy(deadline=timedelta(minutes=2), cooldown=timedelta(seconds=1), max_cooldown=2)
    assert (policy.deadline, policy.cooldown, policy.max_cooldown) == (120.0, 1.0, 2.0)


@pytest.mark.parametrize("value", [Policy(), Model("m", fal="a/b")])
def test_values_are_fixed_and_equal_by_content(value: Any) -> None:
    fields = {name: getattr(value, name) for name in type(value).__slots__}
    name = fields.pop("name", None)
    again = type(value)(*([name] if name else []), **fields)
    assert again == value
    assert hash(again) == hash(value)
    assert value != object()
    with pytest.raises(AttributeError, match="fixed"):
        value.attempts = 4
    assert type(value).__name__ in repr(value)


def test_reports_and_events_have_the_documented_fields() -> None:
    rerouted = ["call_id", "model", "source", "target", "reason", "attempt", "seconds", "at"]
    assert set(rerouted) <= set(Rerouted.__dataclass_fields__)
    report = ["model", "provider", "attempts", "dropped", "changed"]
    assert set(report) <= set(Report.__dataclass_fields__)


def test_errors_have_one_root() -> None:
    for name in ("ConfigurationError", "CatalogError", "StoreError"):
        assert issubclass(getattr(failover, name), FailoverError)


@pytest.mark.parametrize("make", [Failover, failover.install])
@pytest.mark.parametrize("name", ["provider", "Fal", "on_failure", "openai_key", "retries"])
def test_an_unknown_setting_is_a_type_error(make: Any, name: str) -> None:
    with pytest.raises(TypeError, match=name) as caught:
        make(**{name: "canary-value"})
    assert "canary" not in str(caught.value)
    assert "fal" in str(caught.value)
    assert not failover.is_installed()


def test_an_unknown_word_of_the_policy_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="tries"):
        Policy(tries=3)  # type: ignore[call-arg]  # the mistake is the test


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"attempts": 0}, "attempts"),
        ({"attempts": 2.5}, "attempts"),
        ({"attempts": True}, "attempts"),
        ({"deadline": -1}, "deadline"),
        ({"deadline": "3s"}, "deadline"),
        ({"job_deadline": 0}, "job_deadline"),
        ({"job_deadline": float("nan")}, "job_deadline"),
        ({"cooldown": float("inf")}, "cooldown"),
        ({"cooldown": 60, "max_cooldown": 30}, "max_cooldown"),
        ({"fidelity": "loose"}, "exact, close, any"),
        ({"on_unknown": "retry"}, "'failover' or 'surface'"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Policy(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fal": 7}, "fal= takes a key"),
        ({"fal": ""}, "fal="),
        ({"fal": ["good", ""]}, "fal="),
        ({"replicate": "canary with space"}, "replicate="),
        ({"providers": "fal"}, "list"),
        ({"providers": ["fal", "nobody"]}, "nobody"),
        ({"policy": {"attempts": 3}}, "failover.Policy"),
        ({"store": "mongodb://x"}, "store"),
        ({"models": ["flux"]}, "failover.Model"),
        ({"on_event": [3]}, "on_event"),
        ({"base_urls": {"nobody": "https://x.example"}}, "nobody"),
        ({"base_urls": {"fal": 7}}, "base_urls"),
        ({"base_urls": {"fal": {"other.host": "https://x.example"}}}, "other.host"),
        ({"base_urls": {"fal": "http://x.example"}}, "https"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigurationError, TypeError), match=said) as caught:
        Failover(**{"fal": "canary-good-key", **settings})
    assert "canary" not in str(caught.value)


def test_settings_that_cannot_work_are_the_packages_own_error() -> None:
    wrong: list[dict[str, Any]] = [{"on_failover": "print"}]
    wrong += [{name: 3} for name in ("providers", "models", "store", "on_event", "on_failover")]
    for settings in wrong:
        with pytest.raises(ConfigurationError):
            Failover(**settings)


@pytest.mark.parametrize("slug", ["style", "/acme/style", "acme/style/", ""])
def test_a_model_has_slugs_of_the_right_form(slug: str) -> None:
    with pytest.raises(ConfigurationError, match="owner/name"):
        Model("house-style", fal=slug)


def test_a_model_needs_a_name() -> None:
    with pytest.raises(ConfigurationError, match="name"):
        Model("")


def test_install_answers_what_is_installed() -> None:
    assert not failover.is_installed()
    fo = failover.install(fal="a:b")
    assert isinstance(fo, Failover)
    assert failover.is_installed()
    assert failover.install(fo) is fo
    other = failover.install(fal="c:d")
    assert other is not fo
    failover.uninstall()
    failover.uninstall()
    assert not failover.is_installed()


def test_install_takes_not_both() -> None:
    with pytest.raises(TypeError, match="not both"):
        failover.install(Failover(), fal="a:b")
    with pytest.raises(TypeError, match=r"failover\.Failover"):
        failover.install("fal")  # type: ignore[arg-type]  # the mistake is the test


def test_a_failed_install_leaves_what_was_there() -> None:
    fo = failover.install(fal="a:b")
    with pytest.raises(ConfigurationError):
        failover.install(fal="")
    with failover.installed(fo) as still:
        assert still is fo


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Failover().providers == ()
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_one")
    assert Failover().providers == ("replicate",)
    monkeypatch.setenv("FAL_KEY", "a:b")
    assert Failover().providers == ("fal", "replicate")
    monkeypatch.setenv("FAL_KEYS", "a:b, c:d ,,a:b")
    assert len(Failover().status()["keys"]["fal"]) == 2
    assert Failover(fal=None).providers == ("replicate",)
    assert Failover(fal=["x", "y", "z"]).keyring.ids("fal") != ()


def test_keys_in_two_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY_ID", "half")
    assert Failover().providers == ()
    monkeypatch.setenv("FAL_KEY_SECRET", "other")
    ring = Failover().keyring
    assert ring.credential("fal", ring.ids("fal")[0]) == "Key half:other"


def test_the_order_of_providers_is_the_users() -> None:
    keys = {"fal": "a:b", "replicate": "c"}
    assert Failover(**keys).providers == ("fal", "replicate")
    assert Failover(**keys, providers=["replicate", "fal"]).providers == ("replicate", "fal")
    assert Failover(**keys, providers=["replicate"]).providers == ("replicate",)
    assert Failover(**keys, providers=iter(["fal", "fal"])).providers == ("fal",)


def test_the_store_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_STORE", "nonsense://x")
    with pytest.raises(ConfigurationError, match="store"):
        Failover(fal="a:b")
    assert Failover(fal="a:b", store="memory:").status()["cooling"] == {}


def test_status_says_what_there_is() -> None:
    fo = Failover(fal=["a:b", "c:d"], replicate=None)
    status = fo.status()
    assert status["providers"] == ["fal"]
    assert [len(key) for key in status["keys"]["fal"]] == [16, 16]
    assert (status["cooling"], list(status["jobs"])) == ({}, [])
    assert "a:b" not in repr(status)
    fo.close()


def test_a_failover_may_be_closed_unused_and_twice() -> None:
    fo = Failover(fal="a:b")
    fo.close()
    fo.status()
    fo.close()
    fo.close()


def test_typing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "tests/typing/api.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

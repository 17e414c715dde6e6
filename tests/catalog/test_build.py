"""The shipped data: up to date, sorted, whole, and quick to load."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from importlib.resources import files

import pytest

from catalog.pairs import CATALOG, MODELS, SCHEMAS
from failover.catalog import Catalog
from failover.catalog.__main__ import main
from failover.catalog.binder import bind, parameters
from failover.catalog.build import build, overrides
from failover.catalog.concepts import BY_NAME
from failover.catalog.lines import Lines

SCHEMAS_OF_MODELS = Lines.shipped("schemas", "models")
DATA = files("failover.catalog").joinpath("data")


def test_the_shipped_data_is_what_the_build_makes() -> None:
    for name, text in build().items():
        assert DATA.joinpath(name).read_text("utf-8") == text, f"{name}: run the build"


def test_the_commands_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert main(["build"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["paint"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["data", "schemas"])
@pytest.mark.parametrize("name", ["fal", "replicate", "models"])
def test_files_are_sorted_json_of_one_line_an_entry(folder: str, name: str) -> None:
    text = files("failover.catalog").joinpath(folder, f"{name}.json").read_text("utf-8")
    whole = json.loads(text)
    lines = Lines(text)
    assert list(whole) == sorted(whole) == list(lines)
    assert {key: lines[key] for key in lines} == whole
    assert len(lines) == text.count("\n") - 2
    with pytest.raises(KeyError):
        lines["no such entry"]


def test_every_binding_names_a_concept_and_a_parameter() -> None:
    for provider in SCHEMAS:
        entries = Lines.shipped("data", provider)
        assert list(entries) == list(SCHEMAS[provider])
        for slug in entries:
            known = dict(parameters(SCHEMAS[provider][slug]["input"]))
            assert list(entries[slug]["bind"]) == sorted(known)
            for note in entries[slug]["bind"].values():
                name = re.split(r"[|#+~:]", note)[0]
                assert name.startswith("=") or name in BY_NAME, (slug, note)


def test_every_override_is_used_and_has_a_reason() -> None:
    rules = overrides()
    slugs = {slug for lines in SCHEMAS.values() for slug in lines}
    for part in ("official", "retired", "implied", "follows"):
        for slug, (_, reason) in rules[part].items():
            assert slug in slugs, (part, slug)
            assert len(reason) >= 8
    for part in ("bind", "facts"):
        for slug, notes in rules[part].items():
            (schema,) = [lines[slug]["input"] for lines in SCHEMAS.values() if slug in lines]
            known = dict(parameters(schema))
            for parameter, (_, reason) in notes.items():
                assert parameter in known, (slug, parameter)
                assert len(reason) >= 8
    for model, (_, reason) in rules["fixed"].items():
        assert model in MODELS
        assert len(reason) >= 8


def test_overrides_of_bindings_say_something_the_binder_does_not() -> None:
    for slug, notes in overrides()["bind"].items():
        (provider,) = [name for name in SCHEMAS if slug in SCHEMAS[name]]
        kind = Lines.shipped("data", provider)[slug]["kind"]
        plain = bind(SCHEMAS[provider][slug]["input"], kind)
        assert any(plain[name] != note for name, (note, _) in notes.items()), slug


def test_every_model_names_known_endpoints_and_kinds() -> None:
    for model in MODELS:
        entry = MODELS[model]
        assert entry["endpoints"]
        assert set(entry["media"]["needs"]) <= set(entry["media"]["takes"])
        for provider, chosen in entry.get("fixed", {}).items():
            slugs = [s for s in entry["endpoints"][provider] if s in SCHEMAS[provider]]
            for slug in slugs:
                properties = SCHEMAS[provider][slug]["input"]["properties"]
                for parameter, values in chosen.items():
                    allowed = properties[parameter].get("enum")
                    assert allowed is None or set(values) <= set(allowed), (model, parameter)


def test_no_model_is_named_in_code() -> None:
    facts = SCHEMAS_OF_MODELS
    families = {facts[model].get("family", model).lower() for model in facts}
    families -= {"film"}  # also a word of a setting
    slugs = {slug for lines in SCHEMAS.values() for slug in lines}
    for file in files("failover.catalog").iterdir():
        if file.name.endswith(".py"):
            code = "\n".join(
                line for line in file.read_text("utf-8").splitlines() if '"' in line
            ).lower()
            named = {name for name in families | slugs if re.search(rf'"{re.escape(name)}\b', code)}
            assert not named, (file.name, named)


def test_loading_is_quick() -> None:
    best = min(timed() for _ in range(5))
    assert best < 0.010 * 3  # three times the bound: the machine may be busy


def timed() -> float:
    start = time.perf_counter()
    Catalog.load()
    return time.perf_counter() - start


def test_importing_the_catalog_imports_nothing_heavy() -> None:
    code = (
        "import sys, failover.catalog; "
        "print([m for m in ('jsonschema', 'httpx', 'requests', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_a_warm_translation_takes_microseconds() -> None:
    source = CATALOG.endpoint("fal", "fal-ai/flux/dev")
    assert source is not None
    call = {"prompt": "a fox", "image_size": "landscape_16_9", "num_images": 1, "seed": 4}
    (target,) = CATALOG.targets(source, call)
    CATALOG.translate(source, target, call)
    best = min(burst(source, target, call) for _ in range(5))
    assert best < 40e-6 * 3  # three times the bound: the machine may be busy


def burst(source: object, target: object, call: dict[str, object]) -> float:
    start = time.perf_counter()
    for _ in range(200):
        CATALOG.translate(source, target, call)  # type: ignore[arg-type]
    return (time.perf_counter() - start) / 200

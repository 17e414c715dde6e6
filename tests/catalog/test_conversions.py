"""Every conversion between a parameter's JSON value and its concept's value."""

from __future__ import annotations

from typing import Any

import pytest

from failover.catalog.bindings import spec_of
from failover.catalog.conversions import INVALID, READERS, WRITERS, Written
from failover.catalog.loras import LoraGroup


def read(kind: str, value: Any, schema: dict[str, Any] | None = None) -> Any:
    return READERS[kind](value, spec_of(schema or {}))


def write(kind: str, value: Any, schema: dict[str, Any]) -> Any:
    written = WRITERS[kind](value, spec_of(schema))
    return None if written is None else written.value


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        ("seconds", "8s", 8.0),
        ("seconds", "8", 8.0),
        ("seconds", 8, 8.0),
        ("seconds", "auto", None),
        ("number", "4x", 4.0),
        ("number", True, INVALID),
        ("number", "eight", INVALID),
        ("number", 1e300, INVALID),
        ("choice", "None", None),
        ("choice", "Not set", None),
        ("choice", False, INVALID),
        ("language", "German", "de"),
        ("language", "de", "de"),
        ("language", "None", "auto"),
        ("language", "Klingon", "klingon"),
        ("media", "https://a.test/x", ("https://a.test/x",)),
        ("media", ["https://a.test/x", "data:image/png;base64,AA"],
         ("https://a.test/x", "data:image/png;base64,AA")),
        ("media", [{"image_url": "https://a.test/x"}], ("https://a.test/x",)),
        ("media", [], None),
        ("media", "", None),
        ("media", "file.png", INVALID),
        ("media", ["ftp://a.test/x"], INVALID),
        ("media", 5, INVALID),
        ("json", '[{"a": 1}]', [{"a": 1}]),
        ("json", "[broken", INVALID),
        ("json", [], None),
        ("level", "block_medium_and_above", 3.0),
        ("level", "5", 5.0),
        ("level", "soft", INVALID),
    ],
)  # fmt: skip
def test_reading(kind: str, value: Any, meant: Any) -> None:
    assert read(kind, value) == meant


NUMBER = {"type": "number"}
WHOLE = {"type": "integer"}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("kind", "value", "schema", "sent"),
    [
        ("seconds", 8.0, {"enum": ["4s", "6s", "8s"]}, "8s"),
        ("seconds", 8.0, {"enum": [5, 10]}, 10),
        ("seconds", 7.0, {"enum": ["5", "10"]}, "5"),
        ("seconds", 7.5, {"enum": ["5", "10"]}, "10"),
        ("seconds", 7.0, {"enum": ["auto", "5"]}, "5"),
        ("seconds", 8.0, TEXT, "8"),
        ("number", 12.0, NUMBER | {"maximum": 10}, 10),
        ("number", 0.0, NUMBER | {"minimum": 1}, 1),
        ("number", 7.5, NUMBER | {"minimum": 0, "maximum": 1}, None),
        ("number", 0.0, NUMBER | {"exclusiveMinimum": 0}, None),
        ("number", 1.26, NUMBER | {"multipleOf": 0.5}, 1.5),
        ("number", 2.6, WHOLE, 3),
        ("number", 3.0, NUMBER, 3),
        ("seed", 2.0**40, WHOLE | {"maximum": 2**31 - 1}, None),
        ("seed", 5.0, WHOLE | {"maximum": 2**31 - 1}, 5),
        ("fraction", 0.5, WHOLE | {"maximum": 100}, 50),
        ("fraction", 0.5, NUMBER | {"maximum": 1}, 0.5),
        ("flag", True, {"type": "boolean"}, True),
        ("flag", True, {"enum": ["Auto", "On", "Off"]}, "On"),
        ("flag", False, {"enum": ["Auto", "On", "Off"]}, "Off"),
        ("flag", True, {"enum": ["none", "regular", "high"]}, "regular"),
        ("flag", False, {"enum": ["transcribe", "translate"]}, "transcribe"),
        ("flag", False, {"enum": ["standard", "fast"]}, None),
        ("flag", True, TEXT, None),
        ("choice", "jpeg", {"enum": ["webp", "jpg"]}, "jpg"),
        ("choice", "jpg", {"enum": ["jpeg", "png"]}, "jpeg"),
        ("choice", "80S_ILLUSTRATION", {"enum": ["None", "80s Illustration"]}, "80s Illustration"),
        ("choice", "webp", {"enum": ["jpeg", "png"]}, None),
        ("choice", "af_bella", TEXT, "af_bella"),
        ("language", "de", {"enum": ["english", "german"]}, "german"),
        ("language", "de", {"enum": ["EN", "DE"]}, "DE"),
        ("language", "auto", {"enum": ["None", "german"]}, "None"),
        ("language", "auto", TEXT, None),
        ("language", "eo", {"enum": ["en"]}, None),
        ("text", "abc", TEXT | {"maxLength": 2}, None),
        ("text", "", TEXT | {"minLength": 1}, None),
        ("text", "abc", TEXT, "abc"),
        ("text", "abc", WHOLE, None),
        ("media", ("https://a.test/x",), TEXT, "https://a.test/x"),
        ("media", ("https://a.test/x",), {"type": "array"}, ["https://a.test/x"]),
        ("media", ("https://a.test/x",) * 3, {"type": "array", "maxItems": 2}, None),
        ("media", ("https://a.test/x",), {"type": "array", "minItems": 2}, None),
        ("media", ("https://a.test/x",) * 2, TEXT, None),
        ("media", ("https://a.test/x",),
         {"type": "array", "items": {"properties": {"image_url": {"format": "uri"}}}},
         [{"image_url": "https://a.test/x"}]),
        ("json", [{"a": 1}], TEXT, '[{"a": 1}]'),
        ("json", [{"a": 1}], {"type": "array"}, [{"a": 1}]),
        ("json", [1.5], {"type": "array", "items": {"type": "integer"}}, None),
        ("json", {"a": 1}, {"type": "object", "required": ["b"]}, None),
        ("json", {"a": 9}, {"type": "object", "properties": {"a": {"maximum": 5}}}, None),
        ("json", "abc", {"type": "array"}, None),
        ("level", 4.0, {"enum": ["1", "2", "3", "4", "5", "6"]}, "4"),
        ("level", 9.0, WHOLE | {"minimum": 1, "maximum": 6}, 6),
        ("level", 0.0, WHOLE | {"minimum": 1, "maximum": 6}, None),
    ],
)  # fmt: skip
def test_writing(kind: str, value: Any, schema: dict[str, Any], sent: Any) -> None:
    got = write(kind, value, schema)
    assert got == sent
    assert type(got) is type(sent)


def test_an_error_tells_how_far_a_number_moved() -> None:
    assert WRITERS["number"](8.0, spec_of({"enum": [10]})) == Written(10, 0.25)
    assert WRITERS["number"](8.0, spec_of({"enum": [8]})) == Written(8, 0.0)


def test_a_share_is_read_from_either_scale() -> None:
    assert read("fraction", 80, {"maximum": 100, "type": "integer"}) == 0.8
    assert read("fraction", 0.8, {"maximum": 1, "type": "number"}) == 0.8


def test_a_switch_may_be_spelt_the_other_way_round() -> None:
    spec = spec_of({"type": "boolean"}, inverted=True)
    assert READERS["flag"](True, spec) is False
    assert WRITERS["flag"](True, spec) == Written(False)


LORA = "https://files.test/l.safetensors"


def test_loras_cross_between_a_list_and_pairs() -> None:
    whole = LoraGroup(whole="loras", most=2)
    pairs = LoraGroup(pairs=(("lora_weights", "lora_scale"), ("extra_lora", "extra_lora_scale")))
    said = whole.read({"loras": [{"path": LORA, "scale": 0.5}, {"path": LORA + "2"}]})
    assert said == ((LORA, 0.5), (LORA + "2", None))
    assert pairs.write(said) == {
        "lora_weights": LORA,
        "lora_scale": 0.5,
        "extra_lora": LORA + "2",
    }
    assert whole.write(pairs.read({"lora_weights": LORA, "lora_scale": 1})) == {
        "loras": [{"path": LORA, "scale": 1}]
    }


def test_loras_that_do_not_fit_are_not_written() -> None:
    three = ((LORA, None),) * 3
    assert LoraGroup(whole="loras", most=2).write(three) is None
    assert LoraGroup(pairs=(("lora_weights", None),)).write(three) is None
    assert LoraGroup(pairs=(("lora_weights", None),)).write(((LORA, 0.5),)) is None
    assert LoraGroup(whole="loras", scales=(0, 1)).write(((LORA, 2.0),)) is None
    assert LoraGroup(whole="loras").read({"loras": "x"}) is INVALID
    assert LoraGroup(whole="loras").read({"loras": [{"scale": 1}]}) is INVALID
    assert LoraGroup(pairs=(("lora_weights", None),)).read({"lora_weights": 5}) is INVALID
    assert LoraGroup(whole="loras").read({}) is None

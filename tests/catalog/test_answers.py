"""Answers in the caller's form: real predictions, every output shape, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from catalog.generator import Generator
from catalog.pairs import CATALOG, SCHEMAS, Pair, all_pairs
from failover.catalog import Endpoint, UnreadableOutput
from failover.catalog.answer import TEXT_KINDS

PREDICTIONS = json.loads((Path(__file__).parent / "predictions.json").read_text("utf-8"))
"""Outputs that Replicate gave, with neutral addresses and texts."""
PAIRS = all_pairs()
TEXT_FIELDS = frozenset(
    [
        "text",
        "prompt",
        "description",
        "lyrics",
        "detected_language",
        "transcription",
        "output",
        "results",
        "items",
    ]
)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"


def end(provider: str, slug: str) -> Endpoint:
    endpoint = CATALOG.endpoint(provider, slug)
    assert endpoint is not None
    return endpoint


def tolerant(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow null where a field is required: it stands for what is not known."""
    loose = dict(schema)
    if "properties" in loose:
        loose["properties"] = {
            name: {"anyOf": [tolerant(inner), {"type": "null"}]}
            for name, inner in loose["properties"].items()
        }
    if isinstance(loose.get("items"), dict):
        loose["items"] = {"anyOf": [tolerant(loose["items"]), {"type": "null"}]}
    return loose


def check(endpoint: Endpoint, answer: Any) -> None:
    schema = CATALOG.output_schema(endpoint)
    if schema is not None:
        errors = [e.message for e in Draft202012Validator(tolerant(schema)).iter_errors(answer)]
        assert not errors, (endpoint.slug, answer, errors)


@pytest.mark.parametrize("slug", sorted(PREDICTIONS))
def test_real_outputs_read_well_in_the_other_form(slug: str) -> None:
    target = end("replicate", slug)
    sources = {pair.source for pair in PAIRS if pair.target == target}
    for prediction in PREDICTIONS[slug]:
        for source in sources:
            answer = CATALOG.answer(source, target, {"prompt": "words"}, prediction["output"])
            check(source, answer)
            if source.kind not in TEXT_KINDS:
                assert first_link(answer) in links(prediction["output"]), (source.slug, answer)


@pytest.mark.parametrize("slug", sorted(PREDICTIONS))
def test_real_outputs_keep_their_own_form(slug: str) -> None:
    own = end("replicate", slug)
    for prediction in PREDICTIONS[slug]:
        schema = CATALOG.output_schema(own)
        output = prediction["output"]
        if schema is None or not Draft202012Validator(schema).is_valid(output):
            continue  # an output of another arity than the newest schema has
        answer = CATALOG.answer(own, own, {}, output)
        assert type(answer) is type(output)
        if own.kind not in TEXT_KINDS:
            assert links(answer) == links(output)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_any_valid_output_reads_well_in_the_other_form(pair: Pair) -> None:
    schema = CATALOG.output_schema(pair.target)
    if schema is None:
        output: Any = "words" if pair.target.kind in TEXT_KINDS else "https://files.test/a.png"
    else:
        output = an_output(schema, textual=pair.target.kind in TEXT_KINDS)
    answer = CATALOG.answer(pair.source, pair.target, {"prompt": "words"}, output)
    check(pair.source, answer)
    if pair.source.kind not in TEXT_KINDS:
        assert first_link(answer) is not None


def an_output(schema: dict[str, Any], *, textual: bool) -> Any:
    generator = Generator(5)
    if schema.get("type") == "object":
        inner = schema.get("properties") or {"vocals": {"type": "string", "format": "uri"}}
        return {name: output_value(generator, name, s) for name, s in inner.items()}
    return output_value(generator, "items" if textual else "file", schema)


def output_value(generator: Generator, name: str, schema: dict[str, Any]) -> Any:
    inner = schema.get("properties") or {}
    if schema.get("anyOf"):
        return output_value(generator, name, schema["anyOf"][0])
    if "url" in inner:
        return {"url": "https://files.test/b.png", "content_type": "image/png", "width": 8}
    if inner:
        return {part: output_value(generator, part, s) for part, s in inner.items()}
    if name == "timestamp":
        return [0, 1.5]
    if name == "segments":
        return [{"start": 0, "end": 1.5, "text": "words"}]
    if schema.get("type") == "array":
        return [output_value(generator, name, schema.get("items") or {})]
    if schema.get("type") == "string" and "enum" not in schema:
        textual = name in TEXT_FIELDS
        return "words" if textual else "https://files.test/c.png"
    return generator.value(name, schema) if schema.get("type") else {}


def links(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.startswith(("https://", "data:")) else []
    if isinstance(value, list):
        return [link for item in value for link in links(item)]
    if isinstance(value, dict):
        return [link for item in value.values() for link in links(item)]
    return []


def first_link(value: Any) -> str | None:
    found = links(value)
    return found[0] if found else None


URL = "https://files.test/out.png"


@pytest.mark.parametrize(
    ("output", "link"),
    [
        (URL, URL),
        ([URL], URL),
        ({"images": [{"url": URL}]}, URL),
        ({"image": {"url": URL}}, URL),
        ({"image": URL}, URL),
        ({"video": {"url": URL}}, URL),
        ({"videos": [{"url": URL}]}, URL),
        ({"audio": {"url": URL}}, URL),
        ({"audio_file": {"url": URL}}, URL),
        ({"audio_url": {"url": URL, "file_size": 3}}, URL),
        ({"model_mesh": {"url": URL}}, URL),
        ({"data": [{"url": URL}]}, URL),
        ({"output": [URL]}, URL),
        ({"result": {"sample": URL}}, URL),
        ([{"file": URL}], URL),
        ([{"image_url": {"url": URL}}], URL),
        ({"data": [{"b64_json": PNG}]}, f"data:image/png;base64,{PNG}"),
        ({"images": [f"data:image/webp;base64,{PNG}"]}, f"data:image/webp;base64,{PNG}"),
        ({"images": [{"url": f"data:image/png;base64,{PNG}"}]}, f"data:image/png;base64,{PNG}"),
        ({"candidates": [{"content": {"parts": [{"file": URL}]}}]}, URL),
    ],
)
def test_f08_media_is_found_in_every_shape(output: Any, link: str) -> None:
    for slug in ("black-forest-labs/flux-schnell", "black-forest-labs/flux-1.1-pro"):
        source = end("replicate", slug)
        answer = CATALOG.answer(source, end("fal", "fal-ai/flux/dev"), {}, output)
        assert answer == ([link] if slug.endswith("schnell") else link)


@pytest.mark.parametrize(
    "output",
    [
        None, [], {}, "", "no picture", ["no", "picture"], {"images": []}, {"images": None}, 5,
        {"data": []}, {"error": "boom"}, {"images": [{"url": ""}]}, [None], True,
        {"logs": "https://files.test/log.txt"}, {"prompt": "https://files.test/a.png"},
    ],
)  # fmt: skip
def test_f10_an_output_without_media_is_unreadable(output: Any) -> None:
    for provider, slug in (
        ("fal", "fal-ai/flux/dev"),
        ("replicate", "black-forest-labs/flux-dev"),
    ):
        with pytest.raises(UnreadableOutput):
            CATALOG.answer(end(provider, slug), end("fal", "fal-ai/flux/schnell"), {}, output)


def test_f09_all_pictures_arrive() -> None:
    four = [f"https://files.test/{n}.webp" for n in range(4)]
    answer = CATALOG.answer(
        end("fal", "fal-ai/flux/dev"), end("replicate", "black-forest-labs/flux-dev"), {}, four
    )
    assert [image["url"] for image in answer["images"]] == four
    assert {image["content_type"] for image in answer["images"]} == {"image/webp"}
    assert len(answer["has_nsfw_concepts"]) == 4


def test_what_is_not_known_is_null_and_what_the_caller_said_is_known() -> None:
    source, target = end("fal", "fal-ai/flux/dev"), end("replicate", "black-forest-labs/flux-dev")
    output = ["https://files.test/out-0.webp"]
    answer = CATALOG.answer(source, target, {"prompt": "words", "seed": 7}, output)
    assert answer == {
        "images": [{"url": output[0], "content_type": "image/webp", "file_name": "out-0.webp"}],
        "prompt": "words",
        "seed": 7,
        "timings": {},
        "has_nsfw_concepts": [None],
    }
    assert CATALOG.answer(source, target, {}, output)["seed"] is None


def test_what_the_output_says_comes_first() -> None:
    source, target = end("fal", "fal-ai/flux/dev"), end("fal", "fal-ai/flux/schnell")
    output = {
        "images": [{"url": URL, "width": 8, "height": 9, "content_type": "image/x-odd"}],
        "seed": 12,
        "has_nsfw_concepts": [True],
        "prompt": "their words",
        "timings": {"inference": 1.5},
    }
    answer = CATALOG.answer(source, target, {"prompt": "words", "seed": 7}, output)
    assert answer["seed"] == 12
    assert answer["has_nsfw_concepts"] == [True]
    assert answer["prompt"] == "their words"
    assert answer["timings"] == {"inference": 1.5}
    assert answer["images"] == [
        {"url": URL, "width": 8, "height": 9, "content_type": "image/x-odd", "file_name": "out.png"}
    ]


@pytest.mark.parametrize("slug", sorted(SCHEMAS["replicate"]))
def test_replicate_answers_have_the_arity_of_the_model_asked(slug: str) -> None:
    source = end("replicate", slug)
    schema = CATALOG.output_schema(source)
    if schema is None or source.kind in TEXT_KINDS or schema.get("type") == "object":
        return
    answer = CATALOG.answer(source, end("fal", "fal-ai/flux/dev"), {}, {"images": [{"url": URL}]})
    assert answer == ([URL] if schema.get("type") == "array" else URL)


def test_a_transcript_crosses_both_ways() -> None:
    fal, openai = end("fal", "fal-ai/whisper"), end("replicate", "openai/whisper")
    said = {
        "text": "Hi. Bye.",
        "chunks": [
            {"timestamp": [0, 1.5], "text": "Hi.", "speaker": "SPEAKER_00"},
            {"timestamp": [1.5, None], "text": "Bye."},
        ],
        "inferred_languages": ["en"],
        "diarization_segments": [],
    }
    there = CATALOG.answer(openai, fal, {}, said)
    assert there["transcription"] == "Hi. Bye."
    assert there["detected_language"] == "english"
    assert [(s["start"], s["end"], s["text"]) for s in there["segments"]] == [
        (0, 1.5, "Hi."),
        (1.5, None, "Bye."),
    ]
    back = CATALOG.answer(fal, openai, {}, there)
    assert back["text"] == "Hi. Bye."
    assert back["inferred_languages"] == ["en"]
    assert back["chunks"] == said["chunks"]
    assert back["diarization_segments"] == [{"timestamp": [0, 1.5], "speaker": "SPEAKER_00"}]


def test_streamed_text_is_joined() -> None:
    source = end("fal", "fal-ai/moondream2/visual-query")
    target = end("replicate", "lucataco/moondream2")
    assert CATALOG.answer(source, target, {}, ["A ", "red ", "fox"]) == {"output": "A red fox"}


def test_named_files_keep_their_names() -> None:
    fal, replicate = end("fal", "fal-ai/demucs"), end("replicate", "cjwbw/demucs")
    stems = {"bass": "https://files.test/b.mp3", "vocals": "https://files.test/v.mp3"}
    answer = CATALOG.answer(fal, replicate, {}, stems | {"drums": None})
    assert answer["bass"]["url"] == stems["bass"]
    assert answer["vocals"] == {
        "url": stems["vocals"],
        "content_type": "audio/mpeg",
        "file_name": "v.mp3",
    }
    assert CATALOG.answer(replicate, fal, {}, answer)["vocals"] == stems["vocals"]

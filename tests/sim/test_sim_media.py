"""The produced files are real: their structure holds, and their size and length are as asked."""

from __future__ import annotations

import io
import json
import struct
import wave
import zipfile
import zlib

import pytest
from jsonschema import Draft202012Validator

from failover.sim.media import CONTENT_TYPES, Wish, make
from failover.sim.outputs import OutputBuilder
from failover.sim.schemas import Schemas, product_of
from failover.sim.wishes import Asked

SIZES = [(1, 1), (64, 64), (1024, 768), (1023, 577), (33, 7)]


def boxes(data):
    """Return the boxes of an ISO base media file, one level deep."""
    found, at = {}, 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert size >= 8
        found[kind.decode()] = data[at + 8 : at + size]
        at += size
    assert at == len(data)
    return found


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_png(width, height):
    data = make(Wish("png", width, height)).data
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += size + 12
    assert struct.unpack_from(">II", chunks[b"IHDR"]) == (width, height)
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == (width + 1) * height
    assert set(pixels) <= {0, 1}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_jpeg(width, height):
    data = make(Wish("jpeg", width, height)).data
    assert data[:2] == b"\xff\xd8"
    assert data[-2:] == b"\xff\xd9"
    frame = data.index(b"\xff\xc0")
    assert struct.unpack_from(">HH", data, frame + 5) == (height, width)
    scan = data[data.index(b"\xff\xda") + 14 : -2]
    restarts = sum(scan.count(bytes((0xFF, 0xD0 + n))) for n in range(8))
    assert restarts == -(-height // 8) - 1


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_webp(width, height):
    data = make(Wish("webp", width, height)).data
    assert (data[:4], data[8:16]) == (b"RIFF", b"WEBPVP8L")
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    (bits,) = struct.unpack_from("<I", data, 21)
    assert ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) == (width, height)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (1280, 720), (854, 480)])
@pytest.mark.parametrize("seconds", [1, 5])
def test_mp4(width, height, seconds):
    data = make(Wish("mp4", width, height, seconds)).data
    top = boxes(data)
    assert list(top) == ["ftyp", "mdat", "moov"]
    movie = boxes(top["moov"])
    timescale, length = struct.unpack_from(">II", movie["mvhd"], 12)
    assert length / timescale == seconds
    track = boxes(movie["trak"])
    assert struct.unpack_from(">II", track["tkhd"], 76) == (width << 16, height << 16)
    table = boxes(boxes(boxes(track["mdia"])["minf"])["stbl"])
    _, count = struct.unpack_from(">II", table["stsz"], 4)
    sizes = struct.unpack_from(f">{count}I", table["stsz"], 12)
    (offset,) = struct.unpack_from(">I", table["stco"], 8)
    for size in sizes:
        assert struct.unpack_from(">I", data, offset)[0] == size - 4
        offset += size
    assert sum(sizes) == len(top["mdat"])


def test_wav_and_mp3():
    with wave.open(io.BytesIO(make(Wish("wav", seconds=2.5)).data)) as sound:
        assert sound.getnframes() / sound.getframerate() == 2.5
        assert any(sound.readframes(1000))
    frames = make(Wish("mp3", seconds=2.5)).data
    assert len(frames) % 417 == 0
    assert all(frames[n : n + 2] == b"\xff\xfb" for n in range(0, len(frames), 417))


def test_svg_and_the_rest():
    assert b'width="30" height="20"' in make(Wish("svg", 30, 20)).data
    glb = make(Wish("glb")).data
    assert glb[:4] == b"glTF"
    assert struct.unpack_from("<I", glb, 8)[0] == len(glb)
    assert json.loads(glb[20:])["asset"]["version"] == "2.0"
    assert zipfile.ZipFile(io.BytesIO(make(Wish("zip")).data)).testzip() is None
    weights = make(Wish("safetensors")).data
    (header,) = struct.unpack_from("<Q", weights)
    assert "scale" in json.loads(weights[8 : 8 + header])


@pytest.mark.parametrize("kind", CONTENT_TYPES)
def test_the_same_wish_gives_the_same_bytes(kind):
    wish = Wish(kind, seed="a")
    first = make(wish)
    make.cache_clear()
    assert make(wish) == first


@pytest.mark.parametrize("provider", ["fal", "replicate"])
def test_outputs_satisfy_every_schema(provider):
    schemas, checked = Schemas(provider, null_unset=False), 0
    for endpoint in schemas:
        asked = Asked.of(schemas.filled(endpoint, {"prompt": "a fox", "text": "a fox"}))
        builder = OutputBuilder(
            asked, product_of(provider, endpoint), lambda m: f"https://x.test/{m.file_name}"
        )
        schema = schemas.output(endpoint)
        built = builder.build(schema)
        assert built not in (None, [], {}), endpoint
        Draft202012Validator(schema).validate(built)
        checked += 1
    assert checked > 200


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ({"image_size": "portrait_16_9"}, "image", (576, 1024)),
        ({"image_size": {"width": 300, "height": 200}}, "image", (300, 200)),
        ({"size": "1536x1024"}, "image", (1536, 1024)),
        ({"size": "832*480"}, "video", (832, 480)),
        ({"width": 640, "height": 480}, "image", (640, 480)),
        ({"aspect_ratio": "1:1"}, "image", (1024, 1024)),
        ({"aspect_ratio": "1:1", "megapixels": "0.25"}, "image", (512, 512)),
        ({"aspect_ratio": "16:9", "resolution": "480p"}, "video", (854, 480)),
        ({"aspect_ratio": "9:16"}, "video", (720, 1280)),
        ({}, "image", (1024, 1024)),
    ],
)
def test_sizes_are_read(values, kind, expected):
    assert Asked.of(values).size(kind) == expected


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ({"output_format": "jpg"}, "image", "jpeg"),
        ({"output_format": "webp"}, "image", "webp"),
        ({"output_format": "mp3_44100_128"}, "audio", "mp3"),
        ({"audio_format": "wav"}, "audio", "wav"),
        ({"output_format": "mp4"}, "video", "mp4"),
        ({"output_format": "flac"}, "audio", "mp3"),
        ({}, "image", "jpeg"),
    ],
)
def test_formats_are_read(values, kind, expected):
    assert Asked.of(values).wish(kind, 0).format == expected


def test_counts_and_lengths_are_read():
    assert Asked.of({"num_outputs": 3}).count == 3
    assert Asked.of({"duration": "8s"}).seconds == 8
    assert Asked.of({"duration": 500}).seconds == 60

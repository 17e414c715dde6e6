"""The command line, run as its users run it, and the checks of the shipped data behind it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import failover
from failover.catalog.check import Shipped, faults
from failover.catalog.lines import Lines, render_lines

if TYPE_CHECKING:
    from io import RawIOBase

PACKAGE = Path(failover.__file__).parent
FLUX = "https://fal.run/fal-ai/flux/dev"
CALL = {"prompt": "狐", "image_size": "landscape_16_9", "no_such_parameter": 1}
CANARY = "canary-key-7f3a"


def run(
    *arguments: str, stdin: str = "", cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m failover` without any key but those given."""
    ours = ("FAL_", "REPLICATE_", "FAILOVER_", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "failover", *arguments],
        env={**kept, "PYTHONUTF8": "1", **environ},
        cwd=cwd,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


def rows(text: str) -> list[list[str]]:
    """The cells of a plain table, its head left out."""
    return [line.split() for line in text.splitlines()[1:]]


def test_models_lists_every_model_in_plain_lines() -> None:
    done = run("models")
    assert (done.returncode, done.stderr) == (0, "")
    head = done.stdout.splitlines()[0]
    assert head.split() == ["model", "kind", "providers", "endpoints"]
    assert [row[0] for row in rows(done.stdout)] == list(Lines.shipped("data", "models"))
    assert "\x1b" not in done.stdout


def test_models_takes_part_of_a_name_a_kind_or_an_endpoint() -> None:
    by_slug = rows(run("models", "Fal-AI/flux/dev").stdout)
    assert ["flux-dev", "image", "fal,replicate"] in [row[:3] for row in by_slug]
    assert all(any("fal-ai/flux/dev" in cell for cell in row) for row in by_slug)
    kinds = rows(run("models", "lipsync").stdout)
    assert "lipsync" in {row[1] for row in kinds}
    old = run("models", "seedream-3").stdout
    assert "(retired 20" in old
    assert "(no schema)" in run("models", "elevenlabs/v3").stdout


def test_models_that_are_not_there_are_said_to_be_missing() -> None:
    done = run("models", "no-such-model")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no-such-model" in done.stderr


def test_check_finds_nothing_wrong_with_the_shipped_data() -> None:
    done = run("models", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("faults: 0\n")
    assert len(done.stdout.splitlines()) == 2


def test_check_lists_what_is_wrong_and_fails(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "failover", ignore=shutil.ignore_patterns("__pycache__"))
    data = tmp_path / "failover/catalog/data/replicate.json"
    version = Lines.shipped("data", "replicate")["adirik/marigold"]["version"]
    data.write_text(data.read_text("utf-8").replace(version, "latest"), "utf-8")
    done = run("models", "--check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "replicate adirik/marigold: version 'latest' is not 64 hexa" in done.stdout
    assert "data/replicate.json: stale" in done.stdout
    assert done.stdout.endswith("faults: 2\n")


def planted(file: str, key: str, **changes: Any) -> list[str]:
    """What the check says of the shipped data with one entry changed; None takes it out."""
    data = Shipped.load()
    lines = data.models if file == "models" else data.bound[file]
    entries = {name: lines[name] for name in lines}
    entries[key] = {**entries[key], **changes}
    if "gone" in changes:
        del entries[key]
    changed = Lines(render_lines(entries))
    if file == "models":
        return faults(data._replace(models=changed))
    return faults(data._replace(bound={**data.bound, file: changed}))


@pytest.mark.parametrize(
    ("file", "key", "changes", "said"),
    [
        ("fal", "fal-ai/flux/dev", {"gone": True}, "fal fal-ai/flux/dev: has no bindings"),
        ("fal", "fal-ai/flux/dev", {"bind": {}}, "parameter prompt has no binding"),
        ("fal", "fal-ai/flux/dev", {"models": []}, "flux-dev: fal fal-ai/flux/dev doesn't name it"),
        ("fal", "fal-ai/flux/dev", {"models": []}, "fal fal-ai/flux/dev: serves no model"),
        ("fal", "fal-ai/flux/dev", {"models": ["flux-dev", "nobody"]}, "model nobody doesn't name"),
        ("replicate", "adirik/marigold", {"version": "abc"}, "is not 64 hexadecimal digits"),
        ("replicate", "adirik/marigold", {"version": "A" * 64}, "is not 64 hexadecimal digits"),
        ("fal", "fal-ai/flux/dev", {"retired": "soon"}, "retired 'soon' is not a date"),
        ("fal", "fal-ai/flux/dev", {"retired": None}, "leads to fal fal-ai/flux/dev, which is"),
    ],
)
def test_check_finds_a_planted_fault(
    file: str, key: str, changes: dict[str, Any], said: str
) -> None:
    assert any(said in line for line in planted(file, key, **changes))


@pytest.mark.parametrize("kind", ["tts", "video", "upscale", "image-to-video", "no-such-kind"])
def test_f60_an_edge_from_one_kind_of_work_to_another_is_a_fault(kind: str) -> None:
    assert planted("models", "flux-dev", kind="image-edit") == []
    found = planted("models", "flux-dev", kind=kind)
    assert f"fal fal-ai/flux/dev: image, but its model flux-dev is {kind}" in found


def test_explain_shows_the_candidate_and_its_request() -> None:
    done = run("explain", FLUX, "--json", json.dumps(CALL), FAL_KEY="a:b", REPLICATE_API_TOKEN="c")
    assert (done.returncode, done.stderr) == (0, "")
    assert "model:    flux-dev\n" in done.stdout
    assert "replicate black-forest-labs/flux-dev: usable\n" in done.stdout
    assert "POST https://api.replicate.com/v1/models/black-forest-labs/flux-dev/" in done.stdout
    assert '"prompt": "狐"' in done.stdout
    assert "changed: image_size: landscape_16_9 -> 16:9" in done.stdout
    assert "dropped: no_such_parameter" in done.stdout
    assert "\x1b" not in done.stdout


def test_explain_needs_no_key_and_shows_none() -> None:
    bare = run("explain", FLUX, "--json", json.dumps(CALL))
    assert bare.returncode == 0
    assert "not used (no-key)" in bare.stdout
    done = run("explain", FLUX, "--json", "{}", FAL_KEY=CANARY, REPLICATE_API_TOKEN=CANARY)
    assert done.returncode == 0
    assert CANARY not in done.stdout + done.stderr


def test_explain_reads_the_body_from_a_file_or_from_stdin(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text(json.dumps(CALL), "utf-8-sig")
    given = run("explain", FLUX, "--json", json.dumps(CALL)).stdout
    assert run("explain", FLUX, "--json", f"@{file}").stdout == given
    assert run("explain", FLUX, "--json", "-", stdin=json.dumps(CALL)).stdout == given
    assert '"prompt": "狐"' in given


def test_explain_looks_at_one_provider() -> None:
    done = run("explain", FLUX, "--json", "{}", "--to", "replicate")
    assert "\nreplicate " in done.stdout
    assert "no-dialect" not in done.stdout
    wrong = run("explain", FLUX, "--json", "{}", "--to", "nobody")
    assert wrong.returncode == 2
    assert "nobody" in wrong.stderr


def test_explain_says_what_is_not_known() -> None:
    done = run("explain", "https://fal.run/fal-ai/flux/dev2", "--json", "{}")
    assert done.returncode == 0
    assert "known:    no\n" in done.stdout
    assert 'failover.Model("a-name", fal="fal-ai/flux/dev2"' in done.stdout


def test_explain_says_why_a_private_lora_stays() -> None:
    body = {"prompt": "a fox", "loras": [{"path": "me/mine"}]}
    done = run("explain", "https://fal.run/fal-ai/flux-lora", "--json", json.dumps(body))
    assert "not used (private_model: loras)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((FLUX, "--json", "{bad"), "--json: Expecting property name"),
        ((FLUX, "--json", ""), "--json: Expecting value"),
        ((FLUX, "--json", "[" * 100_000), "--json: "),
        ((FLUX, "--json", "@/no/such/file"), "--json: "),
        (("fal.run/x", "--json", "{}"), "not an absolute http or https URL"),
        ((FLUX,), "--json"),
    ],
)
def test_a_wrong_argument_is_status_2_and_a_clear_line(
    arguments: tuple[str, ...], said: str
) -> None:
    done = run("explain", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_cannot_work_is_status_2() -> None:
    done = run("explain", FLUX, "--json", "{}", FAL_KEY=f"{CANARY} with space")
    assert done.returncode == 2
    assert "white space" in done.stderr
    assert CANARY not in done.stderr


def test_output_that_the_terminal_cannot_show_is_escaped() -> None:
    body = json.dumps({"prompt": "狐"})
    done = run("explain", FLUX, "--json", body, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u72d0" in done.stdout


def test_nothing_in_a_call_reaches_the_terminal_as_a_command() -> None:
    body = json.dumps({"version": "acme/\x1b[2Jstyle", "input": {"prompt": "\x1b[31m"}})
    done = run("explain", "https://api.replicate.com/v1/predictions", "--json", body)
    assert "endpoint: acme/?[2Jstyle" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", FLUX, "--json", '{"prompt": "[red]x[/red]"}'), '"prompt": "[red]x[/red]"'),
        (("models", "flux-dev-lora-i2i"), "flux-dev-lora-i2i"),
    ],
)
def test_a_terminal_gets_colours_or_a_table(arguments: tuple[str, ...], said: str) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        child = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "failover", *arguments],
            env={**os.environ, "TERM": "xterm", "COLUMNS": "200", "PYTHONUTF8": "1"},
            stdout=theirs,
        )
        os.close(theirs)
        with child:
            shown = read_all(screen).decode()
    assert child.returncode == 0
    assert said in shown
    assert "\x1b[" in shown


def read_all(screen: RawIOBase) -> bytes:
    """What was written to a terminal; its end is an error on Linux."""
    text = b""
    while True:
        try:
            part = screen.read(4096)
        except OSError:
            return text
        if not part:
            return text
        text += part


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "failover", "models"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        child.stdout.close()
        assert child.stderr.read() == b""

"""The command line as a person or a script uses it: real processes where that matters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh
from PIL import Image

from backend import cli, paths

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--faces", "300", "--texture-size", "64", "--resolution", "32"]
STAGES = {"text", "grid", "density", "contour", "clean", "decimate", "uv", "bake", "write"}


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def json(self) -> dict:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def att3d(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Run the command line in this process, with a cache of its own."""
    monkeypatch.setenv("ATT3D_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def tiny(tiny_checkpoint_path: Path) -> list[str]:
    return ["--checkpoint", str(tiny_checkpoint_path)]


def assert_refused(result: Result, *words: str, code: int = 2) -> None:
    """Exit code, two lines that say what and what to do, no traceback, nothing on stdout."""
    assert result.code == code
    assert result.out == ""
    error, remedy = result.err.strip().splitlines()
    assert error.startswith("error: ") and remedy.startswith("try: ")
    for word in words:
        assert word in result.err


def test_xatlas_unwraps_if_it_is_asked_to_and_nobody_else(
    att3d: Run, tiny: list[str], tmp_path: Path
):
    result = att3d("generate", "a pig", "--unwrap", "xatlas", "-o", "pig.glb", *tiny, *SMALL)
    assert result.code == 0 and (tmp_path / "pig.glb").is_file()
    result = att3d("generate", "a pig", "--unwrap", "blender", "-o", "other.glb", *tiny, *SMALL)
    assert result.code == 2 and "--unwrap" in result.err and "xatlas" in result.err
    assert not (tmp_path / "other.glb").exists()


def test_a_prompt_becomes_a_file(att3d: Run, tiny: list[str], tmp_path: Path):
    result = att3d("generate", "a pig", "-o", "pig.glb", *tiny, *SMALL)
    assert result.code == 0 and "pig.glb: 300 faces" in result.out
    scene = trimesh.load(tmp_path / "pig.glb", process=False, force="mesh")
    assert isinstance(scene, trimesh.Trimesh) and len(scene.faces) == 300


def test_json_is_one_object_with_seconds_by_stage(att3d: Run, tiny: list[str]):
    report = att3d("generate", "a pig", "-o", "p.glb", "--json", *tiny, *SMALL).json()
    assert set(report["timings"]) == STAGES | {"load", "total"}
    assert set(report["results"][0]["timings"]) == STAGES
    assert report["timings"]["total"] >= sum(report["results"][0]["timings"].values())
    assert len(report["checkpoint_hash"]) == 64 and report["device"]
    assert report["results"][0]["files"] == ["p.glb"]


def test_several_prompts_share_one_load(att3d: Run, tiny: list[str], tmp_path: Path):
    prompts = ["a pig", "A Lion!", "a pig"]
    report = att3d("generate", *prompts, "-o", "toys/", "--json", *tiny, *SMALL).json()
    assert [Path(r["files"][0]).name for r in report["results"]] == [
        "a-pig.glb",
        "a-lion.glb",
        "a-pig-2.glb",
    ]
    assert len(list((tmp_path / "toys").iterdir())) == 3
    assert list(report["timings"]).count("load") == 1


def test_a_name_may_hold_prompt_and_index(att3d: Run, tiny: list[str], tmp_path: Path):
    output = "{x} {index} {prompt}.ply"
    assert att3d("generate", "a pig", "a lion", "-o", output, *tiny, *SMALL).code == 0
    assert sorted(p.name for p in tmp_path.glob("*.ply")) == [
        "{x} 1 a-pig.ply",
        "{x} 2 a-lion.ply",
    ]


def test_several_prompts_cannot_share_a_file(att3d: Run, tiny: list[str]):
    assert_refused(att3d("generate", "a", "b", "-o", "x.glb", *tiny), "{prompt}")


def test_unknown_words_are_noted_and_answered(att3d: Run, tiny: list[str]):
    report = att3d("generate", "a pig on a zeppelin", "-o", "x.glb", "--json", *tiny, *SMALL).json()
    (note,) = report["results"][0]["notes"]
    assert "zeppelin" in note and "a pig on a chair" in note


@pytest.mark.parametrize(
    "prompt", ["🐷🎩", "חזיר עם כובע", "a\u202e pig\x07\n\t with\x00 hat", "豚"]
)
def test_odd_prompts_are_answered(att3d: Run, tiny: list[str], prompt: str):
    result = att3d("generate", prompt, "-o", "out/", "--json", *tiny, *SMALL)
    assert result.code == 0
    made = result.json()["results"][0]
    assert Path(made["files"][0]).is_file()
    assert all(character.isprintable() for character in made["prompt"])


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "\x00\x07", "\u200b"])
def test_an_empty_prompt_is_refused(att3d: Run, tiny: list[str], prompt: str):
    assert_refused(att3d("generate", prompt, "-o", "x.glb", *tiny), "empty", "tophat")


def test_ten_thousand_characters_are_refused(att3d: Run, tiny: list[str]):
    assert_refused(att3d("generate", "a pig " * 1667, "-o", "x.glb", *tiny), "2,000")


def test_no_prompt_is_refused(att3d: Run):
    assert att3d("generate", "-o", "x.glb").code == 2


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--faces", "99", "100 to 200000"),
        ("--faces", "-5", "100 to 200000"),
        ("--texture-size", "9000", "64 to 8192"),
        ("--resolution", "1000000", "32 to 512"),
    ],
)
def test_ranges_are_named(att3d: Run, tiny: list[str], option: str, value: str, allowed: str):
    assert_refused(att3d("generate", "pig", "-o", "x.glb", f"{option}={value}", *tiny), allowed)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["draw", "pig"],
        ["generate", "pig"],
        ["generate", "pig", "-o", "x.glb", "--faces", "many"],
        ["generate", "pig", "-o", "x.glb", "--colour", "red"],
        ["render", "-o", "x.png"],
    ],
)
def test_wrong_use_exits_with_2_and_no_traceback(att3d: Run, arguments: list[str]):
    result = att3d(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err and result.out == ""


def test_an_unknown_device_is_refused(att3d: Run, tiny: list[str]):
    assert_refused(
        att3d("generate", "pig", "-o", "x.glb", "--device", "toaster", *tiny), "toaster", "auto"
    )


@pytest.mark.parametrize("output", ["x.fbx", "x", "/proc/x.glb", "file/x.glb"])
def test_what_cannot_be_written_is_refused_before_the_model_is_loaded(
    att3d: Run, tmp_path: Path, output: str
):
    (tmp_path / "file").write_text("in the way")
    assert_refused(att3d("generate", "a pig", "-o", output, "--checkpoint", "missing"), "cannot")


def test_json_tells_of_an_error_too(att3d: Run):
    result = att3d("generate", "", "-o", "x.glb", "--json")
    assert result.code == 2
    assert result.json()["error"]["code"] == "bad_prompt"
    assert result.err.startswith("error: ")


def test_broken_checkpoints_say_what_they_are(
    att3d: Run, tiny_checkpoint_path: Path, tmp_path: Path
):
    whole = tiny_checkpoint_path.read_bytes()
    broken = {
        "truncated.safetensors": (whole[: len(whole) // 2], "truncated"),
        "empty.safetensors": (b"", "not a .safetensors"),
        "text.safetensors": (b"hello, this is not a checkpoint", "not a .safetensors"),
        "pickled.safetensors": (b"\x80\x02}q\x00.", "pickled"),
        "zipped.pt": (b"PK\x03\x04" + b"\0" * 64, "pickled"),
    }
    for name, (content, what) in broken.items():
        (tmp_path / name).write_bytes(content)
        for command in (["generate", "a pig", "-o", "x.glb", "--checkpoint"], ["info"]):
            assert_refused(att3d(*command, name), name, what)
    assert_refused(att3d("info", "missing.safetensors"), "there is no model at")
    assert_refused(att3d("info", tmp_path), "cannot read")
    assert not (tmp_path / "x.glb").exists()


def test_a_missing_bundled_checkpoint_is_said_so(
    att3d: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    assert_refused(att3d("generate", "a pig", "-o", "x.glb"), "toybox.safetensors")


@pytest.mark.parametrize(("ending", "views", "frames"), [("png", 3, 1), ("gif", 4, 4)])
def test_a_prompt_becomes_a_picture(
    att3d: Run, tiny: list[str], tmp_path: Path, ending: str, views: int, frames: int
):
    name = f"pig.{ending}"
    result = att3d("render", "a pig", "-o", name, "--views", views, "--size", 32, *tiny)
    assert result.code == 0, result.err
    with Image.open(tmp_path / name) as picture:
        assert picture.size == (32 * (views if frames == 1 else 1), 32)
        assert getattr(picture, "n_frames", 1) == frames


def test_a_turntable_may_be_a_film(att3d: Run, tiny: list[str], tmp_path: Path):
    pytest.importorskip("imageio_ffmpeg")
    result = att3d("render", "pig", "-o", "p.mp4", "--views", 5, "--size", 34, "--json", *tiny)
    assert result.json()["views"] == 5
    assert (tmp_path / "p.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-o", "x.jpg"], ".png"),
        (["-o", "x.png", "--size", "4"], "16 to 2048"),
        (["-o", "x.png", "--views", "0"], "1 to 720"),
        (["-o", "x.mp4", "--size", "33"], "even"),
    ],
)
def test_pictures_that_cannot_be_are_refused(att3d: Run, arguments: list[str], word: str):
    assert_refused(att3d("render", "a pig", *arguments), word)


def test_info_shows_what_a_checkpoint_holds(att3d: Run, tiny: list[str]):
    text = att3d("info", tiny[1])
    assert text.code == 0
    for word in ("tiny", "sha256", "GPL-3.0-or-later", "a pig on a chair", "10 words"):
        assert word in text.out
    facts = att3d("info", tiny[1], "--json").json()
    assert facts["name"] == "tiny" and facts["config"]["latent"] == 6 and len(facts["sha256"]) == 64
    whole = att3d("info", tiny[1], "--json", "--whole").json()
    assert "a pig on a chair" in whole["prompts"]
    assert facts["prompts"] == {"count": len(whole["prompts"])}
    assert {**facts, "prompts": []}.keys() == {**whole, "prompts": []}.keys()


def test_info_counts_the_models_of_a_library(att3d: Run):
    """A person reads it: a thousand models with their authors are 280 KB."""
    props = ROOT / "checkpoints" / "props.safetensors"
    whole = att3d("info", props, "--json", "--whole").json()
    models = whole["recipe"]["assets"]["models"]
    facts = att3d("info", props, "--json")
    assert facts.json()["recipe"]["assets"]["models"] == {"count": len(models)}
    assert len(facts.out) < 10_000 and len(att3d("info", props).out) < 8_000


def test_checkpoints_lists_good_and_bad(att3d: Run, tiny_checkpoint_path: Path):
    folder = tiny_checkpoint_path.parent
    (folder / "broken.safetensors").write_bytes(b"no")
    try:
        entries = att3d("checkpoints", folder, "--json").json()["checkpoints"]
    finally:
        (folder / "broken.safetensors").unlink()
    problems = {Path(entry["path"]).name: entry["problem"] for entry in entries}
    assert problems["tiny.safetensors"] == "" and problems["broken.safetensors"]
    assert_refused(att3d("checkpoints", "nowhere"), "nowhere")


def test_doctor_finds_what_is_missing(att3d: Run, monkeypatch: pytest.MonkeyPatch):
    from backend.commands import doctor

    monkeypatch.setitem(doctor.NEEDED, "no_such_module", ("no-such-package", "this test"))
    monkeypatch.setattr(doctor, "_checkpoints", lambda: iter(()))
    result = att3d("doctor")
    assert result.code == 1
    assert "MISSING" in result.out and "pip install no-such-package" in result.out
    monkeypatch.delitem(doctor.NEEDED, "no_such_module")
    well = att3d("doctor", "--json")
    assert well.code == 0
    found = {finding["what"]: finding["status"] for finding in well.json()["findings"]}
    assert found["Python"] == found["torch"] == found["open_clip_torch"] == "ok"


def test_doctor_is_content_without_torch():
    script = (
        "import sys\n"
        "for name in ('torch', 'open_clip', 'jaxtyping'): sys.modules[name] = None\n"
        "from backend.commands.doctor import examine\n"
        "for finding in examine(): print(finding.status, finding.what)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    found = done.stdout.splitlines()
    assert {"optional torch", "ok device", "ok toybox.safetensors"} <= set(found)
    assert not [line for line in found if line.startswith("missing")]


def test_doctor_examines_the_bundled_checkpoint(
    att3d: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    result = att3d("doctor")
    assert result.code == 1 and "toybox.safetensors" in result.out


def test_help_needs_no_torch_and_is_quick():
    script = (
        "import sys, backend.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'scipy', 'bpy')))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_stdout_holds_nothing_but_the_object(tiny: list[str], tmp_path: Path):
    done = subprocess.run(
        [*generating("a pig", tmp_path / "x.glb"), "--json", *tiny, *SMALL],
        cwd=ROOT,
        env=os.environ | {"ATT3D_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["results"][0]["faces"] == 300


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals and signals")
def test_ctrl_c_exits_with_130_and_leaves_nothing(tiny: list[str], tmp_path: Path):
    import pty

    terminal, end = pty.openpty()
    running = subprocess.Popen(
        [*generating("a pig", tmp_path / "x.glb"), *tiny, "--resolution", "512"],
        cwd=ROOT,
        env=os.environ | {"ATT3D_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=end,
    )
    os.close(end)
    shown = b""
    while b"density" not in shown:  # it is at work when its progress says so
        shown += os.read(terminal, 4096)
    running.send_signal(signal.SIGINT)
    shown += rest_of(terminal)
    os.close(terminal)
    running.communicate(timeout=600)
    assert running.returncode == 130
    assert b"interrupted" in shown
    assert b"Traceback" not in shown
    assert [p.name for p in tmp_path.iterdir() if p.name != "cache"] == []


def generating(prompt: str, output: Path) -> list[str]:
    return [sys.executable, "-m", "backend", "generate", prompt, "-o", str(output)]


def rest_of(terminal: int) -> bytes:
    """What is still written to a terminal until nobody has it open."""
    shown = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            return shown
        if not part:
            return shown
        shown += part

"""The Blender of `make demo` and of its benchmark: bpy, nothing else, and none of this person's."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import fresh_blender  # noqa: E402
from extension_wheels import BuildFailed  # noqa: E402
from fresh_blender import BlenderFailed  # noqa: E402

LOOK = """
import importlib.util, json, os, sys
job = json.load(open(sys.argv[1]))
found = {name: importlib.util.find_spec(name) is not None for name in ("bpy", "numpy", "torch")}
told = {name: os.environ.get(name) for name in ("ATT3D_PYTHON", "PYTHONPATH")}
json.dump({"found": found, "told": told, "asked": job["question"]}, open(job["report"], "w"))
"""


def test_it_has_bpy_and_what_bpy_needs_but_no_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATT3D_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    script = tmp_path / "look.py"
    script.write_text(LOOK)
    with fresh_blender.fresh_blender() as blender:
        said = blender.run(script, {"question": "ä"}, tmp_path / "log")
    assert said["found"] == {"bpy": True, "numpy": True, "torch": False}
    assert said["told"] == {"ATT3D_PYTHON": None, "PYTHONPATH": None}
    assert said["asked"] == "ä"
    assert not blender.python.exists() and not blender.profile.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print('failed: first'); print('failed: second'); raise SystemExit(1)", "second"),
        ("print('failed: no report')", "no report"),
        ("raise SystemExit(7)", "ended with code 7"),
    ],
)
def test_a_script_that_fails_is_one_line_and_the_log(
    tmp_path: Path, text: str, message: str
) -> None:
    script, log = tmp_path / "fails.py", tmp_path / "log"
    script.write_text(text)
    with fresh_blender.fresh_blender() as blender, pytest.raises(BlenderFailed) as failure:
        blender.run(script, {}, log)
    said = str(failure.value)
    assert message in said and str(log) in said and "\n" not in said


def test_without_wheels_the_demo_says_so_and_uses_no_other_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_wheels() -> Path:
        raise BuildFailed("There is no wheel of scipy==1 for here: no network")

    # By its file: a checkout's folder may be called demo, too.
    spec = importlib.util.spec_from_file_location("att3d_demo", ROOT / "scripts" / "demo.py")
    assert spec is not None and spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    monkeypatch.setattr(demo, "build_for_this_machine", no_wheels)
    assert demo.run(tmp_path / "out", demo.PROMPTS, 1, "") == 2
    said = capsys.readouterr().err
    assert "no wheel of scipy==1" in said and "Try again with the network" in said
    assert not (tmp_path / "out").exists()


def test_a_system_without_wheels_gets_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_blender, "this_platform", lambda: "")
    with pytest.raises(BuildFailed, match="Build a zip without wheels"):
        fresh_blender.build_for_this_machine()

"""Twenty assets of a .blend become a model that answers by their names, in a real Blender."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from .conftest import SECONDS, run_job

pytestmark = pytest.mark.timeout(SECONDS + 60)


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="this Python has no bpy")
def test_assets_are_exported_trained_on_added_and_answer(
    extension: Path, tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    zip, checkpoint = str(extension), str(tiny_checkpoint_path)
    python = Path(sys.executable)
    done = run_job(python, tmp_path, "own_library.py", zip=zip, checkpoint=checkpoint)
    assert (tmp_path / "done.json").is_file(), done.stdout
    said = json.loads((tmp_path / "done.json").read_text(encoding="utf-8"))
    assert len(said["models"]) == 20 and {"Kettle", "Vending Machine"} <= set(said["models"])
    assert said["licence"] == "CC0-1.0"
    assert said["awaited"] == 0, "the panel offers what it has added no longer"
    assert said["chosen"] == "" and said["answered"] == "workshop", "Automatic uses it"
    assert said["faces"] > 100 and said["notes"] == [], said

"""Sets of mesh options, and what their tooltips promise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from backend.protocol.options import MeshOptions
from backend.protocol.presets import PRESETS

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "performance" / "presets.json"


def test_standard_is_what_nobody_changed():
    assert PRESETS["STANDARD"].options == MeshOptions()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_every_option(name: str):
    preset = PRESETS[name]
    assert preset.values.keys() == MeshOptions().__dict__.keys()
    assert {option: preset.values[option] for option in preset.changes} == dict(preset.changes)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "STANDARD"])
def test_the_tooltip_says_what_was_measured(name: str):
    """``benchmarks/presets.py`` writes the file; the tip has its figure, rounded."""
    measured = json.loads(MEASURED.read_text())[name]["of_standard"]
    said = re.search(r"about ([\d.]+) times Standard's time", PRESETS[name].tip)
    assert said is not None
    assert float(said[1]) == pytest.approx(measured, rel=0.2)


def test_draft_is_really_faster():
    assert json.loads(MEASURED.read_text())["DRAFT"]["of_standard"] < 0.5

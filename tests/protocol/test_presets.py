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


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_takes_is_what_was_measured(name: str):
    """``benchmarks/presets.py`` writes the file; the declaration has its figure, rounded."""
    measured = json.loads(MEASURED.read_text())[name]
    assert PRESETS[name].times == round(measured["of_standard"], 1)


def test_the_table_in_the_docs_is_of_the_same_run():
    text = (MEASURED.parents[1] / "performance.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([A-Z][\w ]+) \| [\d.]+ \| ([\d.]+) \|$", text, re.MULTILINE))
    measured = json.loads(MEASURED.read_text())
    for name, preset in PRESETS.items():
        assert float(rows[preset.label]) == measured[name]["of_standard"]


def test_draft_is_really_faster():
    assert json.loads(MEASURED.read_text())["DRAFT"]["of_standard"] < 0.5

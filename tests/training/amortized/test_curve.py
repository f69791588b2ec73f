"""A run's figures on disk: whatever is in the file, a clear word or the points that are whole."""

import json
import math
import os

import pytest

from backend.protocol.errors import OutputError, TrainingError
from tests.training.small import small_config
from training.amortized.curve import CURVE_FILE, append_point, read_curve
from training.amortized.run import train
from training.runs.state import Progress

WHOLE = {"step": 4, "seconds": 1.5, "frames_per_prompt": 2.0, "psnr": {"seen": 20.0}}

NO_POINTS = {
    "cut off": '{"step": 4, "sec',
    "no object": "[4]",
    "nothing": "null",
    "nested": "[" * 5000,
    "a huge number": '{"step": ' + "1" * 5000 + "}",
    "no step": json.dumps({**WHOLE, "step": None}),
    "a step in words": json.dumps({**WHOLE, "step": "4"}),
    "a step that is a list": json.dumps({**WHOLE, "step": [4]}),
    "a negative step": json.dumps({**WHOLE, "step": -4}),
    "NaN for frames": json.dumps({**WHOLE, "frames_per_prompt": math.nan}),
    "a figure without groups": json.dumps({**WHOLE, "psnr": 20.0}),
    "a figure in words": json.dumps({**WHOLE, "psnr": {"seen": "high"}}),
    "an empty line": "",
}


@pytest.mark.parametrize("kind", NO_POINTS)
def test_lines_that_are_no_points_are_passed_over_with_a_word(tmp_path, capsys, kind):
    path = tmp_path / CURVE_FILE
    later = json.dumps({**WHOLE, "step": 8})
    path.write_text(f"{NO_POINTS[kind]}\n{json.dumps(WHOLE)}\n{NO_POINTS[kind]}\n{later}\n")
    assert read_curve(tmp_path) == [WHOLE, {**WHOLE, "step": 8}]
    assert capsys.readouterr().err == f"{path}: damaged lines are passed over: 2\n"


def test_bytes_that_are_no_text_are_passed_over(tmp_path):
    (tmp_path / CURVE_FILE).write_bytes(b"\xff\xfe\x00\n" + json.dumps(WHOLE).encode())
    assert read_curve(tmp_path) == [WHOLE]


def test_the_later_line_of_a_step_counts_and_steps_are_in_order(tmp_path):
    for step, psnr in ((4, 20.0), (2, 10.0), (4, 30.0)):
        append_point(tmp_path, Progress(step, 1.0, 2), 1, {"psnr": {"seen": psnr}, "iou": {}})
    assert [(p["step"], p["psnr"]["seen"]) for p in read_curve(tmp_path)] == [(2, 10.0), (4, 30.0)]


def test_a_figure_without_a_finite_value_is_nan(tmp_path):
    append_point(tmp_path, Progress(1, 1.0, 2), 1, {"psnr": {"seen": math.inf}})
    assert math.isnan(read_curve(tmp_path)[0]["psnr"]["seen"])


UNUSABLE = {
    "no file": lambda path: None,
    "an empty file": lambda path: path.touch(),
    "only broken lines": lambda path: path.write_text("{\n" * 3),
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a circle of links": lambda path: path.symlink_to(path),
}


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_curve_that_cannot_be_read_says_what_to_do(tmp_path, kind):
    UNUSABLE[kind](tmp_path / CURVE_FILE)
    with pytest.raises(TrainingError, match=CURVE_FILE) as info:
        read_curve(tmp_path)
    assert "delete" in info.value.remedy


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize("name", ["curve.jsonl", "sheets", "tensorboard", "checkpoint.safetensors"])
def test_a_run_is_refused_before_its_first_step_and_keeps_its_state(tmp_path, name, monkeypatch):
    config = small_config(tmp_path / "run", scoring="none")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "state.safetensors").write_bytes(b"mine")
    os.mkfifo(tmp_path / "run" / name)
    monkeypatch.setattr("training.amortized.run._train", None)
    with pytest.raises(OutputError, match=name):
        train(config)
    assert (tmp_path / "run" / "state.safetensors").read_bytes() == b"mine"

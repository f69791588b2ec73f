"""``python -m training`` from end to end: a short real run, its checkpoint, its figures."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from backend.engine import Engine
from backend.model.checkpoint import load_checkpoint
from tests.training.small import small_config
from training import cli
from training.amortized.evaluation import (
    ComparedSides,
    Figures,
    Sides,
    coverage,
    evaluate,
    evenly,
    iou,
    psnr,
)
from training.amortized.r_metrics import Queries
from training.amortized.run import train
from training.assets.toybox import ToyboxCollection
from training.clip.config import ClipShape
from training.clip.model import build_clip, save_clip
from training.clip.scoring import load_scorer
from training.prompts import known_words, prompt_set


def test_a_run_leaves_a_checkpoint_that_says_how_it_was_made(short_run):
    metadata = load_checkpoint(short_run).metadata
    assert len(metadata.prompts) == 56
    assert len(metadata.unseen) == 8
    assert metadata.recipe["steps"] == 4
    assert metadata.recipe["frames"] == 4
    assert metadata.recipe["config"]["seed"] == 0
    assert "katana" in metadata.words
    assert metadata.licence and metadata.limits


def test_a_run_leaves_state_pictures_and_curves(short_run):
    folder = short_run.parent
    assert (folder / "state.safetensors").exists()
    assert (folder / "sheets" / "000004.png").stat().st_size > 1000
    assert list((folder / "tensorboard").iterdir())


def test_the_same_command_again_does_nothing_new(short_run):
    before = load_checkpoint(short_run).model.state_dict()
    after = load_checkpoint(train(small_config(short_run.parent))).model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_finished_runs_checkpoint_stays_as_it_is_in_another_version(short_run, monkeypatch):
    """What started from it names it by its hash; a missing or damaged one is written again."""
    before = short_run.read_bytes()
    monkeypatch.setattr("training.amortized.export._commit", lambda: "another")
    train(small_config(short_run.parent))
    assert short_run.read_bytes() == before
    short_run.write_bytes(before[:1000])
    train(small_config(short_run.parent))
    assert load_checkpoint(short_run).metadata.recipe["commit"] == "another"


def test_the_checkpoint_answers_prompts(short_run):
    field, notes = Engine(short_run, device="cpu").field("a pig holding a zeppelin")
    line = np.linspace(-1.0, 1.0, 8, dtype=np.float32)
    assert np.isfinite(field.lattice(line, line, line)).all()
    assert any("zeppelin" in note for note in notes)


def test_evaluation_figures(short_run, tmp_path):
    shape = ClipShape(
        image_size=32, blocks=(1, 1, 1, 1), vision_width=8, context=16, text_width=16,
        text_layers=1, text_heads=2, features=16,
    )  # fmt: skip
    save_clip(tmp_path / "clip.safetensors", build_clip(shape, known_words()), {})
    prompts = prompt_set("pig64")
    queries = Queries(load_scorer(str(tmp_path / "clip.safetensors")), prompts.prompts)
    result = evaluate(load_checkpoint(short_run), prompts, ToyboxCollection(), queries, count=1)
    assert json.loads(json.dumps(result)) == result
    assert set(result["psnr"]) == {"seen", "unseen"}
    assert set(result["r_precision"]) == {"seen", "unseen", "truth"}
    assert result["queries"] == 64
    assert 3 < result["psnr"]["unseen"] < 40
    assert 0 < result["r_probability"]["truth"] < 1


def test_figures_of_pictures_of_another_size_say_so_and_are_others(short_run, capsys):
    arguments = ["evaluate", str(short_run), "--prompts", "vehicles", "--count", "1"]
    found = {}
    for size in ("64", "16"):
        asked = [*arguments, "--scoring", "none", "--size", size]
        assert cli.main([*asked, "--json"]) == 0
        found[size] = json.loads(capsys.readouterr().out)
    assert (found["64"]["size"], found["16"]["size"]) == (64, 16)
    assert found["64"]["psnr"] != found["16"]["psnr"]
    assert cli.main([*arguments, "--scoring", "none", "--size", "16"]) == 0
    assert "four views each of 16 x 16" in capsys.readouterr().out


def test_a_sheet_shows_seen_and_unseen_prompts(short_run, tmp_path, capsys):
    output = tmp_path / "sheet.png"
    arguments = ["sheet", str(short_run), "--output", str(output), "--prompts", "pig64"]
    assert cli.main([*arguments, "--count", "1", "--tile", "16"]) == 0
    with Image.open(output) as picture:
        assert picture.height == 3 * 16 + 64
    assert str(output) in capsys.readouterr().out


def test_psnr():
    truth = torch.zeros(4, 4, 3)
    assert psnr(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-4)
    assert psnr(truth, truth) == pytest.approx(100.0)


def test_a_sheet_of_random_prompts_goes_on_below(short_run, tmp_path):
    output = tmp_path / "sheet.jpg"
    arguments = ["sheet", str(short_run), "--output", str(output), "--prompts", "pig64"]
    assert (
        cli.main([*arguments, "--count", "3", "--seed", "1", "--tile", "16", "--across", "2"]) == 0
    )
    with Image.open(output) as picture:
        assert picture.format == "JPEG" and picture.size == (88 + 2 * 16, 2 * (3 * 16 + 64))


def test_a_sheet_alone_is_of_the_prompts_that_a_checkpoint_knows(short_run, tmp_path):
    output = tmp_path / "sheet.png"
    arguments = ["sheet", str(short_run), "-o", str(output), "--alone", "--seed", "1"]
    assert cli.main([*arguments, "--count", "3", "--tile", "16"]) == 0
    with Image.open(output) as picture:
        assert picture.size == (88 + 3 * 16, 2 * 16 + 64)


def test_a_sheet_alone_is_of_a_file_of_prompts(short_run, tmp_path):
    output, prompts = tmp_path / "sheet.png", tmp_path / "prompts.txt"
    prompts.write_text("a pig\na pig wearing a tophat\n", encoding="utf-8")
    arguments = ["sheet", str(short_run), "-o", str(output), "--alone", "--prompts", str(prompts)]
    assert cli.main([*arguments, "--count", "2", "--tile", "16"]) == 0
    with Image.open(output) as picture:
        assert picture.size == (88 + 2 * 16, 2 * 16 + 64)


def test_a_tenth_of_the_prompts_is_worse_than_the_tenths_figure():
    figures = Figures()
    white, full = torch.ones(4, 8, 8, 3), torch.ones(4, 8, 8)
    for error in torch.linspace(0.01, 0.5, 11).tolist():
        truth = Sides(white - error, white, full)
        figures.add("seen", ComparedSides(white, white, full, truth), 0)
    tenths = figures.tenths()
    second_worst = -20 * math.log10(0.5 - 0.049)
    assert tenths["psnr_p10"]["seen"] == pytest.approx(second_worst, abs=1e-3)
    assert tenths["iou_p10"]["seen"] == 1.0
    assert "unseen" not in tenths["psnr_p10"]


def test_a_volume_as_wide_as_its_reference_has_the_same_silhouette():
    truth = torch.zeros(1, 8, 8)
    truth[:, :, 3:6] = 1.0  # An outline through the middle of a pixel, and one between pixels.
    volume = 0.98 * truth + 0.01
    assert iou(coverage(volume), coverage(truth)) == 1.0
    wider = truth.roll(-1, 2).maximum(truth).roll(-1, 2).maximum(truth)
    assert iou(coverage(wider), coverage(truth)) < 0.8
    assert iou(coverage(0.4 * truth), coverage(truth)) == 0.0, "haze is no silhouette"


def test_evenly():
    assert evenly(range(10), 0) == list(range(10))
    assert evenly(range(10), 99) == list(range(10))
    assert evenly(range(10), 2) == [2, 7]
    assert len(set(evenly(range(1208), 100))) == 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "no command 'fly'"),
        (["train", "--preset", "toybox-anmals"], "toybox-animals"),
        (["train", "--preset", "toybox-tiny", "--prompts", "nowhere.txt"], "nowhere.txt"),
        (["train", "--preset", "toybox-tiny", "--device", "abacus"], "abacus"),
        (["train", "--preset", "toybox-tiny", "--text", "gone.safetensors"], "gone.safetensors"),
        (["train", "--preset", "toybox-tiny", "--model.tokens", "5"], "--model.tokens"),
        (["evaluate", "gone.safetensors"], "gone.safetensors"),
        (["prompts", "nothing"], "nothing"),
    ],
)
def test_wrong_use_is_one_clear_line_and_exit_2(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_unknown_options_exit_2():
    with pytest.raises(SystemExit) as info:
        cli.main(["train", "--preset", "toybox-tiny", "--stepz", "4"])
    assert info.value.code == 2


def test_prompts_are_listed(capsys):
    assert cli.main(["prompts"]) == 0
    assert "animal1200" in capsys.readouterr().out
    assert cli.main(["prompts", "pig64", "--split", "unseen"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8

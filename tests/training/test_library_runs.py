"""A run on a library of one's own models, by the commands that a person types."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from backend.model.checkpoint import load_checkpoint
from tests.training.library.models import write_box
from training import cli
from training.assets import LibraryConfig, assets_of
from training.clip.library_source import LibrarySource, head_noun
from training.clip.model import load_clip
from training.clip.scoring import ScoringClip
from training.library.build import LibraryOptions, build

VALUES = {
    "steps": "2",
    "batch": "2",
    "save-every": "2",
    "sheet-every": "2",
    "watched": "1",
    "references.size": "16",
    "references.rays": "8",
    "references.samples": "8",
    "references.points": "64",
    "model.latent": "4",
    "model.components": "2",
    "latents.second": "0",
    "device": "cpu",
    "scoring": "none",
    "model.grid.resolutions": "5 9",
}
SHORT = [word for name, value in VALUES.items() for word in (f"--{name}", *value.split())]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    root = tmp_path_factory.mktemp("library")
    for number, name in enumerate(("Crate", "Table", "Plank")):
        write_box(root / "pack" / f"{name}.glb", size=(1.0, 1.0 + number, 2.0))
    build(LibraryOptions(inputs=(root / "pack",), output=root / "lib", workers=1, licence="CC0"))
    return root / "lib"


@pytest.fixture(scope="module")
def checkpoint(library, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    options = ["--preset", "library", "--library", str(library), "--run", str(run), *SHORT]
    assert cli.main(["train", *options]) == 0
    return run / "checkpoint.safetensors"


def test_a_library_is_trained_and_its_checkpoint_says_of_what(checkpoint, library):
    metadata = load_checkpoint(checkpoint).metadata
    assert "a crate" in metadata.prompts and "plank" in metadata.words
    assert metadata.licence == "CC0-1.0"
    assert metadata.recipe["config"]["assets"]["kind"] == "library"
    assert {model["prompt"] for model in metadata.recipe["assets"]["models"]} == {
        "a crate",
        "a table",
        "a plank",
    }
    assert assets_of(metadata.recipe) == LibraryConfig(folder=str(library))
    moved = Path("elsewhere")
    assert assets_of(metadata.recipe, moved) == LibraryConfig(folder=str(moved))


def test_it_is_measured_against_its_own_models(checkpoint, capsys):
    arguments = ["evaluate", str(checkpoint), "--count", "2", "--scoring", "none", "--json"]
    assert cli.main(arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["set"] == "library"
    assert set(figures["psnr"]) == {"seen", "unseen"} == set(figures["iou"])


def test_in_another_library_it_has_seen_what_it_learnt(checkpoint, tmp_path, capsys):
    """However that library would be split: a part of the models, and one that came later."""
    for name in ("Crate", "Table", "Chest"):
        write_box(tmp_path / "pack" / f"{name}.glb", size=(1.0, 1.0, 2.0))
    options = LibraryOptions(inputs=(tmp_path / "pack",), output=tmp_path / "lib", workers=1)
    build(options)
    arguments = ["evaluate", str(checkpoint), "--library", str(tmp_path / "lib"), "--count", "0"]
    assert cli.main([*arguments, "--prompts", "models", "--scoring", "none", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["prompts"] == {"seen": 2, "unseen": 1}


def test_its_sheet_shows_its_models(checkpoint, tmp_path):
    output = tmp_path / "sheet.png"
    assert (
        cli.main(["sheet", str(checkpoint), "-o", str(output), "--count", "1", "--tile", "16"]) == 0
    )
    from PIL import Image

    with Image.open(output) as picture:
        assert picture.height == 3 * 16 + 64


def test_one_of_its_models_is_fine_tuned_by_its_own_references(checkpoint, tmp_path):
    run = ["--run", str(tmp_path), "--steps", "2", "--batch", "1", "--device", "cpu"]
    small = ["--references.points", "64", "--references.rays", "8", "--scoring", "none"]
    assert cli.main(["finetune", str(checkpoint), "--prompt", "a table", *run, *small]) == 0
    recipe = load_checkpoint(tmp_path / "checkpoint.safetensors").metadata.recipe
    assert recipe["frames"] > 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--preset", "library"],
        ["train", "--preset", "library", "--library", "nowhere"],
        ["evaluate", "nowhere.safetensors", "--library", "nowhere"],
    ],
)
def test_a_library_that_is_not_there_is_one_line(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_a_clip_of_the_library_knows_its_words(library, tmp_path):
    clip = tmp_path / "clip" / "score.safetensors"
    options = ["--preset", "scoring", "--steps", "2", "--batch", "4", "--output", str(clip)]
    options += ["--run", str(tmp_path / "clip"), "--bank.folder", str(tmp_path / "bank")]
    options += ["--bank.views", "128", "--bank.shard", "64", "--bank.held-out", "2"]
    assert cli.main(["clip", "--library", str(library), *options]) == 0
    scorer = ScoringClip.load(clip)
    assert scorer.unknown_words(["a golden crate", "a wizard"]) == ["wizard"]
    captions = ["a crate", "a table"]
    assert scorer.logits(torch.rand(3, 16, 16, 3), captions).shape == (3, 2)
    recipe = load_clip(clip)[1]
    assert recipe["source"] == library.name and recipe["captions"] > 3


WITHOUT_BUILDING = """
import sys
from training import cli
from training.assets import library
from training.clip import toybox_source

def refuse(*_, **__):
    raise AssertionError("an object was built")

toybox_source.build = library.read_model = refuse
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("source", ["toybox", "library"])
def test_fewer_views_than_objects_are_refused_before_any_work(library, source, tmp_path):
    """In a process of its own: the suite's checks of types would ask the objects for more."""
    options = ["--preset", "scoring", "--run", str(tmp_path / "clip"), "--bank.views", "8"]
    options += [
        "--bank.folder",
        str(tmp_path / "bank"),
        "--output",
        str(tmp_path / "x.safetensors"),
    ]
    chosen = ["--library", str(library)] if source == "library" else []
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BUILDING, "clip", *chosen, *options],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "--bank.views 8 are fewer than" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_a_library_show_what_their_captions_say(library):
    source = LibrarySource(library)
    red, plain = (source.captions.index(text) for text in ("a red crate", "a crate"))
    views = source.fixed_views(torch.tensor([red, plain]), 32)
    assert views.shape == (2, 4, 4, 32, 32)
    color, alpha = views[:, :, :3].sum((1, 3, 4)), views[:, :, 3].sum((1, 2, 3))
    mean = color / alpha[:, None]
    assert mean[0, 0] > 2 * mean[0, 1] and abs(mean[1, 0] - mean[1, 1]) < 0.1
    rows = source.attributes
    assert (rows[red] != rows[plain]).sum() == 1


def test_a_things_name_is_the_last_word_before_what_it_has():
    named = ("a small table with a candle, variant 2", "an iron fence", "half a coconut")
    assert [head_noun(caption) for caption in named] == ["table", "fence", "coconut"]

"""A run on a library of one's own models, by the commands that a person types."""

import json
from pathlib import Path

import pytest

from backend.model.checkpoint import load_checkpoint
from tests.training.library.models import write_box
from training import cli
from training.assets import LibraryConfig, assets_of
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

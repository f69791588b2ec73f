"""From a folder of models to a checkpoint that knows where they are from, by the commands."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from backend.model.checkpoint import load_checkpoint, save_checkpoint
from backend.model.grid import FeatureGrid
from tests.training.library.models import box
from training.assets import LibraryConfig, Shown
from training.cli import main
from training.library.attributes import STRETCHES, TINTS
from training.presets import library_preset

COLORS = {"Chair": (220, 40, 40, 255), "Table": (40, 40, 220, 255), "Lamp": (40, 200, 40, 255)}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    root = tmp_path_factory.mktemp("training")
    (root / "pack").mkdir()
    for number, (name, color) in enumerate(COLORS.items()):
        mesh = box((1.0, 1.0 + number, 2.0))
        mesh.visual.vertex_colors = color
        (root / "pack" / f"{name}.ply").write_bytes(mesh.export(file_type="ply"))
    library = ["library", str(root / "pack"), "-o", str(root / "lib"), "--licence", "CC0-1.0"]
    assert main([*library, "--workers", "1", "--author", "Ann"]) == 0
    small = ["--model.grid.resolutions", "5", "9", "--references.points", "256"]
    small += ["--references.rays", "16"]
    train = ["train", "--library", str(root / "lib"), "--run", str(root / "run"), "--steps", "2"]
    train += ["--batch", "2", "--watched", "1", "--sheet-every", "2", "--device", "cpu", *small]
    assert main(train) == 0
    return root / "run" / "checkpoint.safetensors"


def test_a_checkpoint_names_every_model_that_it_learnt_from(checkpoint):
    recipe = load_checkpoint(checkpoint).metadata.recipe
    models = recipe["assets"]["models"]
    assert [model["source"] for model in models] == [
        "pack/Chair.ply",
        "pack/Lamp.ply",
        "pack/Table.ply",
    ]
    assert all(m["author"] == "Ann" and len(m["sha256"]) == 64 for m in models)
    assert load_checkpoint(checkpoint).metadata.licence == "CC0-1.0"


def test_a_checkpoint_suggests_and_knows_the_words_of_the_library(checkpoint):
    metadata = load_checkpoint(checkpoint).metadata
    assert "a chair" in metadata.prompts and {"chair", "golden", "tall"} <= set(metadata.words)
    assert metadata.unseen and not set(metadata.unseen) & set(metadata.prompts)


def test_a_checkpoint_is_measured_against_its_library(checkpoint, capsys):
    command = ["evaluate", str(checkpoint), "--prompts", "models", "--count", "1", "--json"]
    assert main([*command, "--scoring", "none", "--device", "cpu"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["set"] == "models" and result["psnr"]["seen"] > 0


def library_of(checkpoint, **settings):
    return LibraryConfig(str(checkpoint.parent.parent / "lib"), **settings).open()


def test_a_copy_shows_its_model_changed_by_the_words_of_its_caption(checkpoint):
    library = library_of(checkpoint)
    plain, tall, red = library.shown(["a chair", "a tall chair", "a red chair"])
    assert plain == Shown(plain.asset, "a chair")
    assert tall == Shown(plain.asset, "a chair", stretch="tall")
    assert red == Shown(plain.asset, "a chair", "red")
    pairs = library.prompt_set("pairs").prompts
    for prompt, both in zip(pairs, library.shown(pairs), strict=True):
        assert {both.paint, both.stretch, both.plain.split()[1]} == set(prompt.split()[1:])


def test_a_models_copies_are_all_words_that_paint_and_all_that_stretch(checkpoint):
    library = library_of(checkpoint)
    copies = library.copies("a chair")
    assert len(copies) == (len(TINTS) + 1) * (len(STRETCHES) + 1) - 1
    assert [copies["a red chair"]] == library.shown(["a red chair"])
    assert library.copies("a red chair") == {} and library.copies("a whale") == {}
    assert library_of(checkpoint, attributes=False).copies("a chair") == {}


def test_words_of_proportion_stretch_what_the_grid_has(checkpoint):
    """Whatever the model has learnt so far: "a tall chair" is "a chair" but for its proportions."""
    made = load_checkpoint(checkpoint)
    said = made.encoder().encode(["a chair", "a tall chair", "a small red lamp"])
    factors = made.model.proportions(said)
    expected = [(1.0, 1.0, 1.0), STRETCHES["tall"], STRETCHES["small"]]
    torch.testing.assert_close(factors, torch.tensor(expected), atol=0.06, rtol=0)
    assert made.metadata.proportions == STRETCHES
    assert made.metadata.tints == TINTS
    assert made.metadata.captions == {
        f"a {name}": f"a {name}" for name in ("chair", "lamp", "table")
    }
    command = ["evaluate", str(checkpoint), "--prompts", "stretched", "--count", "1"]
    assert main([*command, "--scoring", "none", "--device", "cpu"]) == 0


def test_without_attributes_a_run_trains_and_no_word_stretches(checkpoint, tmp_path):
    folder = checkpoint.parents[1]
    train = ["train", "--library", str(folder / "lib"), "--run", str(tmp_path / "run")]
    train += ["--steps", "1", "--batch", "2", "--watched", "1", "--scoring", "none"]
    train += ["--device", "cpu", "--model.grid.resolutions", "5", "9", "--references.points", "256"]
    train += ["--references.rays", "16", "--latents.no-own"]
    assert main([*train, "--assets.no-attributes"]) == 0
    made = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    said = made.encoder().encode(["a chair", "a tall chair"])
    assert torch.equal(made.model.proportions(said), torch.ones(2, 3))
    assert not made.metadata.proportions
    assert not made.metadata.tints


def test_score_distillation_of_stretched_copies_is_refused(checkpoint, tmp_path, capsys):
    library = str(checkpoint.parent.parent / "lib")
    command = ["train", "--library", library, "--run", str(tmp_path / "run"), "--steps", "1"]
    distilled = ["--guidance.diffusion", "1", "1", "--diffusion-model", "nowhere"]
    assert main([*command, *distilled, "--device", "cpu"]) == 2
    assert "--model.proportions 0" in capsys.readouterr().err


@pytest.fixture(scope="module")
def deep(checkpoint, tmp_path_factory):
    """A checkpoint whose models had parts of v of their own, which text says."""
    folder, run = checkpoint.parents[1], tmp_path_factory.mktemp("deep")
    small = ["--model.grid.resolutions", "5", "9", "--references.points", "256"]
    small += ["--references.rays", "16", "--latents.own", "--latents.hidden", "8"]
    train = ["train", "--library", str(folder / "lib"), "--run", str(run)]
    train += ["--steps", "2", "--batch", "2", "--scoring", "none", "--device", "cpu"]
    assert main([*train, "--watched", "1", "--sheet-every", "2", *small]) == 0
    return run / "checkpoint.safetensors"


def test_text_says_what_every_model_has_as_its_own(deep):
    made = load_checkpoint(deep)
    assert made.metadata.config.mapping == "deep"
    command = ["evaluate", str(made.path), "--prompts", "models", "--count", "1"]
    assert main([*command, "--scoring", "none", "--device", "cpu"]) == 0


def script(name, *arguments):
    """Run one of the repository's scripts."""
    root = Path(__file__).parents[3]
    command = [sys.executable, str(root / "scripts" / name), *map(str, arguments)]
    done = subprocess.run(
        command, check=True, env=os.environ | {"PYTHONPATH": str(root)}, stdout=subprocess.PIPE
    )
    return done.stdout.decode()


def test_a_mapping_network_is_fitted_anew_to_further_captions_of_a_table(deep, tmp_path):
    """A seat becomes the chair, and the chair stays what it was."""
    table = tmp_path / "models.tsv"
    table.write_text(
        "pack/Chair\ta chair\ta seat\t1\tfurniture\n"
        "pack/Lamp\ta lamp\t\t1\tfurniture\npack/Table\ta table\t\t1\tfurniture\n"
    )
    out = tmp_path / "refitted.safetensors"
    fit = ["--epochs", "40", "--rate", "1e-3", "--imagined", "50", "--second", "80"]
    said = script("refit_mapping.py", deep, "-o", out, "--table", table, *fit)
    assert "50 imagined ones" in said, "copies that are none of the prompts, by what they show"
    before, after = load_checkpoint(deep), load_checkpoint(out)
    assert len(after.metadata.config.mapping_hidden) == 2
    encode = before.encoder().encode
    with torch.no_grad():
        chair = before.model.latent(encode(["a chair"]))
        seat, again = after.model.latent(encode(["a seat", "a chair"]))
        unheard = before.model.latent(encode(["a seat"]))
        apart = (before.model.latent(encode(["a table"])) - chair).norm()
    assert (again - chair).norm() < 0.2 * apart
    assert (seat - chair).norm() < 0.5 * (unheard - chair).norm()


def test_a_checkpoint_from_before_is_taught_proportions(deep, tmp_path):
    """Its grid of "a tall chair" becomes that of "a chair", which stays."""
    known = load_checkpoint(deep)
    old, out = tmp_path / "old.safetensors", tmp_path / "taught.safetensors"
    known.model.proportions = None
    config = dataclasses.replace(known.model.config, proportions=0)
    metadata = dataclasses.replace(known.metadata, config=config)
    save_checkpoint(old, known.model, metadata, known.text_tensors)
    table = tmp_path / "models.tsv"
    table.write_text("".join(f"pack/{name}\ta {name.lower()}\t\t1\tfurniture\n" for name in COLORS))
    fit = ["--table", table, "--epochs", "60", "--rate", "1e-3", "--imagined", "50"]
    assert "50 copies that nobody wrote of" in script("teach_proportions.py", old, "-o", out, *fit)
    before, after = load_checkpoint(old), load_checkpoint(out)
    assert after.metadata.proportions == STRETCHES
    prompts = ["a chair", "a tall chair", "a table"]
    said = before.encoder().encode(prompts)
    with torch.no_grad():
        chair, unlike, table = before.model.latent(said)
        again, tall, _ = after.model.latent(said)
    apart = (table - chair).norm()
    assert (again - chair).norm() < 0.2 * apart
    assert (tall - chair).norm() < max(0.2 * apart, 0.5 * (unlike - chair).norm())
    factors = torch.tensor([(1.0, 1.0, 1.0), STRETCHES["tall"]])
    torch.testing.assert_close(after.model.proportions(said)[:2], factors, atol=0.06, rtol=0)
    with pytest.raises(subprocess.CalledProcessError):
        script("teach_proportions.py", out, "-o", out, *fit)


def test_latents_are_found_again_for_every_prompt_by_the_library(checkpoint, tmp_path):
    library = ["--library", checkpoint.parents[1] / "lib", "-o", tmp_path / "v"]
    script("find_latents.py", checkpoint, "--visits", "1", "--copies", "1", *library)
    made = load_checkpoint(checkpoint)
    found = load_file(tmp_path / "v")["latents"]
    with torch.no_grad():
        start = made.model.latent(made.encoder().encode(made.metadata.prompts))
    assert found.shape == start.shape and found.isfinite().all()
    assert (found - start).abs().amax(1).min() > 1e-4


def grown(folder, target, models):
    """The library of ``folder`` with its first model so many times over, as far as the index."""
    index = json.loads((folder / "library.json").read_text())
    index["models"] = [
        dict(index["models"][0], prompt=f"a thing{number}") for number in range(models)
    ]
    target.mkdir()
    (target / "library.json").write_text(json.dumps(index))
    return target


def test_the_preset_grows_with_the_library(checkpoint, tmp_path):
    folder = checkpoint.parents[1] / "lib"
    few = library_preset(str(folder))
    many = library_preset(str(grown(folder, tmp_path / "many", 90)))
    assert (few.model.latent, few.batch, few.steps) == (32, 4, 1000)
    assert (many.model.latent, many.batch, many.steps) == (56, 24, 1300)
    assert dataclasses.replace(few.assets, folder="") == dataclasses.replace(many.assets, folder="")


def test_what_lies_between_models_is_learnt_where_there_are_several_and_not_many(
    checkpoint, tmp_path
):
    folder = checkpoint.parents[1] / "lib"
    learnt = {}
    for models in (1, 2, 30, 31):
        preset = library_preset(str(grown(folder, tmp_path / str(models), models)))
        learnt[models] = (preset.interpolation.kind, preset.latents.between)
    nothing, truth = ("none", 0.0), ("truth", 0.5)
    assert learnt == {1: nothing, 2: truth, 30: truth, 31: nothing}


def test_a_library_of_any_size_makes_a_file_below_64_mib(checkpoint, tmp_path):
    folder = checkpoint.parents[1] / "lib"
    for models in (90, 200, 201, 3000):
        preset = library_preset(str(grown(folder, tmp_path / str(models), models)))
        model = preset.model
        assert model.latent * FeatureGrid(model.grid).size < 60 * 2**20
        if preset.latents.own:
            hidden = 2 * model.latent + preset.latents.hidden
            first = 2 * hidden * model.tokens * model.width
            assert model.latent * FeatureGrid(model.grid).size + first < 62 * 2**20

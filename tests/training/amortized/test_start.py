"""Runs that begin with a checkpoint: first its objects, and nothing where it stores nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from backend.model.checkpoint import load_checkpoint
from backend.paths import default_checkpoint
from tests.training.library.models import box
from training.amortized.start import Start, set_density_scale
from training.cli import main

CHAIN = default_checkpoint().with_name("tree-seasons.safetensors")
PROMPT = "a tree in winter"
SHORT = ["--batch", "2", "--watched", "1", "--device", "cpu", "--scoring", "none"]
SHORT += ["--references.rays", "0", "--references.points", "256"]


@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_a_steeper_density_leaves_surfaces_and_heights_where_they_are(
    tiny_checkpoint_path: Path, scale: float
) -> None:
    before, after = (load_checkpoint(tiny_checkpoint_path) for _ in range(2))
    set_density_scale(after.model, scale)
    embedding = before.encoder().encode(["a pig"])[0]
    points = 0.5 * torch.randn(1000, 3)
    heights, colors = [], []
    for checkpoint in (before, after):
        field = checkpoint.field(embedding)
        density, color = field.sample(points)
        heights.append((density - field.level) / field.density_scale)
        colors.append(color)
    torch.testing.assert_close(*heights, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(*colors)
    assert after.model.config.density_scale == field.density_scale == scale


def test_vertices_that_are_not_stored_stay_zero() -> None:
    model = Start(CHAIN, load_checkpoint(CHAIN).model.config.density_scale).model
    weight = model.mapping.decode.weight
    left_out = (weight == 0).all(dim=1)
    assert 0.2 < left_out.float().mean() < 0.9
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.objects(torch.randn(2, model.config.tokens, model.config.width)).values.sum().backward()
    optimizer.step()
    assert (weight[left_out] == 0).all()
    assert (weight[~left_out] != 0).any(dim=1).all()


def test_a_grown_checkpoint_has_the_objects_it_had(
    tiny_checkpoint_path: Path, tmp_path: Path
) -> None:
    """Each new level has the vertices of the old one among its own, so inside the ball it says the
    same; its new numbers of v say nothing yet, and are free to."""
    out = tmp_path / "grown.safetensors"
    root = Path(__file__).parents[3]
    script = [sys.executable, root / "scripts" / "grow_checkpoint.py", tiny_checkpoint_path]
    options = ["--latent", "9", "--components", "2", "--resolutions", "9", "17", "27", "-o"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run([*script, *options, out], check=True, env=environment)
    before, after = load_checkpoint(tiny_checkpoint_path), load_checkpoint(out)
    assert after.model.config.grid.resolutions == (9, 17, 27)
    points = torch.nn.functional.normalize(torch.randn(2000, 3), dim=1) * torch.rand(2000, 1)
    embeddings = before.encoder().encode(before.metadata.prompts)
    fields = [[c.field(e).sample(points) for e in embeddings] for c in (before, after)]
    (was, colors), (now, colors_now) = (map(torch.stack, zip(*f, strict=True)) for f in fields)
    assert (now - was).abs().max() < 0.05 * was.std(), "stored in eight bits, twice"
    torch.testing.assert_close(colors_now, colors, atol=0.02, rtol=0)
    latents = after.model.latent(embeddings)
    assert (latents[:, 6:].std(0) > 0.1 * latents[:, :6].std(0).mean()).all()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, one of whose words the chain's text tower does not know."""
    root = tmp_path_factory.mktemp("start")
    (root / "pack").mkdir()
    for number, name in enumerate(("Tree", "Gramophone")):
        (root / "pack" / f"{name}.ply").write_bytes(
            box((1.0, 1.0 + number, 2.0)).export(file_type="ply")
        )
    made = ["library", str(root / "pack"), "-o", str(root / "lib"), "--workers", "1"]
    assert main(made) == 0
    return root / "lib"


def trained(library: Path, run: Path, *options: str) -> int:
    command = ["train", "--library", str(library), "--start", str(CHAIN), "--run", str(run)]
    return main([*command, "--steps", "2", "--sheet-every", "2", *SHORT, *options])


def test_without_a_rate_the_run_ends_as_it_began(library: Path, tmp_path: Path) -> None:
    """The model is the checkpoint's, whatever the preset says, but for its density's scale."""
    still = ["--optimizer.lr", "0", "--optimizer.mlp-lr", "0", "--storage", "float32"]
    assert trained(library, tmp_path / "run", *still) == 0
    before = load_checkpoint(CHAIN)
    after = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert after.metadata.config.density_scale == 16.0
    assert after.metadata.config.latent == before.metadata.config.latent
    encoded = [checkpoint.encoder().encode([PROMPT])[0] for checkpoint in (before, after)]
    torch.testing.assert_close(*encoded, atol=1e-3, rtol=1e-2)
    points = 0.5 * torch.randn(1000, 3)
    density, color = before.field(encoded[0]).sample(points)
    steeper, same = after.field(encoded[0]).sample(points)
    level, factor = before.model.config.surface_level, 16.0 / before.model.config.density_scale
    torch.testing.assert_close(color, same)
    torch.testing.assert_close(steeper - level, factor * (density - level), atol=1e-2, rtol=1e-3)


def test_new_words_are_learnt_and_the_run_goes_on_where_it_was(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert trained(library, run, "--optimizer.lr", "1e-4") == 0
    made = load_checkpoint(run / "checkpoint.safetensors")
    assert "gramophone" not in load_checkpoint(CHAIN).encoder().config.words
    assert "gramophone" in made.encoder().config.words
    assert made.metadata.prompts and PROMPT not in made.metadata.prompts
    # Another start is another run.
    other = CHAIN.with_name("vehicles.safetensors")
    capsys.readouterr()
    assert trained(library, run, "--optimizer.lr", "1e-4", "--start", str(other)) == 2
    assert "start" in capsys.readouterr().err


def test_a_start_that_is_no_checkpoint_is_refused(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_text("not a model")
    assert trained(library, tmp_path / "run", "--start", str(wrong)) == 2
    assert "wrong.safetensors" in capsys.readouterr().err


def test_finetuning_begins_with_its_own_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune = ["finetune", str(CHAIN), "--prompt", PROMPT, "--run", str(tmp_path / "run")]
    assert main([*tune, "--device", "cpu", "--start", str(CHAIN)]) == 2
    assert "--start" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()

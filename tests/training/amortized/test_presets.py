"""Every preset parses and builds; the paper's have its numbers (A8, A17, A22-A24, A28-A30)."""

import dataclasses

import pytest
import torch

from backend.model.att3d import ATT3D
from backend.model.checkpoint import load_checkpoint
from backend.protocol.errors import TrainingError
from tests.training.amortized.spheres import losses_of, sphere_trainer
from tests.training.guidance import pipelines
from tests.training.open_clip import save_tiny_open_clip
from tests.training.small import small_config
from training import cli
from training.amortized.config import TrainConfig
from training.amortized.curve import read_curve
from training.amortized.run import train
from training.clip.conditioning import conditioning_encoder
from training.guidance.diffusion.config import guidance_preset
from training.options import parse_options
from training.presets import PRESETS, preset
from training.prompts import FAMILIES, prompt_set
from training.prompts.mix import InterpolationConfig


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_parses_as_it_stands_and_with_an_option(name):
    assert parse_options(TrainConfig, [], default=preset(name)) == preset(name)
    changed = parse_options(
        TrainConfig, ["--steps", "7", "--diffusion.weight", "3"], default=preset(name)
    )
    assert changed == dataclasses.replace(
        preset(name),
        steps=7,
        diffusion=dataclasses.replace(preset(name).diffusion, weight=3.0),
    )


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_its_model(name):
    """On the meta device: shapes without the memory."""
    config = preset(name).model
    with torch.device("meta"):
        model = ATT3D(dataclasses.replace(config, spectral_norm=False))
    grids = sum(p.numel() for p in model.mapping.parameters()) - config.latent
    assert grids >= config.latent * model.grid.size


# A library brings its own prompts, and a paper's run needs a large text encoder.
OURS = [name for name in PRESETS if name != "library" and not name.startswith("paper-")]


@pytest.mark.parametrize("name", OURS)
def test_our_presets_have_prompts_and_text_of_their_models_size(name):
    config = preset(name)
    assert prompt_set(config.prompts).seen
    encoder = conditioning_encoder(config.text)
    assert (encoder.tokens, encoder.width) == (config.model.tokens, config.model.width)


def test_a22_a23_a24_the_papers_runs():
    sizes = {name: (preset(name).batch, preset(name).steps) for name in PRESETS}
    assert sizes["paper-df27"] == (256, 13_000)
    assert sizes["paper-df411"] == (256, 100_000)
    assert sizes["paper-pig"] == sizes["paper-animal"] == (128, 40_000)
    assert sizes["paper-per-prompt"] == (32, 8_000)
    for name in PRESETS:
        config = preset(name)
        if name.startswith("paper-"):
            assert config.diffusion == guidance_preset("att3d")
            assert config.optimizer.lr == 0.1 and config.optimizer.beta1 == 0.0
            assert config.text == "ViT-L-14/openai"


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory):
    """What stands in for CLIP and DeepFloyd IF, with random weights: two folders."""
    root = tmp_path_factory.mktemp("weights")
    return save_tiny_open_clip(root / "clip"), pipelines.deepfloyd_if(root / "if")


@pytest.mark.parametrize("name", [n for n in PRESETS if n.startswith("paper-")])
def test_every_paper_preset_starts_where_weights_and_list_are(name, tiny_weights, tmp_path, capsys):
    clip, diffusion = tiny_weights
    prompts = tmp_path / "dreamfusion_prompts.json"
    prompts.write_text('{"dreamfusion": ["a corgi", "a lemur playing chess", "a die"]}')
    arguments = ["train", "--preset", name, "--run", str(tmp_path / "run"), "--device", "cpu"]
    arguments += ["--text", str(clip), "--model.width", "16", "--scoring", str(clip)]
    arguments += ["--diffusion-model", str(diffusion), "--diffusion-options.precision", "fp32"]
    arguments += ["--diffusion-options.variant", "None", "--model.grid.resolutions", "5"]
    arguments += ["--rendering.size", "8", "--rendering.samples", "4", "--batch", "2"]
    arguments += ["--steps", "1", "--watched", "1", "--no-compiled"]
    if "df" in name:
        arguments += ["--prompts", str(prompts)]
    if name == "paper-per-prompt":
        arguments += ["--prompt", "a lemur playing chess"]
    assert cli.main(arguments) == 0, capsys.readouterr().err
    metadata = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors").metadata
    assert metadata.recipe["steps"] == 1
    if name == "paper-per-prompt":
        assert metadata.prompts == ["a lemur playing chess"]
    (point,) = read_curve(tmp_path / "run")
    assert 0 <= point["r_precision"]["seen"] <= 1


@pytest.mark.parametrize("kind", ["none", "latent", "loss", "bernoulli", "guidance"])
def test_a28_a29_the_papers_interpolation_runs(kind):
    config = preset(f"paper-interpolation-{kind}")
    assert config.interpolation.kind == kind
    assert config.model.latent == 2 and config.batch == 16
    assert config.rendering.samples == 128
    assert config.interpolation.kappa_at(0) == 2.0 and config.interpolation.kappa_at(5_000) == 0.5


def test_a30_a_chains_preset_trains_between_neighbours_with_true_toys():
    for name in FAMILIES:
        config = preset(name)
        assert config.interpolation.kind == "truth"
        assert config.interpolation.pairs == "neighbours"


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(TrainingError, match="no preset 'nope'") as caught:
        preset("nope")
    assert "toybox-tiny" in caught.value.remedy


ARCHITECTURES = {
    "paper": {},
    "A2 hash levels": {"hashed": (12, 17)},
    "A5 deep": {"mapping": "deep"},
    "A6 attention": {"mapping": "attention", "attention": 16, "components": 0},
    "A7 concatenation": {"mapping": "concatenation"},
    "A11 without spectral norm": {"spectral_norm": False},
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_trains_ten_steps_and_comes_back_from_a_checkpoint(name, tmp_path):
    change = dict(ARCHITECTURES[name])
    config = small_config(tmp_path, storage="float32")
    grid = dataclasses.replace(config.model.grid, hashed=change.pop("hashed", ()), table=8)
    model = dataclasses.replace(config.model, grid=grid, **change)
    config = dataclasses.replace(config, model=model, steps=10, save_every=10, sheet_every=99)
    loaded = load_checkpoint(train(config))
    assert loaded.metadata.recipe["steps"] == 10
    embedding = loaded.encoder().encode(["a pig wearing a tophat"])[0]
    density, color = loaded.field(embedding).sample(torch.zeros(1, 3))
    assert torch.isfinite(density).all() and torch.isfinite(color).all()


@pytest.mark.parametrize("kind", ["loss", "bernoulli"])
@pytest.mark.parametrize("ends", [2, 3])
def test_references_train_ten_steps_with_every_interpolation_type(tmp_path, kind, ends):
    config = InterpolationConfig(kind=kind, ends=ends)
    losses = losses_of(sphere_trainer(tmp_path, steps=10, interpolation=config))
    assert len(losses) == 10 and all(loss == loss for loss in losses)

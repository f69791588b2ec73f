"""Options that make a run the paper's to the letter: Adam's eps, single precision of the text's
path, resident embeddings, fine-tuning as B.1.13 (A9, A21, A25, A27)."""

import dataclasses

import pytest
import torch

from backend.model.att3d import ATT3D
from backend.model.checkpoint import load_checkpoint
from backend.text.cache import CachedEncoder, EmbeddingCache
from tests.training.amortized.spheres import sphere_trainer
from tests.training.amortized.test_finetune import PROMPT
from tests.training.amortized.test_finetune import config as finetune_config
from training.amortized.config import OptimizerConfig
from training.amortized.one_prompt import finetune
from training.amortized.run import ResidentEmbeddings
from training.presets import PRESETS, preset
from training.prompts import PromptSet
from training.runs.optimizer import build_optimizer

PAPER = [name for name in PRESETS if name.startswith("paper-")]


def first_update(scale, eps, config):
    """How far each number of the grid's layer moves when the loss is scaled by ``scale``."""
    torch.manual_seed(0)
    model = ATT3D(config)
    optimizer = build_optimizer(model, OptimizerConfig(eps=eps))
    before = model.mapping.decode.parametrizations.weight.original.detach().clone()
    embedding = torch.randn(2, config.tokens, config.width)
    points = torch.rand(2, 64, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    density, color = model.sample(model.objects(embedding), points)
    # A mean over a 64 x 64 picture and a batch of 128, as the guidance's.
    loss = (density.sum() + color.sum()) / (64 * 64 * 3 * 128)
    (loss * scale).backward()
    optimizer.step()
    return model.mapping.decode.parametrizations.weight.original.detach() - before


@pytest.fixture(scope="module")
def small_model():
    model = preset("paper-pig").model
    grid = dataclasses.replace(model.grid, resolutions=(9, 14))
    return dataclasses.replace(model, tokens=4, width=8, grid=grid)


def test_a21_a_scaled_loss_leaves_the_update_unchanged(small_model):
    plain, faint = (
        first_update(scale, preset("paper-pig").optimizer.eps, small_model) for scale in (1.0, 1e-4)
    )
    same = (faint - plain).abs() < 1e-3
    assert same.float().mean() > 0.94, "all but what no sample comes near"
    moved = plain[plain != 0].abs()
    assert moved.median().item() == pytest.approx(0.1, rel=0.01), "by about the learning rate"


def test_a21_the_usual_eps_stops_faint_gradients(small_model):
    plain = first_update(1e-4, 1e-8, small_model)
    assert plain.abs().max() < 0.01


def test_the_papers_presets_have_the_papers_numbers():
    for name in PAPER:
        config = preset(name)
        assert config.optimizer.eps == 1e-19
        assert config.rendering.negligible == 0.0 and config.rendering.soft
        assert (config.rendering.ambient, config.rendering.diffuse) == (0.1, 0.9)
        assert config.model.environment_spectral_norm and not config.model.environment_pi
        assert config.resident and config.storage == "float16"
    assert preset("paper-finetune").tuned == "decoder"
    assert (preset("paper-finetune").batch, preset("paper-finetune").steps) == (32, 8_000)


def test_a27_text_and_its_mixes_stay_in_single_precision_under_bf16(tmp_path):
    trainer = sphere_trainer(tmp_path, steps=1, precision="bf16")
    seen = []
    whole = trainer.guidance.__call__

    def spy(step):
        seen.append(step.objects)
        return whole(step)

    trainer.module._guidance = spy
    inputs = trainer._inputs(trainer.choose_prompts(0), 0, 0)
    trainer.model.mapping.eval()
    expected = trainer.model.objects(inputs[0], inputs[2])
    with trainer.accelerator.autocast():
        trainer.module(*inputs)
    assert seen[0].latent.dtype == seen[0].values.dtype == torch.float32
    torch.testing.assert_close(seen[0].latent, expected.latent, rtol=0, atol=0)
    torch.testing.assert_close(seen[0].values, expected.values, rtol=0, atol=1e-7)


class Counting:
    """A text encoder that counts what it encodes; an embedding is the prompt's number."""

    name = fingerprint = "counting"
    tokens, width = 77, 768

    def __init__(self):
        self.said = []

    def encode(self, prompts):
        self.said += prompts
        numbers = torch.tensor([float(p.split()[-1]) for p in prompts])
        return numbers[:, None, None].expand(-1, self.tokens, self.width)


def test_a9_a_set_is_encoded_once_however_often_it_is_visited():
    encoder = Counting()
    prompts = PromptSet("many", tuple(f"pig {i}" for i in range(150)), tuple(range(0, 150, 2)), ())
    embed = ResidentEmbeddings(prompts, encoder, torch.device("cpu"))
    assert embed([4, 148, 4], torch.Generator())[:, 0, 0].tolist() == [4.0, 148.0, 4.0]
    embed([0, 2, 148], torch.Generator())
    assert len(encoder.said) == len(set(encoder.said)) == 75


def test_a9_the_cache_on_disk_has_room_for_the_whole_set(tmp_path):
    """By the count that the run gives: nothing is put out to make room for the next."""
    encoder = Counting()
    encoder.tokens, encoder.width = 2, 4
    room = 40 * (4 * 2 * 4 + 4096)
    cached = CachedEncoder(encoder, EmbeddingCache(tmp_path, room))
    said = [f"pig {i}" for i in range(39)]
    for prompt in said + said:
        cached.encode([prompt])
    assert len(encoder.said) == 39


def test_a25_as_b113_trains_mlp_and_environment_map_and_no_text_weight(short_run, tmp_path):
    tuned = load_checkpoint(
        finetune(
            short_run,
            PROMPT,
            finetune_config(
                tmp_path,
                steps=2,
                tuned="decoder",
                optimizer=OptimizerConfig(lr=0.1, mlp_lr=0.1, eps=1e-15),
            ),
        )
    ).model.state_dict()
    before = load_checkpoint(short_run).model.state_dict()
    for name, value in before.items():
        same = torch.allclose(tuned[name], value, rtol=0, atol=0.02 * float(value.abs().max()))
        assert same != name.startswith("mlp."), name
    assert tuned["offset"].abs().max() > 0

"""Fine-tuning trains an offset on the mapping network's output, and nothing else (A25)."""

import dataclasses
from pathlib import Path

import pytest
import torch

from backend.model.checkpoint import load_checkpoint
from backend.paths import default_checkpoint
from backend.protocol.errors import BadPrompt, TrainingError
from backend.rendering.cameras import orbit
from backend.rendering.volume import render_field
from training import cli
from training.amortized.evaluation import look, psnr, reference_sides
from training.amortized.one_prompt import finetune
from training.assets.toybox import ToyboxCollection
from training.presets import FINETUNE, preset

PROMPT = "a pig wearing a tophat"


def config(folder, points=512, **changes):
    return dataclasses.replace(
        FINETUNE,
        run=folder,
        compiled=False,
        device="cpu",
        references=dataclasses.replace(
            FINETUNE.references, size=16, rays=32, samples=24, points=points
        ),
        sheet_every=10**6,
        storage="float32",
        **changes,
    )


def test_only_the_offset_is_trained(short_run, tmp_path):
    tuned = load_checkpoint(finetune(short_run, PROMPT, config(tmp_path, steps=2)))
    with pytest.raises(TrainingError, match="--prompts"):
        finetune(short_run, "a pig", config(tmp_path, steps=2))
    before = load_checkpoint(short_run).model.state_dict()
    after = tuned.model.state_dict()
    assert tuned.model.config.offset
    assert after.pop("offset").abs().max() > 0
    assert after.keys() == before.keys()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0.02 * value.abs().max().item())


def test_without_a_rate_the_object_stays_the_checkpoints_own(short_run, tmp_path):
    still = dataclasses.replace(FINETUNE.optimizer, lr=0.0)
    tuned = load_checkpoint(finetune(short_run, PROMPT, config(tmp_path, steps=1, optimizer=still)))
    first = load_checkpoint(short_run)
    embedding = first.encoder().encode([PROMPT])[0]
    pictures = [
        render_field(checkpoint.field(embedding), orbit(1), 24, samples=24)[0]
        for checkpoint in (first, tuned)
    ]
    torch.testing.assert_close(*pictures, atol=0.05, rtol=0)


def test_fine_tuning_teaches_the_bundled_model_what_it_does_not_know(tmp_path):
    prompt = "a tudor house"
    bundled = default_checkpoint()
    assets = ToyboxCollection().references([prompt], torch.device("cpu"), compiled=False)
    truth = reference_sides(assets, 0, 32)
    embedding = load_checkpoint(bundled).encoder().encode([prompt])[0]
    tuned = finetune(bundled, prompt, config(tmp_path, points=8192, steps=30, batch=2))

    def decibels(path):
        views = look(load_checkpoint(path).field(embedding), truth, size=32)
        return psnr(views.albedo, views.truth.albedo)

    assert decibels(tuned) > decibels(bundled) + 2.0


def test_a_diffusion_model_fine_tunes_too(short_run, tmp_path):
    distillation = preset("toybox-sds")
    tuned = finetune(
        short_run,
        PROMPT,
        config(
            tmp_path,
            steps=2,
            guidance=distillation.guidance,
            diffusion=distillation.diffusion,
            diffusion_model=str(Path(__file__).parents[2] / "data" / "pixel32"),
            rendering=dataclasses.replace(distillation.rendering, samples=16),
            cameras=distillation.cameras,
        ),
    )
    checkpoint = load_checkpoint(tuned)
    assert checkpoint.model.offset.abs().max() > 0
    assert "distillation" in checkpoint.metadata.description


def test_the_command_says_what_is_missing(short_run, capsys):
    assert cli.main(["finetune", str(short_run)]) == 2
    assert "needs a checkpoint and a prompt" in capsys.readouterr().err
    with pytest.raises(BadPrompt):
        finetune(short_run, "  ", FINETUNE)

"""A real run of score distillation with the small diffusion model that was trained for it (A18):
from nothing to objects that agree with their captions."""

import dataclasses
from pathlib import Path

import pytest
import torch

from backend.model.att3d import ATT3D
from backend.model.checkpoint import load_checkpoint
from backend.model.config import GridConfig
from backend.rendering.cameras import orbit
from backend.rendering.volume import render_field
from training.amortized.export import export
from training.amortized.run import train
from training.assets.toybox import ToyboxCollection
from training.clip.conditioning import conditioning_encoder
from training.clip.scoring import ScoringClip
from training.presets import preset
from training.prompts import PromptSet
from training.runs.state import Progress

MODEL = Path(__file__).parents[2] / "data" / "pixel32"
PROMPTS = (
    "a pig",
    "a robot wearing a cape",
    "a tiger wearing a suit and wearing a sombrero",
    "a rabbit wearing a tophat",
)
SET = PromptSet("four", PROMPTS, (0, 1, 2, 3), ())


def config(folder):
    base = preset("toybox-sds")
    return dataclasses.replace(
        base,
        run=folder,
        diffusion_model=str(MODEL),
        model=dataclasses.replace(
            base.model, latent=8, grid=GridConfig((9, 14, 22), support="ball"), components=4
        ),
        rendering=dataclasses.replace(base.rendering, samples=32, full=0.0, albedo=1.0),
        batch=4,
        steps=200,
        device="cpu",
        save_every=10**6,
        sheet_every=10**6,
        watched=1,
        compiled=False,
    )


def agreement(checkpoint: Path) -> torch.Tensor:
    """Scores of each prompt's object (rows) for each caption, by a CLIP that had no part in it."""
    loaded = load_checkpoint(checkpoint)
    scoring = ScoringClip.load()
    queries = scoring.text_features(list(PROMPTS))
    rows = []
    for embedding in loaded.encoder().encode(PROMPTS):
        pictures, _ = render_field(loaded.field(embedding), orbit(4), 64, samples=48)
        feature = scoring.image_features(pictures).mean(0)
        rows.append(scoring.logit_scale * (feature / feature.norm()) @ queries.T)
    return torch.stack(rows)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    return agreement(train(config(tmp_path_factory.mktemp("sds")), SET))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("init")
    torch.manual_seed(0)
    start = config(folder)
    path = folder / "checkpoint.safetensors"
    encoder = conditioning_encoder(start.text)
    export(ATT3D(start.model), start, SET, ToyboxCollection(), encoder, Progress(0, 0.0), path)
    return agreement(path)


def test_objects_agree_with_their_captions_more_than_at_initialisation(distilled, untrained):
    gained = distilled.diagonal() - untrained.diagonal()
    assert gained.mean() > 5.0
    assert gained.min() > 0.0


def test_objects_agree_with_their_captions_more_than_with_shuffled_ones(distilled):
    for turn in (1, 2, 3):
        shuffled = distilled.roll(turn, dims=1).diagonal()
        assert (distilled.diagonal() - shuffled).mean() > 5.0


def test_each_caption_is_the_nearest_to_its_object(distilled):
    assert distilled.argmax(dim=1).tolist() == [0, 1, 2, 3]

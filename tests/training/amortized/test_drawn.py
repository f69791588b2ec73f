"""Pictures of volumes show of a prompt what a mesh of it shows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.inference.model import NumpyModel
from backend.model.checkpoint import load_checkpoint, update_metadata
from backend.model.checkpoint_file import read_metadata
from backend.progress import Stages
from backend.prompt_reader import PromptReader
from backend.rendering.cameras import orbit
from backend.rendering.volume import view_field
from tests.tiny import TINY, tiny_checkpoint
from training.amortized.drawn import DrawnPrompts
from training.library.attributes import STRETCHES, TINTS

POINTS = np.random.default_rng(0).random((200, 3), dtype=np.float32) - 0.5


@pytest.fixture(scope="module", params=[0, 5], ids=["as it is", "proportions"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = dataclasses.replace(TINY, proportions=request.param, ground=0.4)
    path = tiny_checkpoint(tmp_path_factory.mktemp("drawn") / "tiny.safetensors", config=config)
    said = STRETCHES if request.param else {}
    called = {"a pig": "a pig", "a swine": "a pig", "a lion": "a lion"}
    metadata = read_metadata(path)
    update_metadata(
        path, dataclasses.replace(metadata, captions=called, tints=TINTS, proportions=said)
    )
    return path


@pytest.mark.parametrize(
    "prompt", ["a pig", "a swine", "a blue pig", "a tall pig", "a wooden wide lion", "a blue chair"]
)
def test_a_volume_is_recolored_and_stretched_as_a_mesh_is(path: Path, prompt: str) -> None:
    checkpoint = load_checkpoint(path)
    field = DrawnPrompts(checkpoint, checkpoint.encoder()).field(prompt)
    wanted = PromptReader(NumpyModel(path)).field(prompt, Stages(), None, None)[0]
    (density, color), (dense, shown) = field.sample(torch.from_numpy(POINTS)), wanted.sample(POINTS)
    np.testing.assert_allclose(density.numpy(), dense, atol=0.05, rtol=1e-3)  # Up to 100 a point.
    np.testing.assert_allclose(color.numpy(), shown, atol=0.01)


def test_pictures_show_the_color(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    drawn = DrawnPrompts(checkpoint, checkpoint.encoder())
    white = torch.ones(3)
    shown = {
        prompt: view_field(drawn.field(prompt), orbit(1), 24, samples=48)
        for prompt in ("a pig", "a red pig", "a blue pig")
    }
    covered = shown["a pig"].alpha > 0.9
    assert covered.any()
    torch.testing.assert_close(shown["a red pig"].alpha, shown["a pig"].alpha)
    means = {
        prompt: views.picture("albedo", torch.zeros(1, 3), white)[covered].mean(0)
        for prompt, views in shown.items()
    }
    assert means["a red pig"].argmax() == 0 and means["a blue pig"].argmax() == 2

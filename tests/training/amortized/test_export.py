"""A model in training becomes a checkpoint: never one with NaN in it, and its header is JSON."""

import json

import pytest
import torch
from safetensors import safe_open

from backend.model.att3d import ATT3D, OutputOffset
from backend.model.checkpoint import load_checkpoint, save_checkpoint
from backend.protocol.errors import OutputError, TrainingError
from tests.tiny import tiny_checkpoint, tiny_model
from tests.training.small import small_config
from training.amortized.export import export
from training.assets.toybox import ToyboxCollection
from training.clip.conditioning import conditioning_encoder
from training.prompts import prompt_set
from training.runs.state import Progress

NOT_FINITE = [float("nan"), float("inf"), -float("inf")]


def exported(tmp_path, spoil, *, offset=None):
    """Export a small model with one number changed over a checkpoint that is there already."""
    config = small_config(tmp_path / "run")
    prompts = prompt_set("pig64")
    encoder = conditioning_encoder("small")
    model = ATT3D(config.model)
    spoil(model, offset)
    path = tmp_path / "out.safetensors"
    path.write_bytes(b"the last good one")
    export(
        model, config, prompts, ToyboxCollection(), encoder, Progress(7, 1.0), path, offset=offset
    )
    return path


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("place", ["mlp.head.weight", "mapping", "offset"])
def test_weights_that_are_not_finite_never_become_a_checkpoint(tmp_path, place, value):
    config = small_config(tmp_path / "run")
    offset = OutputOffset(ATT3D(config.model)) if place == "offset" else None

    def spoil(model, offset):
        named = dict((model if offset is None else offset).named_parameters())
        name = next(name for name in named if place in name or offset is not None)
        named[name].data.view(-1)[0] = value

    with pytest.raises(TrainingError, match=r"weights are not finite \(.*no model") as info:
        exported(tmp_path, spoil, offset=offset)
    assert "--optimizer.lr" in info.value.remedy
    assert (tmp_path / "out.safetensors").read_bytes() == b"the last good one"


def test_numbers_that_half_precision_does_not_hold_are_refused(tmp_path):
    model = tiny_model()
    path = tiny_checkpoint(tmp_path / "out.safetensors")
    before, metadata = path.read_bytes(), load_checkpoint(path).metadata
    offset = torch.full((model.grid.size,), 1e6)
    with pytest.raises(OutputError, match="offset is not finite in float16"):
        save_checkpoint(path, model, metadata, storage="float16", offset=offset)
    assert path.read_bytes() == before


def test_figures_without_a_value_are_null_in_the_header(tmp_path):
    path = tiny_checkpoint(tmp_path / "out.safetensors")
    loaded = load_checkpoint(path)
    loaded.metadata.metrics.update(psnr={"seen": float("inf")}, count=3, loss=float("nan"))
    save_checkpoint(path, loaded.model, loaded.metadata, loaded.text_tensors)
    with safe_open(path, framework="pt") as file:
        said = json.loads(file.metadata()["metadata"], parse_constant=pytest.fail)
    assert said["metrics"] == {"psnr": {"seen": None}, "count": 3, "loss": None}
    assert load_checkpoint(path).metadata.metrics == said["metrics"]
    assert torch.isfinite(load_checkpoint(path).model.mlp.head.weight).all()

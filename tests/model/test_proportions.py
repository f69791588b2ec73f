"""Proportions by text: a prompt's object is its grid's, stretched about the point that it stands on
(no part of the paper)."""

import dataclasses

import numpy as np
import pytest
import torch

from backend.accelerator import TorchModel
from backend.inference.linearized import silu
from backend.inference.model import NumpyModel, condition_inputs
from backend.model.checkpoint import load_checkpoint, save_checkpoint
from backend.model.checkpoint_file import CheckpointMetadata
from backend.model.field import Field
from backend.model.proportions import Proportions
from backend.protocol.errors import CheckpointError
from tests.tiny import TINY, tiny_model

STRETCHED = dataclasses.replace(TINY, proportions=5, ground=0.4)
DEEP = dataclasses.replace(STRETCHED, mapping="deep", mapping_hidden=(9, 7))


def embedding(seed=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(TINY.tokens, TINY.width, generator=generator)


def stretching(config=STRETCHED):
    """A model whose prompts have proportions, chosen by chance."""
    model, generator = tiny_model(0, config), torch.Generator().manual_seed(1)
    for tensor in model.proportions.buffers():
        tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    return model.eval()


def saved(model, path, storage="float32"):
    metadata = CheckpointMetadata("stretched", model.config, {"kind": "none"})
    save_checkpoint(path, model, metadata, storage=storage)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return saved(stretching(), tmp_path_factory.mktemp("stretched") / "a.safetensors")


def points(count=500):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (count, 3)).astype(np.float32)


def test_a_model_that_was_told_nothing_of_proportions_changes_none():
    network = Proportions(TINY.tokens * TINY.width, 4)
    assert torch.equal(network(embedding()[None]), torch.ones(1, 3))


def test_factors_are_never_far_from_one():
    model = stretching()
    for tensor in model.proportions.buffers():
        tensor.mul_(100.0)
    factors = model.proportions(torch.stack([embedding(seed) for seed in range(20)]))
    assert factors.min() >= np.exp(-1.0) - 1e-6 and factors.max() <= np.exp(1.0) + 1e-5


def test_an_object_is_its_grids_stretched_about_the_point_that_it_stands_on(checkpoint):
    """Seen at a stretched point, it is what the grid has at the point; and it stands still."""
    loaded = load_checkpoint(checkpoint)
    field = loaded.field(embedding())
    own = Field(loaded.model, field.latent)
    factors = loaded.model.proportions(embedding()[None])[0]
    assert (factors - 1.0).abs().max() > 0.05
    places = torch.from_numpy(points())
    feet = torch.tensor([0.0, 0.0, -0.4])
    there = feet + factors * (places - feet)
    torch.testing.assert_close(field.stretched(places), there)
    for ours, plain in zip(field.sample(there), own.sample(places), strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(
        field.pre_density(there), own.pre_density(places), atol=1e-3, rtol=1e-4
    )
    assert torch.equal(field.occupied(there), own.occupied(places))
    torch.testing.assert_close(field.sample(feet[None])[0], own.sample(feet[None])[0])


def test_a_gradient_is_that_of_the_stretched_object(checkpoint):
    field = load_checkpoint(checkpoint).field(embedding())
    places = torch.from_numpy(points(40))
    moved = field.gradient(places, 0.02)
    slope = field.pre_density(places + torch.tensor([0.02, 0.0, 0.0]))
    slope = (slope - field.pre_density(places - torch.tensor([0.02, 0.0, 0.0]))) / 0.04
    torch.testing.assert_close(moved[:, 0], slope)


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
@pytest.mark.parametrize("config", [STRETCHED, DEEP], ids=["linear", "deep"])
def test_numpy_and_torch_show_the_same_object(config, storage, tmp_path):
    path = saved(stretching(config), tmp_path / "a.safetensors", storage)
    text = embedding().numpy()
    ours, theirs = NumpyModel(path).field(text), TorchModel(path).field(text)
    for one, other in zip(ours.sample(points()), theirs.sample(points()), strict=True):
        np.testing.assert_allclose(one, other, atol=5e-3, rtol=1e-4)
    np.testing.assert_allclose(
        ours.pre_density(points()), ours.sample(points())[0], atol=1e-3, rtol=1e-5
    )
    lines = [np.linspace(-1.0, 1.0, count, dtype=np.float32) for count in (7, 5, 9)]
    block = ours.lattice(*lines)
    np.testing.assert_allclose(block, theirs.lattice(*lines), atol=2e-2, rtol=1e-4)
    places = np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, 3)
    inside = np.linalg.norm(places, axis=1) < 0.6
    read = ours.pre_density(places[inside])
    np.testing.assert_allclose(block.reshape(-1)[inside], read, atol=5e-3, rtol=1e-4)


def test_what_is_stored_in_half_precision_says_nearly_the_same(tmp_path):
    model = stretching()
    kept = load_checkpoint(saved(model, tmp_path / "a.safetensors", "int8")).model.proportions
    text = embedding()[None]
    torch.testing.assert_close(kept(text), model.proportions(text), atol=2e-3, rtol=0)


@pytest.mark.parametrize("config", [STRETCHED, DEEP], ids=["linear", "deep"])
def test_an_object_of_ones_own_is_as_it_was_fitted(config, tmp_path):
    """Its embedding is found from a code, which knows nothing of proportions."""
    path = saved(stretching(config), tmp_path / "a.safetensors")
    model, extra = NumpyModel(path), condition_inputs(config)
    code = model.code_map.code(embedding().numpy(), extra)
    fitted = model.field_of_latent(model.code_map.latent(silu(code)[0]).astype(np.float32))
    for used in (model, TorchModel(path)):
        shown = used.field(used.embedding_of(code))
        np.testing.assert_allclose(
            shown.sample(points())[0], fitted.sample(points())[0], atol=2e-2, rtol=1e-3
        )


def test_a_file_without_a_part_of_them_is_refused(tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    path = saved(stretching(), tmp_path / "a.safetensors")
    with safe_open(path, "pt") as file:
        tensors, metadata = {k: file.get_tensor(k) for k in list(file.keys())}, file.metadata()
    del tensors["proportions.out"]
    save_file(tensors, path, metadata)
    for load in (load_checkpoint, NumpyModel):
        with pytest.raises(CheckpointError, match=r"proportions\.out is missing"):
            load(path)

"""What lies between two models: a solid at every share, which begins and ends as the models."""

import pytest
import torch

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import orbit
from tests.training.library.models import write_box
from training.assets import LibraryConfig
from training.library.between import lattice
from training.library.build import LibraryOptions, build
from training.library.grid import BAND
from training.prompts import PromptMix

CPU = torch.device("cpu")
PROMPTS = ["a slab", "a post", "a red post"]
SHARES = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]


@pytest.fixture(scope="module")
def assets(tmp_path_factory):
    """A slab that lies and a post that stands behind it."""
    root = tmp_path_factory.mktemp("between")
    write_box(root / "pack" / "Slab.glb", size=(4.0, 0.4, 4.0))
    write_box(root / "pack" / "Post.glb", size=(0.4, 4.0, 0.4))
    build(LibraryOptions(inputs=(root / "pack",), output=root / "lib", workers=1))
    collection = LibraryConfig(folder=str(root / "lib")).open()
    return collection.references(PROMPTS, CPU, compiled=False)


def mixed(assets, *shares, ends=(0, 1)):
    """``shares``: of the second end."""
    share = torch.tensor(shares)
    prompts = torch.tensor([ends]).expand(len(shares), -1)
    return assets.assets_at(PromptMix(prompts, torch.stack([1 - share, share], dim=1)))


def on_the_lattice(batch, count):
    return batch.query(lattice(CPU).expand(count, -1, -1))


def test_at_a_models_end_there_is_the_model(assets):
    batch = mixed(assets, 0.0, 1.0, 0.5)
    alone = assets.assets_at(PromptMix.plain([0, 1]))
    for ours, truth in zip(on_the_lattice(batch, 3), on_the_lattice(alone, 2), strict=True):
        assert torch.equal(ours[:2], truth)


def test_the_way_from_one_model_to_the_other_has_no_jump(assets):
    """Near the surface of either, and close to its end, distances hardly differ from its own."""
    distances, _ = on_the_lattice(mixed(assets, 0.001, 0.999), 2)
    truth, _ = on_the_lattice(assets.assets_at(PromptMix.plain([0, 1])), 2)
    near = truth.abs() < 0.9 * BAND
    assert (distances - truth)[near].abs().max() < 0.005


def test_there_is_a_solid_at_every_share(assets):
    """The mean of the two distances alone would leave nothing of a slab and a post."""
    distances, _ = on_the_lattice(mixed(assets, *SHARES), len(SHARES))
    held = (distances < 0.05).sum(1)
    assert held.min() >= held[[0, -1]].min()
    ends = on_the_lattice(mixed(assets, 0.0, 1.0), 2)[0].clamp(-BAND, BAND)
    assert (0.5 * (ends[0] + ends[1]) < 0.0).sum() < 0.2 * (distances[3] < 0.0).sum()


def test_distances_grow_evenly_far_from_all_models(assets):
    """A grid knows its band only; a mix asks how far away a model is anywhere."""
    away = torch.tensor([[[0.0, 0.0, 0.9], [0.0, 0.0, 0.7]]])
    (high, low), _ = (part[0] for part in assets.assets_at(PromptMix.plain([0])).anywhere(away))
    assert high - low == pytest.approx(0.2, abs=0.02)
    assert low > 5 * BAND


def test_points_are_drawn_near_the_surface_between(assets):
    batch = mixed(assets, 0.0, 0.5, 1.0)
    points = batch.near_points(2000, 0.0, torch.Generator().manual_seed(0))
    distance = batch.query(points)[0].abs()
    assert distance[[0, 2]].mean() < 0.004
    assert distance[1].mean() < 0.05


def test_colors_go_from_one_models_to_the_others(assets):
    batch = mixed(assets, *SHARES, ends=(1, 2))
    points = batch.near_points(500, 0.0, torch.Generator().manual_seed(0))
    green = batch.query(points)[1][..., 1].mean(1)
    assert (green.diff() < 0).all()


def test_there_are_no_pictures_of_what_lies_between(assets):
    with pytest.raises(TrainingError, match="no pictures"):
        mixed(assets, 0.5).pictures(orbit(1), 16)

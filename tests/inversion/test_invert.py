"""Inversion: a model becomes what a checkpoint can make, and says how well it was caught."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.inference.model import NumpyModel
from backend.inversion.colored_mesh import ColoredMesh, plain
from backend.inversion.invert import SHARES, InversionConfig, evenly, invert
from backend.inversion.pictures import likeness
from backend.inversion.placing import Box, Placement, into_ball
from backend.loading import text_encoder
from backend.paths import default_checkpoint
from backend.progress import CancelToken, Stages
from backend.protocol.errors import BadRequest, Cancelled
from backend.srgb import srgb_to_linear
from backend.surface.marching import marching_cubes
from tests.tiny import PROMPTS
from training.assets.toybox import ToyboxCollection
from training.prompts import PromptMix

from .models import ball, colored

QUICK = InversionConfig(points=1500, first_points=800, placing_points=400, first_steps=8, steps=10)
FRONT = (0.0,)


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint_path: Path) -> NumpyModel:
    return NumpyModel(tiny_checkpoint_path)


def _stages(cancel: CancelToken | None = None) -> Stages:
    return Stages(cancel=cancel, shares=SHARES)


def _object(model: NumpyModel, prompt: str) -> ColoredMesh:
    """The mesh of a prompt's own object, its vertices colored."""
    _, encode = text_encoder(model)
    field = model.field(encode([prompt])[0])
    line = np.linspace(-1.0, 1.0, 64, dtype=np.float32)
    vertices, faces = marching_cubes(field.lattice(line, line, line), field.level)
    places = (vertices * (2.0 / 63) - 1.0).astype(np.float32)
    return plain(places, faces, (1.0, 1.0, 1.0), srgb_to_linear(field.sample(places)[1])[faces])


def test_an_object_of_the_checkpoint_is_found_again(tiny: NumpyModel):
    _, encode = text_encoder(tiny)
    target = _object(tiny, "a lion wearing a blue tophat")
    found = invert(tiny, encode, target, _stages(), 0.0, QUICK)
    assert found.likeness.iou > 0.97 and found.likeness.psnr > 30.0
    assert not found.far
    assert found.nearest in PROMPTS
    # The result is an embedding like a prompt's: the network makes the same object of it.
    field = tiny.field(tiny.embedding_of(found.code))
    again = likeness(field, target.moved(found.placement.apply(target.vertices)), CancelToken())
    assert again.psnr == pytest.approx(found.likeness.psnr, abs=0.2)


def test_an_unseen_toy_is_caught_at_least_as_well_as_by_its_prompt():
    model = NumpyModel(default_checkpoint())
    _, encode = text_encoder(model)
    prompt = model.metadata.unseen[len(model.metadata.unseen) // 2]
    truth = ToyboxCollection().references([prompt], torch.device("cpu"), compiled=False)
    toy = truth.assets_at(PromptMix.plain([0]))
    line = torch.linspace(-1.0, 1.0, 96)
    nodes = torch.cartesian_prod(line, line, line)
    distance = torch.cat([toy.query(part[None])[0][0] for part in nodes.split(1 << 17)])
    vertices, faces = marching_cubes(-distance.view(96, 96, 96).numpy(), 0.0)
    places = vertices * (2.0 / 95) - 1.0
    color = toy.query(torch.from_numpy(places).float()[None])[1][0].numpy()
    target = plain(places, faces, (1.0, 1.0, 1.0), srgb_to_linear(color)[faces])
    config = dataclasses.replace(InversionConfig(), points=4000, known=200)
    found = invert(model, encode, target, _stages(), 0.0, config)
    standing = target.moved(found.placement.apply(target.vertices))
    prompted = likeness(model.field(encode([prompt])[0]), standing, CancelToken())
    assert found.likeness.psnr >= prompted.psnr - 0.2
    assert found.likeness.iou >= prompted.iou - 0.005
    assert not found.far


def test_a_world_that_is_too_far_away_is_said_to_be(tiny: NumpyModel):
    _, encode = text_encoder(tiny)
    row = np.concatenate([ball(0.12, (x, 0.0, 0.0)).triangles for x in (-0.7, 0.0, 0.7)])
    dots = plain(row.reshape(-1, 3), np.arange(3 * len(row)).reshape(-1, 3), (0.0, 0.6, 0.0))
    found = invert(tiny, encode, dots, _stages(), 0.0, QUICK)
    assert found.far and any("too far" in note for note in found.notes)


def test_size_and_place_in_the_file_do_not_matter(tiny: NumpyModel):
    _, encode = text_encoder(tiny)
    target = _object(tiny, PROMPTS[0])
    moved = target.moved(target.vertices * 300.0 + [1000.0, -50.0, 7.0])
    found = invert(tiny, encode, moved, _stages(), 0.0, QUICK)
    assert found.likeness.iou > 0.93
    assert found.placement.scale == pytest.approx(1 / 300.0, rel=0.1)


@pytest.mark.parametrize("turn", [90.0, 180.0])
def test_a_model_that_looks_another_way_is_turned_back(tiny: NumpyModel, turn: float):
    _, encode = text_encoder(tiny)
    target = _object(tiny, "a lion wearing a blue tophat")
    away = target.moved(Placement(turn).apply(target.vertices))
    found = invert(tiny, encode, away, _stages(), None, QUICK)
    assert found.placement.turn == 360.0 - turn
    assert found.likeness.iou > 0.93
    assert any(f"turned by {360 - turn:g} degrees" in note for note in found.notes)


def test_it_can_be_cancelled_at_every_stage(tiny: NumpyModel):
    _, encode = text_encoder(tiny)
    for stop in SHARES:
        token, seen = CancelToken(), []

        def progress(fraction: float, stage: str, stop: str = stop, token=token, seen=seen) -> None:
            seen.append(fraction)
            if stage == stop:
                token.cancel()

        with pytest.raises(Cancelled):
            invert(tiny, encode, colored(ball(0.5)), Stages(progress, token, SHARES), 0.0, QUICK)
        assert seen == sorted(seen)


def test_a_point_has_no_size():
    model = colored(ball())
    with pytest.raises(BadRequest, match="no size"):
        into_ball(model.moved(np.zeros_like(model.vertices)))


def test_placements_after_each_other_are_one():
    points = np.random.default_rng(0).standard_normal((20, 3))
    first, second = Placement(30.0, 2.0, (1.0, 0.0, -1.0)), Placement(90.0, 0.5, (0.0, 2.0, 0.0))
    np.testing.assert_allclose(
        second.after(first).apply(points), second.apply(first.apply(points)), atol=1e-12
    )
    box = Box.around(points)
    assert box.foot[2] == points[:, 2].min()


def test_evenly_takes_all_where_there_are_few():
    assert evenly([1, 2, 3], 5) == [1, 2, 3]
    assert evenly(list(range(10)), 5) == [1, 3, 5, 7, 9]

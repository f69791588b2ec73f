"""A known thing in another color keeps its shape."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from backend.field_reader import Field
from backend.inference.model import NumpyModel
from backend.model.checkpoint import update_metadata
from backend.model.checkpoint_file import read_metadata
from backend.progress import Stages
from backend.prompt_reader import PromptReader
from backend.prompts.paint import Paints
from tests.tiny import tiny_checkpoint

THINGS = ("a pine tree in the snow", "a red crab", "a long table", "the hills", "three candles")
POINTS = np.random.default_rng(0).random((200, 3), dtype=np.float32) - 0.5
PAINTS = Paints(THINGS, ["red", "blue", "golden"], ["tall", "long"])


@pytest.mark.parametrize(
    ("prompt", "shape"),
    [
        ("a blue pine tree in the snow", "a pine tree in the snow"),
        ("Blue pine tree in the snow", "a pine tree in the snow"),
        ("a tall blue pine tree in the snow", "a tall pine tree in the snow"),
        ("a blue tall pine tree in the snow", "a tall pine tree in the snow"),
        ("the golden hills", "the hills"),
        ("tall golden three candles", "tall three candles"),
        ("a blue long table", "a long table"),
    ],
)
def test_paint_is_taken_off_what_is_known(prompt: str, shape: str) -> None:
    assert PAINTS.unpainted(prompt) == shape


@pytest.mark.parametrize(
    "prompt",
    [
        "a red crab",
        "a tall red crab",
        "a pine tree in the snow",
        "a blue crab",
        "a blue zeppelin",
        "a pine tree in the blue snow",
        "blue",
        "",
    ],
)
def test_what_is_a_name_or_unknown_stays(prompt: str) -> None:
    assert PAINTS.unpainted(prompt) == prompt


def test_without_such_words_nothing_is_paint() -> None:
    assert not Paints(THINGS, [], ["tall"])
    assert Paints(THINGS, [], []).unpainted("a blue long table") == "a blue long table"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("paint") / "tiny.safetensors")


def reader(path: Path, recolors: list[str]) -> PromptReader:
    kinds = {"a pig": "animals", "a lion": "animals"}
    metadata = dataclasses.replace(read_metadata(path), kinds=kinds, recolors=recolors)
    update_metadata(path, metadata)
    return PromptReader(NumpyModel(path))


def field_of(prompts: PromptReader, prompt: str) -> Field:
    return prompts.field(prompt, Stages(), None, None)[0]


def test_the_shape_is_the_things_and_the_colors_are_the_whole_prompts(path: Path) -> None:
    plain = reader(path, [])
    shape, colors = (field_of(plain, prompt) for prompt in ("a pig", "a blue pig"))
    assert not np.allclose(shape.pre_density(POINTS), colors.pre_density(POINTS))
    painted = field_of(reader(path, ["blue"]), "a blue pig")
    density, color = painted.sample(POINTS)
    for found in (density, painted.pre_density(POINTS)):
        np.testing.assert_array_equal(found, shape.pre_density(POINTS))
    np.testing.assert_array_equal(color, colors.sample(POINTS)[1])
    lines = [np.linspace(-0.4, 0.4, count, dtype=np.float32) for count in (3, 4, 5)]
    np.testing.assert_array_equal(painted.lattice(*lines), shape.lattice(*lines))
    assert (painted.bound, painted.level) == (shape.bound, shape.level)


def test_a_chain_ends_with_what_its_prompts_show_and_is_linear_between(path: Path) -> None:
    prompts = reader(path, ["blue"])
    names = ["a lion", "a blue pig"]
    chain = prompts.chain(names)
    for alpha, name in enumerate(names):
        alone, there = field_of(prompts, name), chain.field(float(alpha))
        for one, other in zip(alone.sample(POINTS), there.sample(POINTS), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    shapes = prompts.chain(["a lion", "a pig"]).field(0.5).pre_density(POINTS)
    np.testing.assert_allclose(chain.field(0.5).pre_density(POINTS), shapes, rtol=1e-4, atol=1e-4)

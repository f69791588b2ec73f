"""A known thing in other colors and proportions keeps its shape."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from backend.accelerator import TorchModel
from backend.field_reader import Field
from backend.inference.model import NumpyModel
from backend.loading import Model
from backend.model.checkpoint import update_metadata
from backend.model.checkpoint_file import read_metadata
from backend.progress import Stages
from backend.prompt_reader import PromptReader
from backend.prompts.attributes import AS_IT_IS, Attributes, Described, Factors
from backend.protocol.errors import CheckpointError
from tests.tiny import TINY, tiny_checkpoint

THINGS = ("a pine tree in the snow", "a red crab", "a long table", "the hills", "three candles")
TALL, LONG = (0.5, 0.5, 1.0), (0.5, 1.0, 0.5)
ATTRIBUTES = Attributes(THINGS, ["red", "blue", "orange"], {"tall": TALL, "long": LONG})
POINTS = np.random.default_rng(0).random((200, 3), dtype=np.float32) - 0.5


@pytest.mark.parametrize(
    ("prompt", "shape", "paint", "proportions"),
    [
        ("a pine tree in the snow", "a pine tree in the snow", "", AS_IT_IS),
        ("a blue pine tree in the snow", "a pine tree in the snow", "blue", AS_IT_IS),
        ("Blue pine tree in the snow", "a pine tree in the snow", "blue", AS_IT_IS),
        ("a tall pine tree in the snow", "a pine tree in the snow", "", TALL),
        ("a tall blue pine tree in the snow", "a pine tree in the snow", "blue", TALL),
        ("a blue tall pine tree in the snow", "a pine tree in the snow", "blue", TALL),
        ("a red crab", "a red crab", "", AS_IT_IS),
        ("a tall red crab", "a red crab", "", TALL),
        ("a long table", "a long table", "", AS_IT_IS),
        ("a blue long table", "a long table", "blue", AS_IT_IS),
        ("a long long table", "a long table", "", LONG),
    ],
)
def test_words_of_a_known_thing_are_read_apart(
    prompt: str, shape: str, paint: str, proportions: Factors
) -> None:
    first, rest = shape.split(" ", 1)
    painted = f"{first} {paint} {rest}" if paint else shape
    assert ATTRIBUTES.of(prompt) == Described(shape, painted, proportions)


@pytest.mark.parametrize(
    ("prompt", "paint"),
    [
        ("the tall orange hills", "the orange hills"),
        ("an orange table", "an orange table"),
        ("tall orange three candles", "orange three candles"),
        ("orange long table", "an orange long table"),
    ],
)
def test_the_article_goes_with_the_word_after_it(prompt: str, paint: str) -> None:
    assert ATTRIBUTES.of(prompt).paint == paint


@pytest.mark.parametrize(
    "prompt",
    [
        "a blue crab",
        "a blue zeppelin",
        "a blue red pine tree in the snow",
        "a tall long pine tree in the snow",
        "a pine tree in the blue snow",
        "tall",
        "blue",
        "",
    ],
)
def test_what_is_no_known_thing_is_said_by_the_whole_prompt(prompt: str) -> None:
    assert ATTRIBUTES.of(prompt) == Described(prompt, prompt, None)


def test_without_such_words_nothing_is_an_attribute() -> None:
    assert not Attributes(THINGS, [], {})
    assert Attributes(THINGS, [], {}).of("a blue long table").proportions is None


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


FACTORS = (0.5, 0.8, 0.9)


@pytest.fixture(scope="module")
def stretching(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose network says something of proportions, chosen by chance, of every prompt."""
    path = tmp_path_factory.mktemp("proportions") / "tiny.safetensors"
    with torch.random.fork_rng():
        tiny_checkpoint(path, config=dataclasses.replace(TINY, proportions=5, ground=0.4))
    metadata, tensors = read_metadata(path), load_file(path)
    generator = torch.Generator().manual_seed(1)
    for name in ("weight", "bias", "out"):
        tensor = tensors[f"proportions.{name}"]
        tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    with safe_open(path, "pt") as file:
        save_file(tensors, path, file.metadata())
    said = {"tall": FACTORS}
    kinds = {"a pig": "animals", "a lion": "animals"}
    update_metadata(path, dataclasses.replace(metadata, kinds=kinds, proportions=said))
    return path


@pytest.mark.parametrize("kind", [NumpyModel, TorchModel])
def test_a_word_stretches_a_known_thing_by_exactly_what_it_means(
    kind: type[Model], stretching: Path
) -> None:
    model = kind(stretching)
    prompts = PromptReader(model)
    text = prompts.encode(["a pig"])[0]
    assert np.abs(model.proportions(text) - 1.0).max() > 0.01
    for prompt, factors in (("a pig", AS_IT_IS), ("a tall pig", FACTORS)):
        wanted = model.field(text, None, np.array(factors, np.float32))
        found = field_of(prompts, prompt).pre_density(POINTS)
        np.testing.assert_allclose(found, wanted.pre_density(POINTS), rtol=1e-4, atol=1e-4)
    # Halfway to something that is no known thing, logarithms of factors are halfway as well.
    other = prompts.encode(["a lion on a chair"])[0]
    middle = np.sqrt(np.array(FACTORS, np.float32) * model.proportions(other))
    half = model.field(0.5 * (text + other), None, middle)
    found = prompts.chain(["a tall pig", "a lion on a chair"]).field(0.5).pre_density(POINTS)
    np.testing.assert_allclose(found, half.pre_density(POINTS), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_is_none_is_refused(stretching: Path, tmp_path: Path, factor: float) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(stretching.read_bytes())
    said = {"tall": (1.0, factor, 1.0)}
    update_metadata(copy, dataclasses.replace(read_metadata(copy), proportions=said))
    with pytest.raises(CheckpointError, match="proportions"):
        read_metadata(copy)

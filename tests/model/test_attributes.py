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
from backend.prompts.attributes import AS_IT_IS, Attributes, Described
from backend.protocol.errors import CheckpointError
from backend.recolored import Tint, lightness_of, recolored
from tests.tiny import TINY, tiny_checkpoint

THINGS = ("a pine tree in the snow", "a red crab", "a long table", "the hills", "three candles")
CALLED = {thing: thing for thing in THINGS} | {"a fir with snow": "a pine tree in the snow"}
ATTRIBUTES = Attributes(CALLED, ["red", "blue", "orange"], ["tall", "long"])
POINTS = np.random.default_rng(0).random((200, 3), dtype=np.float32) - 0.5


@pytest.mark.parametrize(
    ("prompt", "thing", "recolor", "stretch"),
    [
        ("a pine tree in the snow", "a pine tree in the snow", None, None),
        ("a blue pine tree in the snow", "a pine tree in the snow", "blue", None),
        ("Blue pine tree in the snow", "a pine tree in the snow", "blue", None),
        ("a tall pine tree in the snow", "a pine tree in the snow", None, "tall"),
        ("a tall blue pine tree in the snow", "a pine tree in the snow", "blue", "tall"),
        ("a blue tall pine tree in the snow", "a pine tree in the snow", "blue", "tall"),
        ("a fir with snow", "a pine tree in the snow", None, None),
        ("the long blue fir with snow", "a pine tree in the snow", "blue", "long"),
        ("a red crab", "a red crab", None, None),
        ("a tall red crab", "a red crab", None, "tall"),
        ("a long table", "a long table", None, None),
        ("a blue long table", "a long table", "blue", None),
        ("a long long table", "a long table", None, "long"),
        ("the tall orange hills", "the hills", "orange", "tall"),
        ("tall three candles", "three candles", None, "tall"),
    ],
)
def test_words_of_a_known_thing_are_read_apart(
    prompt: str, thing: str, recolor: str | None, stretch: str | None
) -> None:
    assert ATTRIBUTES.of(prompt) == Described(thing, True, recolor, stretch)


@pytest.mark.parametrize(
    "prompt",
    [
        "a blue crab",
        "a blue zeppelin",
        "a blue red pine tree in the snow",
        "a tall long pine tree in the snow",
        "a tall tall pine tree in the snow",
        "a pine tree in the blue snow",
        "tall",
        "blue",
        "",
    ],
)
def test_what_is_no_known_thing_is_said_by_the_whole_prompt(prompt: str) -> None:
    assert ATTRIBUTES.of(prompt) == Described(prompt, False)


def test_of_other_words_nothing_is_said() -> None:
    assert not Attributes()
    assert Attributes(CALLED).of("a blue long table") == Described("a blue long table", False)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("paint") / "tiny.safetensors")


BLUE = Tint((0.0, 0.1, 0.4), (0.1, 0.3, 0.8), (0.5, 0.7, 1.0))
WOODEN = Tint((0.3, 0.15, 0.07), (0.6, 0.4, 0.2), (0.8, 0.6, 0.4), 0.7, rings=0.3)


def reader(path: Path, tints: dict[str, Tint]) -> PromptReader:
    called = {"a pig": "a pig", "a lion": "a lion", "a swine": "a pig"}
    metadata = dataclasses.replace(read_metadata(path), captions=called, tints=tints)
    update_metadata(path, metadata)
    return PromptReader(NumpyModel(path))


def field_of(prompts: PromptReader, prompt: str) -> Field:
    return prompts.field(prompt, Stages(), None, None)[0]


def test_a_known_thing_keeps_its_shape_and_is_recolored_by_its_own_lightness(path: Path) -> None:
    own = field_of(reader(path, {}), "a pig")
    blue = field_of(reader(path, {"blue": BLUE}), "a blue pig")
    density, color = blue.sample(POINTS)
    for found in (density, blue.pre_density(POINTS)):
        np.testing.assert_allclose(found, own.pre_density(POINTS), rtol=1e-5, atol=1e-5)
    lightness = lightness_of(own, max(TINY.grid.levels))
    wanted = recolored(own.sample(POINTS)[1], POINTS, BLUE, lightness)
    np.testing.assert_allclose(color, wanted, atol=1e-5)
    lines = [np.linspace(-0.4, 0.4, count, dtype=np.float32) for count in (3, 4, 5)]
    np.testing.assert_allclose(blue.lattice(*lines), own.lattice(*lines), rtol=1e-5, atol=1e-5)
    assert (blue.bound, blue.level) == (own.bound, own.level)


def test_a_thing_by_another_name_is_the_same(path: Path) -> None:
    prompts = reader(path, {"blue": BLUE})
    for one, other in (("a pig", "swine"), ("a blue pig", "blue swine")):
        found, wanted = (field_of(prompts, prompt).sample(POINTS) for prompt in (other, one))
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_the_same_word_beside_something_unknown_is_left_to_the_network(path: Path) -> None:
    plain, other = reader(path, {}), "a blue balloon"
    wanted = field_of(plain, other).sample(POINTS)
    found = field_of(reader(path, {"blue": BLUE}), other).sample(POINTS)
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_a_chain_ends_with_what_its_prompts_show_and_is_a_mix_between(path: Path) -> None:
    prompts = reader(path, {"blue": BLUE, "wooden": WOODEN})
    names = ["a lion", "a blue pig", "a wooden pig"]
    chain = prompts.chain(names)
    for alpha, name in enumerate(names):
        alone, there = field_of(prompts, name), chain.field(float(alpha))
        for one, other in zip(alone.sample(POINTS), there.sample(POINTS), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    plain = prompts.chain(["a lion", "a pig", "a pig"])
    for alpha in (0.5, 1.5):
        shapes = plain.field(alpha).pre_density(POINTS)
        np.testing.assert_allclose(chain.field(alpha).pre_density(POINTS), shapes, atol=1e-4)
    # Halfway from a thing's own colors to blue, each color is halfway to what blue makes of it.
    own = plain.field(0.5).sample(POINTS)[1]
    lightness = lightness_of(field_of(prompts, "a pig"), max(TINY.grid.levels))
    half = 0.5 * (own + recolored(own, POINTS, BLUE, lightness))
    np.testing.assert_allclose(chain.field(0.5).sample(POINTS)[1], half, atol=1e-4)


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
    said, called = {"tall": FACTORS}, {"a pig": "a pig", "a lion": "a lion"}
    update_metadata(path, dataclasses.replace(metadata, captions=called, proportions=said))
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


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30])
def test_a_factor_that_is_none_is_refused(stretching: Path, tmp_path: Path, factor: float) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(stretching.read_bytes())
    said = {"tall": (1.0, factor, 1.0)}
    update_metadata(copy, dataclasses.replace(read_metadata(copy), proportions=said))
    with pytest.raises(CheckpointError, match="proportions"):
        read_metadata(copy)


def test_a_tint_that_is_not_of_numbers_is_refused(stretching: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(stretching.read_bytes())
    before = read_metadata(copy)
    for contrast in (float("inf"), 1e39, -1.0):
        endless = dataclasses.replace(BLUE, contrast=contrast)
        update_metadata(copy, dataclasses.replace(before, tints={"blue": endless}))
        with pytest.raises(CheckpointError, match=r"contrast|tints"):
            read_metadata(copy)
        copy.write_bytes(stretching.read_bytes())

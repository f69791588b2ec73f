"""Reference assets of any kind: what training asks of them, and how a configuration names them."""

import dataclasses
import json

import pytest
import torch

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import orbit
from backend.rendering.lighting import headlight
from tests.training.amortized.spheres import Spheres
from training.amortized.config import TrainConfig, config_as_json
from training.assets import KINDS, ToyboxConfig, assets_from_json, lit_on_white, references_of
from training.assets.protocol import (
    AssetCollection,
    AssetsConfig,
    ReferenceAssets,
    ReferenceBatch,
)
from training.prompts import PromptMix, spec_of
from training.toybox import build, render, stack

PROMPTS = ["a pig", "a rabbit wearing a tophat"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def toys():
    return ToyboxConfig().open().references(PROMPTS, CPU, compiled=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_frozen_dataclass_of_settings(kind):
    assert isinstance(KINDS[kind].kind, str)
    assert dataclasses.is_dataclass(KINDS[kind])


def test_the_toybox_gives_all_that_training_asks_for(toys):
    config = ToyboxConfig()
    assert isinstance(config, AssetsConfig)
    assert isinstance(config.open(), AssetCollection)
    assert isinstance(toys, ReferenceAssets)
    assert isinstance(toys.assets_at(PromptMix.plain([0])), ReferenceBatch)


def test_a_recipe_names_its_assets_and_a_recipe_without_them_means_the_toybox():
    recipe = json.loads(json.dumps(config_as_json(TrainConfig())))
    assert recipe["assets"] == {"kind": "toybox"}
    assert assets_from_json(recipe["assets"]) == ToyboxConfig()
    assert assets_from_json(None) == ToyboxConfig()


@pytest.mark.parametrize("described", [{"kind": "clouds"}, {}, 7, {"kind": ["toybox"]}])
def test_assets_of_an_unknown_kind_are_one_line(described):
    with pytest.raises(TrainingError, match="cannot be understood"):
        assets_from_json(described)


def test_prompts_without_assets_have_no_references():
    toybox = ToyboxConfig().open()
    assert toybox.has("a pig") and not toybox.has("a zeppelin")
    assert references_of(toybox, ["a pig", "a zeppelin"], CPU, compiled=False) is None
    with pytest.raises(TrainingError, match="zeppelin"):
        toybox.references(["a zeppelin"], CPU, compiled=False)


def test_pictures_over_white_are_those_of_the_renderer(toys):
    cameras = orbit(2)
    ours = lit_on_white(toys, 1, cameras, 16)
    toy = stack([build(spec_of(PROMPTS[1]))] * 2)
    theirs = render(toy, cameras, 16, lights=headlight(cameras), compiled=False).rgb
    torch.testing.assert_close(ours, theirs)


def test_a_fingerprint_changes_with_what_is_there_to_see():
    toybox = ToyboxConfig().open()
    assert toybox.fingerprint(PROMPTS) == toybox.fingerprint(PROMPTS)
    assert toybox.fingerprint(PROMPTS) != toybox.fingerprint(["a pig", "a rabbit"])


def test_a_mix_knows_what_lies_between_prompts():
    mix = PromptMix(torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    assert mix.between == [0]
    assert PromptMix.plain([1, 0]).between == []


def test_assets_of_another_kind_need_no_toybox():
    """The tests' own balls are such a kind."""
    assert isinstance(Spheres(), ReferenceAssets)

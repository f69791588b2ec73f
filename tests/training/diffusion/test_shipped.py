"""The small trained models in tests/data: they draw what captions say, from the side they say."""

from pathlib import Path

import pytest
import torch

from training.clip.scoring import ScoringClip
from training.diffusion import load_pixel_model
from training.diffusion.bank import ViewMaker
from training.diffusion.config import DataConfig
from training.diffusion.evaluation import side_words, view_accuracy
from training.diffusion.model import sample
from training.prompts import prompt_set
from training.prompts.views import VIEW_WORDS

DATA = Path(__file__).parents[2] / "data"
SIZES = {"pixel32": 32, "pixel64": 64}
"""Pixels of a picture's side."""
CHOSEN = range(1, 96, 8)
"""Twelve prompts that together have every animal, look and hat."""


@pytest.fixture(scope="module", params=SIZES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    return load_pixel_model(DATA / name)


@pytest.fixture(scope="module")
def prompts():
    every = prompt_set("compose96").prompts
    return [every[(i + i // 8) % 96] for i in CHOSEN]


@pytest.fixture(scope="module")
def drawn(model, prompts):
    """One guided sample a prompt, sides in turn."""
    unet, scheduler, encoder, config = model
    words = side_words(config.views, sum(config.cameras.elevation) / 2)[
        torch.arange(len(prompts)) % 4
    ]
    captions = [
        f"{prompt}, {VIEW_WORDS[config.views][word]}"
        for prompt, word in zip(prompts, words.tolist(), strict=True)
    ]
    pictures = sample(
        unet, scheduler, encoder.encode(captions), encoder.encode([""])[0], config.size, 3.0,
        torch.Generator().manual_seed(0), steps=12,
    )  # fmt: skip
    return pictures, words


def test_it_is_small(name):
    total = sum(path.stat().st_size for path in (DATA / name).rglob("*") if path.is_file())
    assert total <= 16 * 2**20


def test_it_says_what_it_is(model, name):
    config = model[3]
    assert (config.size, config.prompts, config.split) == (SIZES[name], "compose96", "all")
    assert config.recipe["images"] >= 100_000


def test_samples_agree_with_their_captions(drawn, prompts):
    logits = ScoringClip.load().logits(drawn[0], prompts)
    right = logits.argmax(1) == torch.arange(len(prompts))
    assert right.float().mean() >= 0.75  # chance: 0.08
    shuffled = logits[:, torch.arange(len(prompts)).roll(1)]
    assert (logits.diagonal() > shuffled.diagonal()).float().mean() >= 0.9
    assert (logits.diagonal() - shuffled.diagonal()).mean() > 10.0


def test_samples_show_the_side_that_the_words_say(drawn, prompts, model):
    config = model[3]
    data = DataConfig(cameras=config.cameras, lights=config.lights, supersample=1)
    maker = ViewMaker(prompts, data, config.size, 0, torch.device("cpu"), compiled=False)
    truth = maker.around(torch.arange(len(prompts)))
    pictures, words = drawn
    sides = side_words(config.views, maker.elevation)
    right = view_accuracy(pictures, truth, words, sides)
    wrong = view_accuracy(pictures, truth, words, sides.roll(2))
    assert right >= 0.6  # chance: 0.25
    assert wrong <= 0.25


def test_the_view_words_alone_change_the_picture(model):
    unet, scheduler, encoder, config = model

    def made(words):
        return sample(
            unet, scheduler, encoder.encode([f"a pig, {words}"]), encoder.encode([""])[0],
            config.size, 3.0, torch.Generator().manual_seed(1), steps=8,
        )  # fmt: skip

    sides = side_words(config.views, 0.0).tolist()
    ahead, _, behind, _ = (VIEW_WORDS[config.views][side] for side in sides)
    front = made(ahead)
    assert torch.equal(made(ahead), front)
    assert (made(behind) - front).abs().mean() > 0.01

"""What captions say, and how often."""

from dataclasses import replace

import pytest
import torch

from tests.training.diffusion.parts import PROMPTS, encoder
from training.diffusion.captions import Captions, Tokens
from training.diffusion.config import DataConfig
from training.prompts.views import VIEW_WORDS

DATA = DataConfig(without_view=0.1, paraphrase=0.3, dropout=0.15)
COUNT = 4000


def drawn(config=DATA, seed=0):
    generator = torch.Generator().manual_seed(seed)
    objects = torch.arange(COUNT) % len(PROMPTS)
    views = torch.randint(4, (COUNT,), generator=generator)
    return objects, views, Captions(PROMPTS, config).draw(objects, views, generator)


def test_shares_are_as_configured():
    _, _, said = drawn()
    empty = sum(text == "" for text in said) / COUNT
    kept = [text for text in said if text]
    viewed = [text for text in kept if text.endswith(" view")]
    template = [text for text in kept if any(text.startswith(prompt) for prompt in PROMPTS)]
    assert empty == pytest.approx(0.15, abs=0.02)
    assert 1 - len(viewed) / len(kept) == pytest.approx(0.1, abs=0.02)
    # Some paraphrases are, or begin with, the template's words.
    assert 0.1 < 1 - len(template) / len(kept) <= 0.32


def test_view_words_are_the_cameras():
    objects, views, said = drawn(replace(DATA, without_view=0.0, paraphrase=0.0, dropout=0.0))
    names = VIEW_WORDS["sided"]
    for index, view, text in zip(objects.tolist(), views.tolist(), said, strict=True):
        assert text == f"{PROMPTS[index]}, {names[view]}"


def test_the_papers_words():
    config = replace(DATA, views="paper", without_view=0.0, paraphrase=0.0, dropout=0.0)
    captions = Captions(PROMPTS, config)
    generator = torch.Generator().manual_seed(0)
    assert captions.draw(torch.tensor([0]), torch.tensor([1]), generator) == ["a pig, side view"]
    assert captions.full(torch.tensor([0]), torch.tensor([2])) == ["a pig, rear view"]


def test_a_draw_is_repeatable():
    assert drawn(seed=3)[2] == drawn(seed=3)[2]
    assert drawn(seed=3)[2] != drawn(seed=4)[2]


def test_remembered_tokens_are_the_encoders(monkeypatch):
    monkeypatch.setattr("training.diffusion.captions._KEPT", 3)
    text = encoder()
    tokens = Tokens(text)
    for said in (["a pig", "", "a lion", "a pig"], ["a bear", "a pig", "a tiger", "a robot"]):
        assert torch.allclose(tokens(said), text.encode(said), atol=1e-5)

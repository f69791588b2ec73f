"""The text tower with tokens for views."""

import itertools

import pytest
import torch

from tests.training.diffusion.parts import encoder
from training.clip.conditioning import conditioning_encoder
from training.diffusion.text import PixelTextEncoder, with_views
from training.prompts.views import VIEW_WORDS

PROMPT = "a pig wearing a tophat"
USED = 5
"""Positions that the prompt's words take."""


def test_captions_without_a_view_have_the_bundled_towers_tokens():
    base = conditioning_encoder("small")
    assert torch.equal(encoder().encode([PROMPT]), base.encode([PROMPT]))


def test_the_view_takes_the_free_positions_and_nothing_else():
    text = encoder()
    plain, viewed = text.encode([PROMPT, f"{PROMPT}, rear view"])
    assert torch.equal(plain[:USED], viewed[:USED])
    assert torch.equal(plain[-1], viewed[-1])
    assert (viewed[USED:-1] == text.views["rear view"]).all()


def test_every_view_is_plainly_different():
    captions = [f"{PROMPT}, {words}" for words in VIEW_WORDS["sided"]]
    tokens = encoder().encode([*captions, PROMPT])
    for one, other in itertools.combinations(tokens, 2):
        # Two random vectors of variance 1, at 26 positions.
        assert (one - other).norm() > 40.0


def test_like_angles_have_like_vectors_of_the_same_spread():
    base = conditioning_encoder("small")
    views = with_views(base, "angles").views
    sides = with_views(base, "sided").views
    assert list(views) == list(VIEW_WORDS["angles"])

    def alike(one, other):
        return torch.cosine_similarity(one, other, dim=0).item()

    front = views["azimuth 0 elevation 20"]
    assert torch.equal(front, sides["front view"])
    assert torch.equal(views["azimuth 90 elevation 20"], sides["left side view"])
    away = [alike(front, views[f"azimuth {angle} elevation 20"]) for angle in (30, 60, 90)]
    assert away[0] > away[1] > away[2]
    assert max(abs(alike(front, views[f"azimuth {a} elevation 20"])) for a in (90, 180)) < 0.2
    assert alike(front, views["azimuth 0 elevation 0"]) == pytest.approx(0.71, abs=0.05)
    for one, other in itertools.combinations(views.values(), 2):
        assert not torch.allclose(one, other, atol=0.5)
    for vector in views.values():
        assert vector.std().item() == pytest.approx(1.0, abs=0.2)


def test_whole_pictures_keep_their_vectors_beside_close_ups():
    """A model of four sides can go on with close-ups; these are half side, half frame."""
    base = conditioning_encoder("small")
    views, sides = with_views(base, "close").views, with_views(base, "sided").views
    assert list(views) == list(VIEW_WORDS["close"])
    for words, vector in sides.items():
        assert torch.equal(views[words], vector)
        parts = [views[f"{words} close-up of the {frame}"] for frame in ("bottom", "middle", "top")]
        for one, other in itertools.combinations([vector, *parts], 2):
            assert torch.cosine_similarity(one, other, dim=0).item() < 0.85
        for part in parts:
            likeness = torch.cosine_similarity(vector, part, dim=0).item()
            assert likeness == pytest.approx(0.71, abs=0.1)


def test_vectors_are_the_same_every_time_and_have_a_tokens_spread():
    one, other = encoder(), encoder()
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != one.tower.fingerprint
    for vector in one.views.values():
        assert vector.std() == pytest.approx(1.0, abs=0.2)


def test_a_prompt_that_fills_every_position_still_has_its_view():
    text = encoder()
    long = "a pig " + " ".join(["wearing a red hat"] * 10)
    front, rear = text.encode([f"{long}, front view", f"{long}, rear view"])
    assert torch.equal(front[:-2], rear[:-2])
    assert not torch.equal(front[-2], rear[-2])


def test_view_words_elsewhere_are_ordinary_words():
    text = encoder()
    assert text.split("a rear view, a pig") == ("a rear view, a pig", "")
    assert text.split("a pig, red, rear view") == ("a pig, red", "rear view")
    assert text.split("") == ("", "")


def test_the_empty_caption_is_zeros():
    tokens = encoder().encode(["", PROMPT, ""])
    assert tokens.shape == (3, 32, 128)
    assert not tokens[0].any() and not tokens[2].any()
    assert torch.equal(tokens[1], encoder().encode([PROMPT])[0])
    assert encoder().encode([]).shape == (0, 32, 128)


def test_it_is_read_back(tmp_path):
    text = encoder()
    text.save(tmp_path)
    loaded = PixelTextEncoder.load(tmp_path)
    assert loaded.fingerprint == text.fingerprint
    captions = [PROMPT, "", f"{PROMPT}, left side view"]
    assert torch.equal(loaded.encode(captions), text.encode(captions))

"""Captions that nobody wrote: which there are, and which written ones say what they mean."""

import numpy as np
import pytest

from training.prompts.imagined import imagined_captions, shares_of, slots_of

SHOPS = ["a red tavern", "a blue tavern", "a red mill"]


def test_a_slot_is_a_caption_without_one_of_its_words_whatever_the_article():
    assert list(slots_of("an old mill")) == [(("", "_", "mill"), "old"), (("", "old", "_"), "mill")]


def test_three_captions_of_a_square_make_the_fourth():
    assert imagined_captions(SHOPS, 10) == ["a blue mill"]


def test_what_is_written_is_not_imagined_and_articles_fit():
    assert imagined_captions([*SHOPS, "a blue mill"], 10) == []
    assert imagined_captions(["a red mill", "an old mill", "a red inn"], 10) == ["an old inn"]


def test_captions_that_share_no_words_make_none():
    assert imagined_captions(["a red tavern", "an axe", "two trees in the snow"], 10) == []


def test_no_more_are_drawn_than_asked_for_and_always_the_same():
    colors, things = ("red", "blue", "green", "white"), ("mill", "inn", "gate", "wall", "hut")
    diagonal = [f"a {c} {t}" for i, c in enumerate(colors) for t in (things[i], things[i + 1])]
    everything = imagined_captions(diagonal, 1000)
    assert everything and not set(everything) & set(diagonal)
    assert set(everything) <= {f"a {c} {t}" for c in colors for t in things}
    drawn = imagined_captions(diagonal, 5, seed=3)
    assert len(drawn) == 5 and set(drawn) < set(everything)
    assert drawn == imagined_captions(diagonal, 5, seed=3)
    assert drawn != imagined_captions(diagonal, 5, seed=4)


def test_shares_sum_to_one_and_a_known_caption_has_most_of_itself():
    shares = shares_of(SHOPS, SHOPS)
    assert np.allclose(shares.sum(axis=1), 1.0, atol=1e-5)
    assert (shares.argmax(axis=1) == np.arange(3)).all()


def test_with_little_noise_known_captions_keep_their_own_values():
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    assert shares_of(SHOPS, SHOPS, noise=1e-6) @ values == pytest.approx(values, abs=1e-3)


def test_a_caption_of_unknown_words_has_the_mean():
    assert shares_of(["an umbrella"], SHOPS) == pytest.approx(np.full((1, 3), 1 / 3), abs=1e-5)


def test_rare_words_say_more_than_common_ones_and_stop_words_nothing():
    known = ["a red mill", "a red inn", "a red gate", "a blue tower"]
    red_tower = shares_of(["the red tower"], known)[0]
    assert red_tower.argmax() == 3
    assert red_tower == pytest.approx(shares_of(["red tower"], known)[0], abs=1e-6)


def test_what_adds_up_over_words_is_guessed():
    """Values that are sums over words: held-out cells of the grid come near their sums."""
    colors = ("red", "blue", "green", "white", "brown")
    things = ("mill", "inn", "gate", "wall", "hut")
    words = {w: np.random.default_rng(i).normal(size=8) for i, w in enumerate(colors + things)}
    captions = [f"a {color} {thing}" for color in colors for thing in things]
    truth = np.stack([sum(words[w] for w in caption.split()[1:]) for caption in captions])
    held = [0, 6, 12, 18, 24]
    kept = [i for i in range(25) if i not in held]
    guess = shares_of([captions[i] for i in held], [captions[i] for i in kept]) @ truth[kept]
    mean = truth[kept].mean(axis=0)
    assert np.square(guess - truth[held]).mean() < 0.3 * np.square(mean - truth[held]).mean()

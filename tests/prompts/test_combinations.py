"""Which words captions combine, and so which of a prompt are not obeyed."""

from __future__ import annotations

import pytest

from backend.prompts.combinations import Combinations, Rivals, Unheard

CAPTIONS = [
    f"{animal} {act} {hat}".split()
    for animal in ("pig", "rabbit")
    for act in ("riding bike", "holding blue balloon")
    for hat in ("wearing tophat", "wearing party hat")
]


@pytest.fixture(scope="module")
def known() -> Combinations:
    return Combinations(CAPTIONS)


def unheard(known: Combinations, words: str, text: str = "") -> Unheard:
    return known.unheard([(word, word) for word in words.split()], text)


@pytest.mark.parametrize("caption", [" ".join(caption) for caption in CAPTIONS])
def test_a_caption_is_heard_whole(known: Combinations, caption: str):
    assert not unheard(known, caption, caption) and unheard(known, caption).note == ""


@pytest.mark.parametrize(
    ("words", "pairs"),
    [
        ("pig rabbit", [("pig", "rabbit")]),
        ("pig riding bike holding blue balloon", [("bike", "blue balloon")]),
        ("pig wearing tophat wearing party hat", [("tophat", "party hat")]),
    ],
)
def test_what_stands_in_each_others_place_is_rivals(known, words: str, pairs: list):
    found = unheard(known, words)
    assert [(rivals.one, rivals.other) for rivals in found.rivals] == pairs
    assert "together: one of them may be missing" in found.note


def test_a_word_that_is_always_followed_by_one_means_nothing_without_it(known: Combinations):
    found = unheard(known, "pig riding blue bike")
    assert found.alone == (("blue", "blue balloon"),)
    assert found.note == '"blue" is known only as "blue balloon" and is not obeyed here.'
    assert unheard(known, "pig riding green bike").alone == (("green", ""),)


def test_a_thing_that_acts_on_a_subject_is_said_to_be_the_other_way_round(known: Combinations):
    assert unheard(known, "tophat wearing pig").reversed == ("tophat", "pig")
    heard = unheard(known, "tophat wearing pig", "a tophat-wearing pig")
    assert heard.reversed is None


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (None, "one of them may be missing"),
        (("pig",), 'it draws "pig", not "rabbit"'),
        (("rabbit",), 'it draws "rabbit", not "pig"'),
        (("pig", "rabbit"), "it draws something between them"),
    ],
)
def test_what_somebody_has_looked_at_is_said(drawn, said: str):
    assert said in Rivals("pig", "rabbit", drawn).note

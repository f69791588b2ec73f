"""Metal and roughness from words."""

from __future__ import annotations

import pytest

from backend.prompts.materials import FINISHES, PLAIN, Finish, read_finishes
from backend.prompts.vocabulary import Vocabulary

PROMPTS = [
    "a pig made out of gold",
    "a pig carved out of wood",
    "a bear wearing a leather jacket",
    "a bear riding a bike wearing medieval armor",
    "a robot wearing a cape and wearing a helmet",
]
SYNONYMS = {"golden": "gold", "wooden": "wood", "armour": "armor"}


def finishes(prompt: str) -> tuple[Finish | None, list[tuple[Finish, str]]]:
    about = Vocabulary(PROMPTS, words=SYNONYMS, synonyms=SYNONYMS).familiarity(prompt)
    whole, parts = read_finishes(about.heard, about.effective)
    return whole, [(part.finish, part.without) for part in parts]


def test_every_finish_is_within_its_range():
    for word, (metallic, roughness) in {**FINISHES, "": PLAIN}.items():
        assert metallic in (0.0, 1.0), word  # there is nothing between metal and no metal
        assert 0.0 <= roughness <= 1.0, word
        assert word == word.casefold()


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("a pig made out of gold", "gold"),
        ("a pig riding a bike made out of gold", "gold"),
        ("a bear carved out of wood", "wood"),
        ("a golden bear", "gold"),
        ("A Wooden Pig.", "wood"),
    ],
)
def test_what_the_object_is_made_of_holds_for_all_of_it(prompt: str, word: str):
    assert finishes(prompt) == (FINISHES[word], [])


def test_what_is_worn_is_a_part_and_is_told_by_the_prompt_without_it():
    assert finishes("a bear riding a bike wearing medieval armour and wearing a cape") == (
        None,
        [(FINISHES["armor"], "a bear riding a bike wearing a cape")],
    )
    assert finishes("a bear wearing a leather jacket") == (
        None,
        [(FINISHES["leather"], "a bear")],
    )


def test_the_last_word_of_a_phrase_counts():
    assert finishes("a bear wearing leather armor")[1] == [(FINISHES["armor"], "a bear")]


def test_a_golden_bear_wears_a_cape_of_cloth():
    assert finishes("a golden bear wearing a cape") == (
        FINISHES["gold"],
        [(PLAIN, "a golden bear")],
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "a bear",
        "a bear riding a bike wearing a cape",
        "a silver bear",  # the word is unknown here
        "a bear made out of velvet",
        "a bear without armor",
        "a bear riding a golden bike",  # what is ridden changes the pose
    ],
)
def test_where_no_word_is_heard_nothing_changes(prompt: str):
    assert finishes(prompt) == (None, [])

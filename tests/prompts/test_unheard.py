"""What of a prompt is not heard is said: negations, its end, words that nothing combines."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.prompts.negation import remove_negations
from backend.prompts.spelling import shorten, split_words
from backend.prompts.vocabulary import Vocabulary

ANIMALS = ("pig", "rabbit", "monkey", "lion")
ACTS = ("riding a bike", "playing the guitar", "holding a blue balloon")
THEMES = ("wearing medieval armor", "wearing a suit", "wearing a leather jacket")
HATS = ("wearing a tophat", "wearing a party hat", "wearing a sombrero")
SETS = itertools.product(ANIMALS, ACTS, THEMES, HATS)
PROMPTS = [
    *(" ".join((f"a {animal}", *phrases)) for animal, *phrases in SETS),
    *(f"a {animal} {phrase}" for animal in ANIMALS for phrase in (*ACTS, *THEMES, *HATS)),
    *(f"a {animal} carved out of wood" for animal in ANIMALS),
]
SYNONYMS = {
    "hog": "pig",
    "bunny": "rabbit",
    "little": "monkey",
    "knight's": "armor",
    "ape": "monkey",
}
WORDS = ["hog", "bunny", "little", "knight's", "red", "toy", "mexican", "ape", "knot"]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(PROMPTS, WORDS, {**SYNONYMS, "mexican": "sombrero"}, limit=12)


@pytest.mark.parametrize(
    ("prompt", "heard", "negated"),
    [
        ("a pig without a tophat", "a pig", ["without a tophat"]),
        ("a pig without a tophat riding a bike", "a pig riding a bike", ["without a tophat"]),
        ("a pig with no hat and no cape", "a pig", ["with no hat and no cape"]),
        ("a pig, not a rabbit, with a hat", "a pig, with a hat", ["not a rabbit"]),
        ("a pig that isn't wearing a hat", "a pig", ["that isn't wearing a hat"]),
        ("a pig that isn\u2019t in a suit", "a pig", ["that isn\u2019t in a suit"]),
        ("a pig without a hat or a cape", "a pig", ["without a hat or a cape"]),
        ("a pig without a hat and wearing a suit", "a pig and wearing a suit", ["without a hat"]),
        ("a non-wooden pig", "a pig", ["non-wooden"]),
        ("no pig", "no pig", ["no pig"]),
        ("a pig on a knot", "a pig on a knot", []),
    ],
)
def test_negations_are_taken_out_and_named(
    vocabulary: Vocabulary, prompt: str, heard: str, negated: list[str]
) -> None:
    assert remove_negations(prompt) == (heard, tuple(negated))
    about = vocabulary.familiarity(prompt)
    assert about.heard == heard
    for phrase in negated:
        assert f'"{phrase}"' in about.note
    assert ("leave things away" in about.note) == bool(negated)


@pytest.mark.parametrize(
    ("prompt", "heard"),
    [
        ("a glorious pig riding a rusty bike", "a pig riding a bike"),
        ("a suit-zebra, riding a bike", "a suit riding a bike"),
        ("a zebra", "a zebra"),
    ],
)
def test_words_that_a_small_tower_does_not_know_are_really_ignored(
    vocabulary: Vocabulary, prompt: str, heard: str
) -> None:
    about = vocabulary.familiarity(prompt)
    assert about.unknown_words
    assert about.heard == heard


def test_a_tower_of_any_words_hears_them_all() -> None:
    about = Vocabulary(PROMPTS, WORDS, SYNONYMS).familiarity("a glorious pig")
    assert about.heard == "a glorious pig"


def test_without_a_hat_is_the_prompt_without_the_phrase(vocabulary: Vocabulary) -> None:
    plain = vocabulary.familiarity("a pig riding a bike")
    negated = vocabulary.familiarity("a pig riding a bike without a tophat")
    assert negated.heard == plain.heard
    assert negated.nearest == plain.nearest
    assert negated.seen_exactly


@given(st.text(max_size=60))
def test_any_text_keeps_its_words_or_names_them(text: str) -> None:
    heard, negated = remove_negations(text)
    if negated and heard != text:
        assert sorted(split_words(f"{heard} {' '.join(negated)}")) == sorted(split_words(text))
    else:
        assert heard == text


def test_of_a_long_prompt_filler_goes_first_then_what_is_unknown() -> None:
    known = {"pig", "wearing", "tophat"}
    text = "a pig of the very gorgeous kind that is wearing a tophat"
    assert shorten(text, known, 20) == (text, ())
    assert shorten(text, known, 6) == ("a pig gorgeous kind wearing tophat", ())
    assert shorten(text, known, 3) == ("pig wearing tophat", ("gorgeous", "kind"))
    assert shorten(text, known, 1) == ("pig", ("gorgeous", "kind", "wearing", "tophat"))


@given(st.lists(st.sampled_from(["a", "pig", "zebra", "tophat", "!", "partyhat"]), max_size=30))
def test_what_is_left_fits(words: list[str]) -> None:
    known = {"pig", "tophat", "party", "hat"}
    heard, _ = shorten(" ".join(words), known, 7)
    assert sum(2 if word == "partyhat" else 1 for word in split_words(heard)) <= 7


def test_the_limit_and_what_was_cut_are_said(vocabulary: Vocabulary) -> None:
    prompt = (
        "a pig riding a bike wearing a suit wearing a tophat holding a blue balloon playing the "
        "guitar wearing a leather jacket"
    )
    about = vocabulary.familiarity(prompt)
    assert about.cut == ("wearing", "leather", "jacket")
    assert 'It reads 12 words of a prompt: "wearing leather jacket" was left out.' in about.note
    assert {"pig", "bike", "suit", "tophat"} <= set(split_words(about.heard))
    assert vocabulary.familiarity("a pig riding a bike").cut == ()


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a pig holding a red balloon", ['"red"']),
        ("a toy pig", ['"toy"']),
        ("a blue pig", ['"blue" is known only as "blue balloon"']),
        ("a pig wearing a blue suit", ['"blue" is known only as "blue balloon"']),
        ("a pig in a leather suit", ['"leather" is known only as "leather jacket"']),
        ("a little pig", ['"little" is known only as "little monkey"']),
        ("a pig and a rabbit", ['"pig" and "rabbit"']),
        ("a pig riding a bunny", ['"pig" and "bunny"']),
        ("a pig wearing a tophat and a sombrero", ['"tophat" and "sombrero"']),
        ("a pig wearing a tophat and a party hat", ['"tophat" and "party hat"']),
        ("a pig wearing a Mexican hat and a party hat", ['"mexican hat" and "party hat"']),
        ("a pig wearing a party hat and a Mexican hat", ['"party hat" and "mexican hat"']),
        ("a pig, a rabbit and a lion", ['"pig" and "rabbit"', '"rabbit" and "lion"']),
        ("a pig riding a bike playing the guitar", ['"bike" and "guitar"']),
        ("a bike riding a pig", ['the "pig" as the one that acts, not the "bike"']),
    ],
)
def test_what_has_no_effect_is_named(vocabulary: Vocabulary, prompt: str, named: list[str]) -> None:
    note = vocabulary.familiarity(prompt).note
    for text in named:
        assert text in note


@pytest.mark.parametrize(
    "prompt",
    [
        "a pig holding a blue balloon",
        "a hog riding a bike wearing a suit and wearing a top hat",
        "a pig in knight's armor",
        "a pig in a knight\u2019s armor",
        "a little monkey",
        "a tophat-wearing pig",
        "a pig wearing a Mexican hat",
        "wearing a suit, a pig is riding a bike",
    ],
)
def test_what_is_heard_needs_no_note(vocabulary: Vocabulary, prompt: str) -> None:
    assert vocabulary.familiarity(prompt).note == ""


@pytest.mark.parametrize("prompt", PROMPTS)
def test_no_prompt_of_the_training_gets_a_note(vocabulary: Vocabulary, prompt: str) -> None:
    assert vocabulary.familiarity(prompt).unheard.note == ""


def test_a_little_pig_is_not_offered_monkeys(vocabulary: Vocabulary) -> None:
    assert all("pig" in prompt for prompt in vocabulary.familiarity("a little pig").nearest)
    assert "monkey" in vocabulary.familiarity("a little monkey").nearest[0]

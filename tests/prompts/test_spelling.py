"""The small tokenizer: words, their forms, unknown words, and the fixed place of the summary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.text.tokenizer import (
    END,
    PAD,
    SPECIAL,
    UNKNOWN,
    WordTokenizer,
    known_forms,
    learn_words,
    split_words,
)

CAPTIONS = [
    "a pig wearing a tophat riding a bike",
    "a squirrel in medieval armour holding a party hat",
    "a fox, a book and a knife",
]


@pytest.fixture
def tokenizer() -> WordTokenizer:
    return WordTokenizer(learn_words(CAPTIONS), context=12)


def test_captions_survive_the_round_trip(tokenizer: WordTokenizer) -> None:
    for caption in CAPTIONS:
        ids = tokenizer([caption])[0].tolist()
        assert tokenizer.decode(ids) == caption.replace(",", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A PIG, wearing a T-shirt!", ["a", "pig", "wearing", "a", "t", "shirt"]),
        ("the pig's \u00e9p\u00e9e", ["the", "pig", "epee"]),
        ("the pig\u2019s hat", ["the", "pig", "hat"]),
        (
            "\U0001f437 pig \U0001f469\u200d\U0001f680",
            ["\U0001f437", "pig", "\U0001f469", "\U0001f680"],
        ),
        ("top_hat", ["top", "hat"]),
        ("... -- !?", []),
    ],
)
def test_case_punctuation_and_accents_do_not_matter(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("pigs", ["pig"]),
        ("rides", ["riding"]),
        ("knives", ["knife"]),
        ("foxes", ["fox"]),
        ("partyhat", ["party", "hat"]),
        ("hats", ["hat"]),
        ("zebra", None),
    ],
)
def test_inflections_and_compounds_find_their_known_words(
    word: str, forms: list[str] | None
) -> None:
    assert known_forms(word, set(learn_words(CAPTIONS))) == forms


def test_two_words_may_be_one_known_word(tokenizer: WordTokenizer) -> None:
    assert tokenizer.decode(tokenizer.ids("pig with a top hat")) == "pig ? a tophat"


def test_an_unknown_word_is_one_unknown_id(tokenizer: WordTokenizer) -> None:
    ids = tokenizer.ids("a zebra wearing a tophat")
    assert ids.count(UNKNOWN) == 1
    assert ids[1] == UNKNOWN


@given(st.text(max_size=80))
def test_every_sequence_has_one_length_and_ends_with_the_summary(text: str) -> None:
    tokenizer = WordTokenizer(learn_words(CAPTIONS), context=12)
    row = tokenizer([text])[0].tolist()
    assert len(row) == 12
    assert row[-1] == END
    assert row.count(END) == 1
    words = [i for i in row[:-1] if i != PAD]
    assert row[: len(words)] == words, "padding comes after the words"
    assert all(i < tokenizer.size for i in row)
    assert all(i == UNKNOWN or i >= SPECIAL for i in words)


def test_a_long_prompt_loses_its_end(tokenizer: WordTokenizer) -> None:
    assert len(tokenizer.ids("pig " * 500)) == 11


def test_rare_words_can_be_left_out() -> None:
    assert learn_words(CAPTIONS, minimum=2) == ("a",)

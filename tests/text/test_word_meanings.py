"""Unknown words are heard as known ones of nearly the same meaning, and as nothing else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from backend.prompts.vocabulary import Vocabulary
from backend.text.word_meanings import FILE, NEAR_ENOUGH, WIDTH, KnownMeanings, word_meanings
from tests.text.word_pairs import Pair, all_words, read_pairs

PAIRS = read_pairs()
WORDS = all_words(PAIRS)


def heard(word: str, *known: str) -> str | None:
    near = KnownMeanings(known).nearest(word)
    return near.word if near is not None and near.heard else None


def heard_pairs() -> dict[str, str | None]:
    return {pair.word: heard(pair.word, *pair.known(WORDS)) for pair in PAIRS}


@pytest.mark.parametrize(
    ("word", "known"),
    [("couch", "sofa"), ("hog", "pig"), ("broadsword", "sword"), ("automobile", "car")],
)
def test_another_word_for_a_known_thing_is_heard(word: str, known: str) -> None:
    assert heard(word, "robot", known, "table") == known


def test_kind_of_a_tree_is_heard_as_another_where_trees_are_known() -> None:
    assert heard("spruce", "robot", "pine", "tree") == "pine"
    assert heard("oak", "robot", "pine", "tree") == "tree"


@pytest.mark.parametrize(
    ("word", "known"),
    [("wizard", "robot"), ("red", "blue"), ("cat", "dog"), ("gold", "silver"), ("piano", "guitar")],
)
def test_things_used_alike_are_not_taken_for_each_other(word: str, known: str) -> None:
    """Their rows have higher cosines than those of couch and sofa."""
    table = word_meanings()
    cosine = float((table.rows([word]) @ table.rows([known]).T)[0, 0])
    assert heard(word, known) is None
    assert cosine > 0.6


def test_the_list_has_enough_pairs_of_both_kinds() -> None:
    assert sum(pair.has_one for pair in PAIRS) >= 80
    assert sum(not pair.has_one and bool(pair.wrong) for pair in PAIRS) >= 80
    assert len({pair.word for pair in PAIRS}) == len(PAIRS)


def test_the_pairs_are_heard_as_measured() -> None:
    """The figures of docs/prompts.md, with a little room: 107 rightly, 7 wrongly."""
    answers = heard_pairs()

    def right(pair: Pair) -> bool:
        return answers[pair.word] in pair.right

    rightly = [pair.word for pair in PAIRS if pair.has_one and right(pair)]
    wrongly = [pair.word for pair in PAIRS if answers[pair.word] is not None and not right(pair)]
    assert len(rightly) >= 100
    assert len(wrongly) <= 10
    assert sum(answers[pair.word] in pair.wrong for pair in PAIRS) <= 1


def test_inflections_are_found_and_nonsense_is_not() -> None:
    assert heard("couches", "sofa") == "sofa"
    assert heard("settees", "sofas") == "sofas"
    assert KnownMeanings(["sofa"]).nearest("qwzx") is None
    assert KnownMeanings([]).nearest("couch") is None
    assert KnownMeanings(["qwzx"]).nearest("couch") is None


def test_a_word_that_is_heard_is_nearer_than_the_threshold() -> None:
    near = KnownMeanings(["sofa", "robot"]).nearest("couch")
    far = KnownMeanings(["robot"]).nearest("wizard")
    assert near is not None and near.heard and near.nearness >= NEAR_ENOUGH
    assert far is not None and not far.heard and far.nearness < NEAR_ENOUGH


def test_the_table_is_what_it_says() -> None:
    table = word_meanings()
    assert len(table.words) == 30_000
    assert list(table.words) == sorted(set(table.words))
    rows = table.rows(table.words[:500])
    assert rows.shape == (500, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert FILE.stat().st_size < 2**21
    licence = FILE.with_suffix(".LICENSE.txt").read_text(encoding="utf-8")
    assert "Princeton University" in licence
    assert "Public Domain Dedication" in licence


def test_eight_bits_are_enough() -> None:
    """Half a step in each number turns no row by more than 3 percent."""
    lengths = np.linalg.norm(word_meanings()._rows.astype(np.float32), axis=1)
    assert 0.5 * np.sqrt(WIDTH) / lengths.min() < 0.03


def test_it_needs_numpy_alone() -> None:
    program = (
        "import sys; sys.modules['torch'] = sys.modules['jaxtyping'] = None;"
        "from backend.text.word_meanings import KnownMeanings;"
        "print(KnownMeanings(['sofa']).nearest('couch').word);"
        "print(*[m for m in ('scipy', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["sofa"], done.stderr


# --- in a prompt --------------------------------------------------------------------------------

PROMPTS = ["a red sofa", "a pig riding a bike", "a golden sword", "an old pine tree", "a robot"]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(PROMPTS, hearing=KnownMeanings)


def test_a_prompt_is_given_to_the_encoder_in_known_words(vocabulary: Vocabulary) -> None:
    about = vocabulary.familiarity("A red couch, please")
    assert about.heard == "A red sofa please"
    assert about.heard_as == {"couch": "sofa"}
    assert about.unknown_words == ()
    assert about.nearest[0] == "a red sofa"
    assert about.note == '"couch": heard as "sofa".'


def test_the_article_fits_the_word_that_is_heard(vocabulary: Vocabulary) -> None:
    assert vocabulary.familiarity("an ottoman and an automaton").heard.endswith("a robot")


def test_what_stays_unknown_is_named_with_the_nearest_word(vocabulary: Vocabulary) -> None:
    about = vocabulary.familiarity("a wizard")
    assert about.unknown_words == ("wizard",)
    assert about.heard == "a wizard"
    assert about.nearest_words == {"wizard": "robot"}
    assert '"wizard" (the nearest it knows is "robot")' in about.note


def test_without_meanings_words_stay_unknown() -> None:
    about = Vocabulary(PROMPTS).familiarity("a red couch")
    assert about.unknown_words == ("couch",)
    assert about.heard_as == {}


def test_words_that_are_heard_count_as_known(vocabulary: Vocabulary) -> None:
    assert vocabulary.known_in("a couch and a broadsword") == {"sofa", "sword"}

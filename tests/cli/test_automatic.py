"""Without a named checkpoint the words of the prompts decide which one answers."""

from __future__ import annotations

import pytest

from backend.commands.automatic import Candidate, candidates, choose, choose_for_chain
from backend.paths import default_checkpoint
from backend.prompts.choice import Fit, best, fit
from backend.prompts.vocabulary import Vocabulary
from backend.protocol.errors import BadPrompt
from backend.text.word_meanings import KnownMeanings

ANIMALS = Vocabulary(["a pig wearing a tophat", "a red fox"], hearing=KnownMeanings)
HOUSES = Vocabulary(["a tudor house", "a red barn"], hearing=KnownMeanings)


@pytest.fixture(scope="module")
def listed() -> list[Candidate]:
    return candidates()


def test_fit_counts_what_is_not_known() -> None:
    assert fit(ANIMALS, ["a pig wearing a tophat"]) == Fit()
    assert fit(ANIMALS, ["a red pig"]).new == 1
    assert fit(ANIMALS, ["a hog"]) == Fit(not_obeyed=1, new=1)
    assert fit(ANIMALS, ["a wizard"]) == Fit(nameless=1, unknown=1, new=1)
    assert fit(ANIMALS, ["a pig", "a wizard", "a zeppelin"]).nameless == 2


def test_thing_matters_more_than_how_it_is() -> None:
    """Of "a tall blue wooden fox" only the fox is known, of "a red castle" only the color."""
    fox = [fit(words, ["a tall blue wooden fox"]) for words in (HOUSES, ANIMALS)]
    assert best(fox) == 1
    assert fox[1].knows_all and not fox[0].knows_all


def test_of_equal_ones_the_first_is_chosen() -> None:
    assert best([fit(ANIMALS, ["a zeppelin"]), fit(HOUSES, ["a zeppelin"])]) == 0


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a pig wearing a tophat", "toybox-animals"),
        ("a hare on a motorbike", "toybox-animals"),
        ("a baby dragon", "baby-dragon"),
        ("a tudor house", "cottage-tudor"),
        ("a lorry", "vehicles"),
        ("a tree in winter", "tree-seasons"),
        ("golden", "toybox-animals"),
    ],
)
def test_the_words_choose_among_the_bundled_checkpoints(
    listed: list[Candidate], prompt: str, name: str
) -> None:
    assert listed[0].path == default_checkpoint()
    assert choose(listed, prompt).metadata.name == name


@pytest.mark.parametrize(
    ("prompt", "word"), [("a flurb", "flurb"), ("un cochon", "cochon"), ("a wizard cat", "cat")]
)
def test_a_thing_that_none_knows_is_refused_by_its_name(
    listed: list[Candidate], prompt: str, word: str
) -> None:
    with pytest.raises(BadPrompt) as caught:
        choose(listed, prompt)
    assert f'"{word}"' in caught.value.message
    assert "--checkpoint" in caught.value.remedy


def test_a_chain_needs_one_that_knows_all_its_prompts(listed: list[Candidate]) -> None:
    chain = ["a tree in spring", "a tree in winter"]
    assert choose_for_chain(listed, chain).metadata.name == "tree-seasons"
    with pytest.raises(BadPrompt) as caught:
        choose_for_chain(listed, ["a pig", "a tudor house", "a flurb"])
    said = caught.value.message
    assert '"a pig": toybox-animals' in said
    assert '"a tudor house": cottage-tudor' in said
    assert '"a flurb": none' in said
    assert "--checkpoint" in caught.value.remedy

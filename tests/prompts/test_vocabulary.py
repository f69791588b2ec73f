"""What a checkpoint says about a prompt that it was not made for."""

from __future__ import annotations

import itertools
import time

import pytest

from backend.prompts.attributes import Attributes
from backend.prompts.vocabulary import Vocabulary
from tests.timed import within

ANIMALS = ["pig", "squirrel", "fox", "rabbit"]
ACTIVITIES = ["riding a bike", "playing the guitar", "holding a book"]
HATS = ["wearing a tophat", "wearing a party hat"]
PROMPTS = [f"a {a} {b} {c}" for a, b, c in itertools.product(ANIMALS, ACTIVITIES, HATS)]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(PROMPTS, words=["hog", "made", "of", "gold"], synonyms={"hog": "pig"})


def test_a_training_prompt_is_seen_and_needs_no_note(vocabulary: Vocabulary) -> None:
    known = vocabulary.familiarity("A pig, riding a bike wearing a top hat!")
    assert known.seen_exactly
    assert known.unknown_words == ()
    assert known.nearest[0] == "a pig riding a bike wearing a tophat"
    assert known.note == ""


def test_a_new_composition_of_known_words_is_not_seen_but_needs_no_note(
    vocabulary: Vocabulary,
) -> None:
    new = vocabulary.familiarity("a pig holding a guitar, wearing a tophat")
    assert not new.seen_exactly
    assert new.unknown_words == ()
    assert new.note == ""


def test_unknown_words_are_named_with_neighbours(vocabulary: Vocabulary) -> None:
    strange = vocabulary.familiarity("a purple zebra riding a bike wearing a tophat")
    assert strange.unknown_words == ("purple", "zebra")
    assert all("riding a bike wearing a tophat" in prompt for prompt in strange.nearest)
    assert strange.note.startswith('This model never saw "purple", "zebra"')
    assert '"a pig riding a bike wearing a tophat"' in strange.note
    assert "\n" not in strange.note


def test_a_slip_of_the_finger_gets_a_suggestion(vocabulary: Vocabulary) -> None:
    slip = vocabulary.familiarity("a squirell playing the guitr")
    assert slip.suggestions["squirell"] == ("squirrel",)
    assert slip.suggestions["guitr"] == ("guitar",)
    assert '"squirell" (did you mean squirrel?)' in slip.note
    assert slip.nearest[0].startswith("a squirrel playing the guitar")


@pytest.mark.parametrize("prompt", ["two pigs riding bikes", "pigs ride a bike", "the pig's bike"])
def test_plurals_and_inflections_are_known(vocabulary: Vocabulary, prompt: str) -> None:
    assert vocabulary.familiarity(prompt).unknown_words in ((), ("two",))


def test_synonyms_find_the_prompts_that_say_it_otherwise(vocabulary: Vocabulary) -> None:
    hog = vocabulary.familiarity("a hog riding a bike wearing a tophat")
    assert hog.unknown_words == ()
    assert hog.nearest[0] == "a pig riding a bike wearing a tophat"
    assert hog.seen_exactly


@pytest.mark.parametrize("prompt", ["\U0001f437", "\u062e\u0646\u0632\u064a\u0631", "qwzx"])
def test_nothing_known_is_said_so(vocabulary: Vocabulary, prompt: str) -> None:
    strange = vocabulary.familiarity(prompt)
    assert strange.unknown_words == (prompt,)
    assert strange.nearest == []
    assert strange.note == f'This model never saw "{prompt}"; the result ignores that.'


def test_only_stop_words_name_nothing(vocabulary: Vocabulary) -> None:
    assert "names nothing" in vocabulary.familiarity("is it the one?").note


def test_a_long_text_is_summed_up(vocabulary: Vocabulary) -> None:
    note = vocabulary.familiarity(" ".join(f"qx{i}zw" for i in range(300))).note
    assert "294 more" in note
    assert len(note) < 400


@pytest.mark.timed
def test_three_thousand_prompts_take_less_than_twenty_milliseconds() -> None:
    prompts = [
        f"a {a} {b} w{i} {c}"
        for i in range(125)
        for a, b, c in itertools.product(ANIMALS, ACTIVITIES, HATS)
    ]
    assert len(prompts) == 3000
    vocabulary = Vocabulary(prompts)
    vocabulary.familiarity("warm up")
    prompt = "a purple squirell playing the guitr wearing a party hat"
    took = []
    for _ in range(10):
        start = time.perf_counter()
        note = vocabulary.familiarity(prompt).note
        took.append(time.perf_counter() - start)
    assert "purple" in note
    assert within(min(took), 0.020)


def test_words_that_go_with_every_other_have_no_rivals() -> None:
    """Captions have a red barrel and a tall chair, and neither the other way round."""
    captions = ["a red barrel", "a red chair", "a tall chair", "a red lamp", "a tall lamp"]
    captions += ["a wooden barrel", "a wooden lamp"]
    strict = Vocabulary(captions).familiarity("a tall wooden barrel")
    assert 'never saw "tall" and' in strict.note
    attributes = Attributes(stretches=["tall"])
    free = Vocabulary(captions, attributes=attributes).familiarity("a tall wooden barrel")
    assert free.note == "" and free.effective[0] == ("tall", "tall")


def test_words_that_recolor_are_obeyed_beside_every_known_thing() -> None:
    captions = ["a blue barrel", "a barrel", "a chair", "a red crab"]
    strict = Vocabulary([*captions, "a blue lamp"]).familiarity("a blue chair")
    assert strict.note
    things = {"a barrel": "a barrel", "a seat": "a chair", "a chair": "a chair"}
    attributes = Attributes(things | {"a red crab": "a red crab"}, ["blue", "golden"])
    free = Vocabulary(captions, ["seat"], attributes=attributes)
    for prompt in ("a blue chair", "a golden seat"):
        about = free.familiarity(prompt)
        assert about.note == "" and len(about.effective) == 2
    assert "blue" in free.familiarity("a blue crab").note

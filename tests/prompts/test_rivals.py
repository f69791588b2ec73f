"""Of two phrases that no caption combines it is said which one the object shows."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from backend.engine import Engine
from backend.prompts.vocabulary import Vocabulary
from backend.rivals import judge, without
from tests.surface.analytic import AnalyticField

BODY = (0.0, 0.0, 0.0, 0.4)
PIG, RABBIT, LION = (0.0, 0.0, 0.5, 0.2), (0.4, 0.0, 0.3, 0.2), (-0.4, 0.0, 0.3, 0.2)
VOCABULARY = Vocabulary(
    [
        f"a {animal} wearing a {hat}"
        for animal in ("pig", "rabbit", "lion")
        for hat in ("hat", "cap")
    ]
)


def judged(prompt: str, objects: Mapping[str, tuple[tuple[float, ...], ...]]) -> str:
    """The note about a prompt to a model whose objects are these balls; else all of them."""

    def field_of(text: str) -> AnalyticField:
        return AnalyticField(balls=(BODY, *objects[text]))

    return judge(VOCABULARY.familiarity(prompt), field_of).note


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ((PIG,), 'it draws "pig", not "rabbit"'),
        ((RABBIT,), 'it draws "rabbit", not "pig"'),
        ((PIG, RABBIT), "it draws something between them"),
        ((LION,), "it draws something between them"),
    ],
)
def test_the_object_says_which_one_is_heard(whole: tuple, said: str) -> None:
    objects = {"a pig and a rabbit": whole, "a and a rabbit": (RABBIT,), "a pig and a": (PIG,)}
    assert said in judged("a pig and a rabbit", objects)


def test_three_subjects_are_judged_two_by_two() -> None:
    objects = {
        "a pig, a rabbit and a lion": (LION,),
        "a , a rabbit and a lion": (LION,),
        "a pig, a and a lion": (LION,),
        "a pig, a rabbit and a": (PIG,),
    }
    note = judged("a pig, a rabbit and a lion", objects)
    assert 'it draws "lion", not "pig"' in note
    assert 'it draws "lion", not "rabbit"' in note


def test_nothing_is_read_where_there_are_no_rivals() -> None:
    assert judged("a pig wearing a hat", {}) == ""


@pytest.mark.parametrize(
    ("text", "phrase", "rest"),
    [
        ("a Pig and a rabbit", "pig", "a and a rabbit"),
        ("a pig in a Party-Hat and a cap", "party hat", "a pig in a and a cap"),
        ("a piglet", "pig", None),
        ("pig", "pig", None),
    ],
)
def test_a_phrase_is_taken_out_as_it_is_written(text: str, phrase: str, rest: str | None) -> None:
    assert without(text, phrase) == rest


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The bundled checkpoint."""
    return Engine(None, "cpu")


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a pig and a rabbit", 'it draws "rabbit", not "pig"'),
        ("a rabbit and a pig", 'it draws "rabbit", not "pig"'),
        ("a tiger and a lion", 'it draws "lion", not "tiger"'),
        ("a pig wearing a Mexican hat and a party hat", 'draws "mexican hat", not "party hat"'),
        ("a bear and a robot", "something between them"),
    ],
)
def test_the_bundled_checkpoint_says_what_its_pictures_show(
    engine: Engine, prompt: str, said: str
) -> None:
    """Rendered and looked at: the last one has a robot's head over a bear's face."""
    _, (note,) = engine.field(prompt)
    assert said in note

"""What a checkpoint's word list gives while a prompt is typed; no Blender needed."""

# The extension's package is made up while the tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from pathlib import Path

import pytest

from backend.model.checkpoint import update_metadata
from backend.model.checkpoint_file import read_metadata
from backend.prompts.subjects import subject_of
from backend.recolored import Tint

from ..timed import within
from ..tiny import tiny_checkpoint
from ..wire import extension  # noqa: F401 makes the package importable without bpy

from att3d_extension.blender_addon.checkpoints.prompt_index import (  # isort: skip
    PromptIndex,
    Suggestion,
    mixed,
    prompt_index,
)

BUNDLED = Path(__file__).resolve().parents[2] / "checkpoints"
ANIMALS = ["pig", "squirrel", "fox", "rabbit"]
ACTIVITIES = ["riding a bike", "playing the guitar", "holding a book"]
HATS = ["wearing a tophat", "wearing a party hat"]
PROMPTS = [f"a {a} {b} {c}" for a, b, c in itertools.product(ANIMALS, ACTIVITIES, HATS)]


@pytest.fixture(scope="module")
def known() -> PromptIndex:
    return PromptIndex(PROMPTS, words=["hog"], synonyms={"hog": "pig"})


def offered(known: PromptIndex, text: str) -> list[str]:
    return [suggestion.prompt for suggestion in known.suggest(text)]


def test_what_is_typed_is_completed_shortest_first(known: PromptIndex) -> None:
    found = offered(known, "a fox hol")
    assert found[:2] == [
        "a fox holding a book wearing a tophat",
        "a fox holding a book wearing a party hat",
    ]


def test_nothing_typed_offers_prompts_from_all_over_the_list(known: PromptIndex) -> None:
    found = offered(known, "")
    assert {prompt.split()[1] for prompt in found} == set(ANIMALS)


def test_composition_that_is_in_no_list_is_completed_from_its_end(known: PromptIndex) -> None:
    assert "a big red dog playing the guitar wearing a tophat" in offered(
        known, "a big red dog playing the gui"
    )


def test_words_in_another_order_find_their_prompts(known: PromptIndex) -> None:
    assert offered(known, "guitar fox")[0].startswith("a fox playing the guitar")


def test_last_word_is_completed(known: PromptIndex) -> None:
    assert "green squ" not in offered(known, "green squ")
    assert any(prompt.startswith("green squirrel") for prompt in offered(known, "green squ"))


def test_unknown_word_offers_known_prompts_and_says_why(known: PromptIndex) -> None:
    first = known.suggest("a zeppelin wearing a par")[0]
    assert first.hint == "“zeppelin”" and first.prompt in PROMPTS
    assert not [s for s in known.suggest("a pig wearing a par") if s.hint]
    assert not known.suggest("zepp") or not known.suggest("zepp")[0].hint, "may become known yet"


def test_text_itself_and_repetitions_are_not_offered(known: PromptIndex) -> None:
    for text in ("a pig riding a bike wearing a tophat", "a pig", "PIG"):
        found = offered(known, text)
        assert text not in found and len(set(found)) == len(found) <= 20


@pytest.mark.parametrize("text", [" ", "\t", "🐷", "((((", "a" * 2000, "\\", "%s {x}"])
def test_any_text_may_be_typed(known: PromptIndex, text: str) -> None:
    known.suggest(text)
    known.neighbours(text)


def test_neighbours_differ_in_one_phrase(known: PromptIndex) -> None:
    own = "a pig riding a bike wearing a tophat"
    found = known.neighbours(own)
    assert own not in {neighbour.prompt for neighbour in found}
    assert {neighbour.removed for neighbour in found[:8]} >= {"pig"}
    for neighbour in found:
        if neighbour.removed and neighbour.added:
            assert own.replace(neighbour.removed, neighbour.added) == neighbour.prompt
    swapped = {n.added for n in found if n.removed == "pig"}
    assert swapped == {"squirrel", "fox", "rabbit"}


def test_paraphrase_has_the_neighbours_of_what_it_means(known: PromptIndex) -> None:
    found = known.neighbours("hog riding a bike wearing a top hat")
    assert found == known.neighbours("a pig riding a bike wearing a tophat")


def test_other_checkpoints_complete_only_what_they_know(known: PromptIndex) -> None:
    walls = PromptIndex(["a wall", "a wooden wall", "a fox statue"])
    rabbit = [one.prompt for one in mixed("a rabbit w", known, [walls])]
    assert rabbit
    assert not any("wall" in prompt for prompt in rabbit)
    assert "a wall" in [one.prompt for one in mixed("a w", known, [walls])]
    assert "a fox statue" in [one.prompt for one in mixed("a fox s", known, [walls])]


def test_while_the_answering_checkpoint_is_read_the_others_complete(known: PromptIndex) -> None:
    assert mixed("a fox hol", None, [known])
    assert mixed("", None, [known])


def test_checkpoint_without_lists_offers_nothing() -> None:
    empty = PromptIndex([])
    assert empty.suggest("a pig") == [] == empty.suggest("") and empty.neighbours("a pig") == []


def test_file_is_read_in_the_background_once(tiny_checkpoint_path: Path) -> None:
    first = prompt_index(tiny_checkpoint_path)
    ready = prompt_index(tiny_checkpoint_path, wait=True)
    assert first is None or first is ready
    assert ready is not None and ready is prompt_index(tiny_checkpoint_path)
    assert "a pig wearing a tophat" in offered(ready, "a pig w")
    assert prompt_index(Path("/nowhere.safetensors"), wait=True) is None


def test_words_of_a_file_that_recolor_are_known_beside_every_thing_of_it(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    metadata = read_metadata(path)
    said, called = {"golden": Tint(*3 * [(0.5, 0.5, 0.5)])}, {"a pig": "a pig"}
    update_metadata(path, dataclasses.replace(metadata, tints=said, captions=called))
    known = prompt_index(path, wait=True)
    assert known is not None
    assert known.familiarity("a golden pig").note == ""
    assert known.familiarity("a silver pig").note


@pytest.mark.timed
def test_keystroke_is_answered_at_once() -> None:
    colors = [f"color{i}" for i in range(20)]
    many = [f"a {c} {a} {b} {h}" for c in colors for a in ANIMALS for b in ACTIVITIES for h in HATS]
    known = PromptIndex(many)
    known.suggest("a color1 pig")
    times, found = [], []
    for text in ("a color1 pig r", "a color2 fox wearing", "guitar color3", "z", ""):
        started = time.perf_counter()
        found.append(known.suggest(text))
        times.append(time.perf_counter() - started)
    assert found[0] and found[1] and found[2] and not found[3]
    assert within(sorted(times)[2], 0.05)


# --- what Enter makes ------------------------------------------------------------------------


def entered(known: PromptIndex, text: str) -> str:
    """What Enter gives after ``text`` was typed, by Blender's rule for a list of suggestions.

    An entry that is what was typed is chosen; so is a single entry, whatever it says.
    """
    entries = offered(known, text)
    if text in entries or len(entries) != 1:
        return text
    return entries[0]


@pytest.fixture(scope="module", params=sorted(path.stem for path in BUNDLED.glob("*.safetensors")))
def bundled(request: pytest.FixtureRequest) -> PromptIndex:
    found = prompt_index(BUNDLED / f"{request.param}.safetensors", wait=True)
    assert found is not None and found.prompts
    return found


def test_what_is_typed_is_what_is_made(bundled: PromptIndex) -> None:
    wrong = {p: made for p in bundled.prompts if (made := entered(bundled, p)) != p}
    assert not wrong
    for typed in (
        "a tree in winter",
        "made out of gold",
        "a pig wea",
        "A PIG ",
        "a robot made of ",
    ):
        assert entered(bundled, typed) == typed


def test_rule_of_a_single_entry_can_fail() -> None:
    class Single(PromptIndex):
        def suggest(self, text: str, count: int = 20) -> list[Suggestion]:
            return [Suggestion("a tree in wintertime")]

    assert entered(Single(PROMPTS), "a tree in winter") == "a tree in wintertime"


# --- things that are not known ---------------------------------------------------------------


@pytest.mark.parametrize("prompt", [*PROMPTS[:3], "hog", "a big PIG", "a fox", "two rabbits"])
def test_subject_is_the_noun_that_prompts_are_about(known: PromptIndex, prompt: str) -> None:
    assert known.knows_subject(prompt)


@pytest.mark.parametrize(
    "prompt", ["a wizard cat", "un cochon", "a zeppelin wearing a tophat", "riding a bike", ""]
)
def test_what_a_thing_wears_or_does_is_no_subject(known: PromptIndex, prompt: str) -> None:
    assert not known.knows_subject(prompt)


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("a red and white buoy", "buoy"),
        ("a pig and a rabbit", "pig"),
        ("an orange", "orange"),
        ("a table and chairs", "table"),
        ("a ring", "ring"),
        ("a red fishing rod", "rod"),
        ("a tall building with a roof", "building"),
        ("a pig riding a bike", "pig"),
        ("riding a bike", None),
    ],
)
def test_describing_words_name_nothing_yet(prompt: str, subject: str | None) -> None:
    assert subject_of(prompt) == subject


def test_subjects_of_the_bundled_checkpoints(bundled: PromptIndex) -> None:
    assert all(bundled.knows_subject(p) for p in bundled.prompts if subject_of(p) is not None)
    for prompt in ("a wizard", "un cochon", "a red zeppelin"):
        assert not bundled.knows_subject(prompt)


def test_suggestions_complete_words_and_do_not_glue_them() -> None:
    known = PromptIndex(["a pig carved out of wood", "a cast iron pig", "a red pig"])
    assert not [text for text in offered(known, "a red sports car") if "sports" in text]
    assert "a pig carved out of wood" in offered(known, "a pig car")
    assert known.spelled_alike("a wizard cat") is None, "wizard has no likeness"
    assert known.spelled_alike("a cat") is None, "a short word is another word"
    assert (
        known.spelled_alike("a rde pig") is None or known.spelled_alike("a rde pig") == "a red pig"
    )
    assert known.spelled_alike("a pig carvde out of wood") == "a pig carved out of wood"
    harbor = PromptIndex(["a police car", "a red port", "a red police car"])
    assert harbor.spelled_alike("a red sports car") is None, "another beginning is another word"
    assert harbor.familiarity("a red sports car").nearest[0] == "a red police car"


# --- many prompts --------------------------------------------------------------------------------


def many(count: int) -> PromptIndex:
    """So many prompts, with as many words as a hundredth of them."""
    things = [f"thing{number}" for number in range(count // 100)]
    ends = [
        f"{joint} {color}"
        for joint in ("in", "on", "by", "at")
        for color in "abcdefghijklmnopqrstuvwxy"
    ]
    return PromptIndex([f"a red {thing} {end}" for thing in things for end in ends][:count])


def steps(known: PromptIndex, text: str) -> int:
    """How many lines of Python a keystroke runs: the work, whatever the machine."""
    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        known.suggest(text)
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("text", ["a", "a red", "a red thing1", "red thing9 in", "a flurb thing"])
def test_keystroke_takes_no_more_steps_among_ten_times_as_many_prompts(text: str) -> None:
    few, more = steps(FEW, text), steps(MORE, text)
    assert more < 2 * few + 200, (few, more)
    assert FEW.suggest(text) and MORE.suggest(text)


def test_the_shortest_few_are_those_of_a_full_sort() -> None:
    for beginning in ("a red thing1", "thing2 in", "red"):
        every = sorted(
            {
                " ".join(words[start:])
                for prompt in FEW.prompts
                for words in [prompt.split()]
                for start in range(len(words))
            }
        )
        fitting = [tail for tail in every if tail.startswith(beginning) and tail != beginning]
        expected = sorted(fitting, key=lambda tail: (tail.count(" "), tail))[:7]
        assert FEW._completions.tails(beginning, 7) == expected
    with_all = [p for p in FEW.prompts if {"thing3", "by"} <= set(p.split())]
    assert FEW._completions.with_all(["thing3"], "by", 5) == with_all[:5]


FEW, MORE = many(1_000), many(10_000)

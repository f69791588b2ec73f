"""Prompts of a library: models, their copies, and what is held back."""

import pytest

from training.library.attributes import STRETCHES, TINTS, Look
from training.library.prompts import HELD_OUT_COPIES, SETS, held_out_models, library_prompts
from training.library.storage import Entry


def entry(prompt: str) -> Entry:
    return Entry(prompt, [prompt], prompt, f"{prompt}.glb", "", "", "", "", 12, True, 1.0)


ENTRIES = [entry(f"a {thing}") for thing in ("barrel", "chair", "table", "lamp", "green banner")]
GRID = [
    f"a {color} {thing}"
    for color in ("red", "blue", "green")
    for thing in ("flag", "banner", "house", "tower", "ship", "tent", "wall", "cart")
]


def test_copies_are_called_what_they_are():
    assert Look("golden").caption("an axe") == "a golden axe"
    assert Look("red", "tall").caption("a barrel") == "a tall red barrel"
    assert Look().caption("a barrel") == "a barrel"


def test_every_model_comes_plain_in_every_color_and_in_every_proportion():
    prompts = library_prompts(ENTRIES)
    for word in (*TINTS, *STRETCHES):
        assert Look(tint=word if word in TINTS else "", stretch=word if word in STRETCHES else "")
        assert any(p.split()[1] == word for p in prompts.instances)
    assert prompts.instances["a golden barrel"].model == 0
    assert prompts.instances["a golden barrel"].look == Look(tint="golden")


def test_a_model_that_names_its_color_has_no_other():
    prompts = library_prompts(ENTRIES).instances
    assert "a red green banner" not in prompts and "a tall green banner" in prompts


def test_a_copy_never_stands_in_for_a_model():
    entries = [entry("a banner"), entry("a red banner")]
    instance = library_prompts(entries).instances["a red banner"]
    assert instance.model == 1 and instance.look.plain


def test_without_attributes_there_are_models_only():
    prompts = library_prompts(ENTRIES, attributes=False)
    assert list(prompts.instances) == [e.prompt for e in ENTRIES]


def test_about_a_tenth_of_the_copies_is_held_back_always_the_same():
    entries = [
        entry(f"a {name}") for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
    ]
    prompts = library_prompts(entries)
    share = len(prompts.held_out) / len(prompts.instances)
    assert HELD_OUT_COPIES / 2 < share < HELD_OUT_COPIES * 2
    assert prompts.held_out == library_prompts(entries).held_out


def test_held_back_models_are_corners_of_rectangles_whose_other_three_are_seen():
    held = held_out_models(GRID)
    assert len(held) == 1
    for caption in held:
        _, color, thing = caption.split()
        assert any(
            {f"a {other} {thing}", f"a {color} {noun}", f"a {other} {noun}"}
            <= set(GRID) - set(held)
            for other in ("red", "blue", "green")
            for noun in ("flag", "banner", "house", "tower")
            if other != color and noun != thing
        )
    assert held_out_models(["a barrel", "a chair", "a table"] * 20) == []


def test_copies_of_a_held_back_model_are_held_back_too():
    prompts = library_prompts([entry(caption) for caption in GRID])
    (model,) = (p for p in prompts.held_out if prompts.instances[p].look.plain)
    index = prompts.instances[model].model
    assert all(p in prompts.held_out for p, i in prompts.instances.items() if i.model == index)


@pytest.mark.parametrize("name", ["recolored", "stretched", "pairs"])
def test_sets_of_copies_have_none_of_a_model_that_is_held_back(name):
    prompts = library_prompts([*ENTRIES, *(entry(caption) for caption in GRID)])
    held = {prompts.instances[p].model for p in prompts.held_out if prompts.instances[p].look.plain}
    found = prompts.prompt_set(name)
    assert held and found.unseen and found.prompts
    assert not held & {prompts.instances[prompt].model for prompt in found.prompts}


@pytest.mark.parametrize("name", SETS)
def test_seen_and_unseen_prompts_share_a_set_between_them(name):
    found = library_prompts([entry(caption) for caption in GRID]).prompt_set(name)
    assert set(found.seen) | set(found.unseen) == set(range(len(found.prompts)))
    assert not set(found.seen) & set(found.unseen)


def test_training_visits_models_more_often_than_their_copies():
    found = library_prompts(ENTRIES).prompt_set("library")
    plain = {found.prompts.index(e.prompt) for e in ENTRIES if e.prompt in found.prompts}
    visits = sum(index in plain for index in found.seen) / len(found.seen)
    assert visits > 2 * len(plain) / len(found.prompts)


def test_large_libraries_have_fewer_copies_of_each_model():
    entries = [entry(f"a thing{'x' * n}") for n in range(2000)]
    assert len(library_prompts(entries).instances) < 9000

"""What a checkpoint knows, by category, and what a search finds in it."""

from __future__ import annotations

import pytest

from backend.prompts.browse import OTHERS, Category, categories, matching, spread

TOYS = ["a pig riding a bike", "a fox", "a pig", "a fox", "riding"]
KINDS = {"a red barrel": "items", "a pine tree": "plants", "a birch": "plants"}


def test_prompts_are_grouped_by_what_they_are_about() -> None:
    assert categories(TOYS, [], {}) == [
        Category("fox", ("a fox",)),
        Category(OTHERS, ("riding",)),
        Category("pig", ("a pig", "a pig riding a bike")),
    ]


def test_where_a_checkpoint_names_kinds_copies_are_not_shown() -> None:
    prompts = [*KINDS, "a tall red barrel", "a blue birch"]
    assert categories(prompts, [], KINDS) == [
        Category("items", ("a red barrel",)),
        Category("plants", ("a birch", "a pine tree")),
    ]


def test_models_that_were_held_back_are_not_shown_and_new_compositions_are() -> None:
    shown = categories(["a pine tree"], ["a birch"], KINDS)
    assert shown == [Category("plants", ("a pine tree",))]
    assert categories(["a fox"], ["a pig"], {}) == [
        Category("fox", ("a fox",)),
        Category("pig", ("a pig",)),
    ]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["a red barrel", "a birch", "a pine tree"]),
        ("pin", ["a pine tree"]),
        ("TREE pine", ["a pine tree"]),
        ("plants", ["a birch", "a pine tree"]),
        ("red plants", []),
        ("irch", []),
    ],
)
def test_search_finds_beginnings_of_words(search: str, found: list[str]) -> None:
    listed = matching(categories(list(KINDS), [], KINDS), search)
    assert [prompt for category in listed for prompt in category.prompts] == found
    assert all(category.prompts for category in listed)


def test_few_are_chosen_from_everywhere() -> None:
    listed = [
        Category("a", tuple("abcdefghij")),
        Category("b", ("x",)),
        Category("c", tuple("0123456789")),
    ]
    few = {category.name: category.prompts for category in spread(listed, 9)}
    assert few == {"a": ("a", "c", "f", "h"), "b": ("x",), "c": ("0", "2", "5", "7")}
    assert spread(listed, 100) == listed
    assert sum(len(category.prompts) for category in spread(listed, 2)) <= 2

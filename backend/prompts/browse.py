"""What a checkpoint knows, for a person to look through: prompts by category, and a search.

Standard library only: the command line and Blender browse alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .spelling import split_words
from .subjects import subject_of

OTHERS = "others"
"""The category of prompts that are about nothing that has a name."""


@dataclass(frozen=True)
class Category:
    """Prompts that belong together."""

    name: str
    prompts: tuple[str, ...]


def categories(
    prompts: Sequence[str], unseen: Sequence[str], kinds: Mapping[str, str]
) -> list[Category]:
    """The prompts by category, both in alphabetical order.

    Args:
        prompts: what a checkpoint learnt.
        unseen: what else it puts together of the words that it knows. With ``kinds`` these are
            models that were held back to measure it, which it knows little of: not shown.
        kinds: categories that the checkpoint gives its prompts. Where there are any, only these
            prompts are shown: the others are copies in other colors and proportions. Where there
            are none, a prompt's category is what it is about.
    """
    found: dict[str, list[str]] = {}
    shown = prompts if kinds else [*prompts, *unseen]
    for prompt in dict.fromkeys(shown):
        if kinds and prompt not in kinds:
            continue
        name = kinds.get(prompt) or subject_of(prompt) or OTHERS
        found.setdefault(name, []).append(prompt)
    return [Category(name, tuple(sorted(found[name]))) for name in sorted(found)]


def matching(listed: Iterable[Category], search: str) -> list[Category]:
    """What of each category a search finds; categories without any are left out.

    Every word of the search must begin a word of the prompt or of its category.
    """
    wanted = split_words(search)
    found = []
    for category in listed:
        kept = [p for p in category.prompts if _has(f"{p} {category.name}", wanted)]
        if kept:
            found.append(Category(category.name, tuple(kept)))
    return found


def spread(listed: Sequence[Category], most: int) -> list[Category]:
    """A choice of at most so many prompts, as evenly from all categories as they have them, and
    from all over each category."""
    left, kept = most, []
    by_size = sorted(listed, key=lambda category: len(category.prompts))
    for index, category in enumerate(by_size):
        count = min(len(category.prompts), left // (len(by_size) - index))
        chosen = [category.prompts[i * len(category.prompts) // count] for i in range(count)]
        left -= count
        if chosen:
            kept.append(Category(category.name, tuple(chosen)))
    return sorted(kept, key=lambda category: category.name)


def _has(text: str, wanted: Sequence[str]) -> bool:
    words = split_words(text)
    return all(any(word.startswith(begin) for word in words) for begin in wanted)

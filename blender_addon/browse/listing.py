"""What the panel lists: prompts by category, of one model or on *Automatic* of all. No bpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...backend.prompts.browse import Category, categories, matching
from ..checkpoints import catalog


@dataclass(frozen=True)
class Item:
    """One prompt, and the model that knows it."""

    prompt: str
    checkpoint: Path


def listed(choices: Sequence[catalog.Choice]) -> tuple[tuple[Category, Path], ...]:
    """The categories of some models, each with its model's file."""
    return _listed(tuple(_key(choice.path) for choice in choices))


def found(choices: Sequence[catalog.Choice], category: str, search: str) -> tuple[Item, ...]:
    """The prompts of a category (empty: of all) that have the search's words, in order."""
    return _found(tuple(_key(choice.path) for choice in choices), category, search)


_Key = tuple[Path, int, int]
"""A file, and what changes when its content does."""


def _key(path: Path) -> _Key:
    try:
        stat = path.stat()
    except OSError:
        return path, 0, 0
    return path, stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=8)
def _listed(keys: tuple[_Key, ...]) -> tuple[tuple[Category, Path], ...]:
    found: list[tuple[Category, Path]] = []
    seen: set[str] = set()
    for path, _, _ in keys:
        said = catalog.metadata(path)
        learnt = [prompt for prompt in catalog.texts(said.get("prompts")) if prompt not in seen]
        unseen = [prompt for prompt in catalog.texts(said.get("unseen")) if prompt not in seen]
        seen.update(learnt, unseen)
        found += [(category, path) for category in categories(learnt, unseen, _kinds(said))]
    return tuple(sorted(found, key=lambda pair: pair[0].name))


@lru_cache(maxsize=32)
def _found(keys: tuple[_Key, ...], category: str, search: str) -> tuple[Item, ...]:
    items: list[Item] = []
    for one, path in _listed(keys):
        if category in ("", one.name):
            for kept in matching([one], search):
                items += [Item(prompt, path) for prompt in kept.prompts]
    return tuple(items)


def _kinds(said: Mapping[str, object]) -> dict[str, str]:
    """The categories that a file gives its prompts; what is no text is left out."""
    kinds = said.get("kinds")
    pairs = kinds.items() if isinstance(kinds, Mapping) else ()
    return {a: b for a, b in pairs if isinstance(a, str) and isinstance(b, str) and b}

"""What a checkpoint knows, indexed: completions while typing, unknown words, neighbours. No bpy.

Everything comes from the lists in the checkpoint file, so a keystroke asks no other process. An
index takes some tenths of a second to build, in a thread of its own; until then there is none.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...backend.prompts.attributes import Attributes
from ...backend.prompts.vocabulary import Familiarity, Vocabulary, words_read
from ...backend.text.word_meanings import KnownMeanings
from . import catalog
from .completions import Completions

_SHORT = 5
"""Letters: fewer make a word that another letter makes another word."""
INDEXED = 100_000
"""Prompts that are completed from; more would make the index large and the list no better."""
SCANNED = 500
"""Words that are looked through for one that fits."""


@dataclass(frozen=True)
class Suggestion:
    """A prompt to offer."""

    prompt: str
    hint: str = ""
    """What it is for, if that is not plain: an unknown word that it avoids."""


@dataclass(frozen=True)
class Neighbour:
    """A known prompt that differs from another in one phrase."""

    prompt: str
    removed: str
    """The phrase of the other prompt; empty when one was only added."""
    added: str
    """The phrase of this one; empty when one was only left out."""


class PromptIndex:
    """One checkpoint's prompts and words.

    Args:
        prompts: what it can make, of its own training's prompt sets.
        words: every word of its training.
        synonyms: word to the word that ``prompts`` use for it.
        limit: how many words of a prompt its text encoder reads.
        attributes: words that are obeyed beside everything that it knows.
    """

    def __init__(
        self,
        prompts: Sequence[str],
        words: Iterable[str] = (),
        synonyms: Mapping[str, str] | None = None,
        limit: int | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        self.prompts = tuple(dict.fromkeys(prompts))
        known = self.prompts, words, synonyms
        self.vocabulary = Vocabulary(*known, limit, KnownMeanings, attributes)
        self._subjects = self.vocabulary.subjects  # found now, not at the first keystroke
        self._completions = Completions(self.prompts[:INDEXED], self.vocabulary.words)

    def familiarity(self, prompt: str) -> Familiarity:
        """What the training has to do with a prompt."""
        return _familiarity(self, " ".join(prompt.split()))

    def knows_subject(self, prompt: str) -> bool:
        """Whether the prompt names a thing that is in the training, not only what it is like."""
        return self.vocabulary.knows_subject(prompt)

    def spelled_alike(self, prompt: str) -> str | None:
        """The prompt with known words for its unknown ones, if that names something it knows.

        A short word is another word when a letter changes ("cat", "cast"), so it is only replaced
        where that gives a prompt of the training.
        """
        about = self.familiarity(prompt)
        instead = {word: words[0] for word, words in about.suggestions.items()}
        if not instead or set(about.unknown_words) - instead.keys():
            return None
        new = " ".join(instead.get(_bare(part), part) for part in prompt.split())
        found = self.familiarity(new)
        short = any(len(word) < _SHORT for word in instead)
        sound = not found.unknown_words and self.knows_subject(new)
        return new if sound and (found.seen_exactly or not short) else None

    def suggest(self, text: str, count: int = 20) -> list[Suggestion]:
        """Prompts to offer while ``text`` is typed, best first, at most ``count``.

        First, where a word is unknown, the nearest known prompts; then what completes the text;
        then prompts with the same words in another order; then words that complete the last one.
        Blender takes a single entry in place of what was typed, so there never is just one: the
        text itself goes before it.
        """
        typed = text.casefold().split()
        if not typed:
            step = max(1, len(self.prompts) // count)
            return [Suggestion(prompt) for prompt in self.prompts[::step][:count]]
        found: dict[str, Suggestion] = {}
        unknown = self.unknown_so_far(text)
        if unknown:
            hint = ", ".join(f"“{word}”" for word in unknown[:2])
            # The last word may be unfinished: what it may become counts as well.
            *whole, last = typed
            meant = next(iter(self._completions.words(last, 1)), last)
            for prompt in self.familiarity(" ".join([*whole, meant])).nearest:
                found[prompt] = Suggestion(prompt, hint)
        # After an unknown word the next may be unknown too: "sports car" is no "sports carved".
        words = self._subjects if unknown else None
        # One more than is offered: what was typed is taken out at the end.
        whole_text, end_of_text = self._completed(typed, words, count + 1)
        alike = self._completions.with_all(typed[:-1], typed[-1], count + 1)
        others = (alike, end_of_text, self._words_of(typed, words, count + 1))
        for prompt in itertools.chain(whole_text, *others):
            if len(found) >= count:
                break
            found.setdefault(prompt, Suggestion(prompt))
        found.pop(text.strip(), None)
        if len(found) == 1:
            return [Suggestion(text), *found.values()]
        return list(found.values())

    def unknown_so_far(self, text: str) -> tuple[str, ...]:
        """The unknown words of a text that is being typed; the last may be unfinished."""
        finished = text if text[-1:].isspace() else " ".join(text.split()[:-1])
        return tuple(self.familiarity(finished).unknown_words) if finished.strip() else ()

    def neighbours(self, prompt: str, count: int = 24) -> list[Neighbour]:
        """Known prompts that differ in one phrase, the smallest changes first.

        A prompt that is not among the known ones has the neighbours of the nearest of them.
        """
        return list(_neighbours(self, " ".join(prompt.split()), count))

    # --- completion ---

    def _completed(
        self, typed: list[str], words: Collection[str] | None, count: int
    ) -> tuple[list[str], list[str]]:
        """The text with the rest of a known prompt: of all of it, or of its longest end.

        Args:
            typed: words; the last may be unfinished.
            words: what the last word, by itself, may become; None: any.
            count: of each, at most.
        """
        for start in range(len(typed)):
            last = start == len(typed) - 1
            end = " ".join(typed[start:])
            tails = self._completions.tails(end, count, words if last else None)
            if tails:
                found = [" ".join([*typed[:start], tail]) for tail in tails]
                return (found, []) if start == 0 else ([], found)
        return [], []

    def _words_of(self, typed: list[str], words: Collection[str] | None, count: int) -> list[str]:
        """The text with its last word completed, to one of ``words`` (None: any)."""
        *whole, last = typed
        found = self._completions.words(last, SCANNED)
        ends = [word for word in found if word != last and (words is None or word in words)]
        return [" ".join([*whole, word]) for word in ends[:count]]


def mixed(
    text: str, answering: PromptIndex | None, others: Iterable[PromptIndex], count: int = 20
) -> list[Suggestion]:
    """Suggestions of several checkpoints: of the one that answers, and one of each other in turn.

    One that does not know what has been typed says nothing: it would put its own words behind
    another's ("a rabbit wall").
    """
    first = answering.suggest(text) if answering is not None else []
    further = [other.suggest(text) for other in others if not other.unknown_so_far(text)]
    found = {one.prompt: one for one in first[: count // 2]}
    for several in itertools.zip_longest(*further, first[count // 2 :]):
        for one in several:
            if one is not None and not one.hint and len(found) < count:
                found.setdefault(one.prompt, one)
    return list(found.values())


def _bare(word: str) -> str:
    return word.strip(".,;:!?").casefold()


@lru_cache(maxsize=64)
def _familiarity(known: PromptIndex, prompt: str) -> Familiarity:
    return known.vocabulary.familiarity(prompt)


@lru_cache(maxsize=16)
def _neighbours(known: PromptIndex, prompt: str, count: int) -> tuple[Neighbour, ...]:
    folded = prompt.casefold()
    if folded not in (other.casefold() for other in known.prompts):
        nearest = known.familiarity(prompt).nearest
        if not nearest:
            return ()
        folded = nearest[0].casefold()
    old = folded.split()
    ranked = []
    for index, other in enumerate(known.prompts):
        new = other.casefold().split()
        if new == old:
            continue
        head = _common(old, new)
        tail = _common(old[head:][::-1], new[head:][::-1])
        removed, added = old[head : len(old) - tail], new[head : len(new) - tail]
        size = len(removed) + len(added) + (0 if removed and added else 2)
        ranked.append((size, index, Neighbour(other, " ".join(removed), " ".join(added))))
    ranked.sort(key=lambda item: item[:2])
    return tuple(_mixed([neighbour for _, _, neighbour in ranked], count))


def _mixed(ranked: list[Neighbour], count: int) -> list[Neighbour]:
    """The first ``count``, in turn by which phrase they change: animals, then hats, and so on."""
    groups: dict[str, list[Neighbour]] = defaultdict(list)
    for neighbour in ranked[: 20 * count]:
        groups[neighbour.removed].append(neighbour)
    chosen: list[Neighbour] = []
    while len(chosen) < count and groups:
        for phrase in list(groups):
            chosen.append(groups[phrase].pop(0))
            if not groups[phrase]:
                del groups[phrase]
    order = {phrase: i for i, phrase in enumerate(dict.fromkeys(n.removed for n in chosen))}
    return sorted(chosen[:count], key=lambda neighbour: order[neighbour.removed])


def _common(one: list[str], other: list[str]) -> int:
    """How many words both begin with."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


# --- one index for each checkpoint file ------------------------------------------------------

_lock = threading.Lock()
_built: dict[tuple[Path, int, int], PromptIndex] = {}
_threads: dict[tuple[Path, int, int], threading.Thread] = {}
_KEPT = 16


def prompt_index(path: Path, *, wait: bool = False) -> PromptIndex | None:
    """What the checkpoint at ``path`` knows; None while that is being indexed, or not readable.

    Args:
        path: of the file.
        wait: until it is there (scripts).
    """
    try:
        stat = path.stat()
    except OSError:
        return None
    key = (path, stat.st_mtime_ns, stat.st_size)
    with _lock:
        if key in _built:
            return _built[key]
        thread = _threads.get(key)
        if thread is None:
            thread = threading.Thread(
                target=_build, args=(key,), name="att3d prompt index", daemon=True
            )
            _threads[key] = thread
            thread.start()
    if wait:
        thread.join()
        return _built.get(key)
    return None


def _mapping(value: object) -> Mapping[object, object]:
    return value if isinstance(value, Mapping) else {}


def _texts_by_text(value: object) -> dict[str, str]:
    """What a file holds of texts by text."""
    pairs = _mapping(value).items()
    return {a: b for a, b in pairs if isinstance(a, str) and isinstance(b, str)}


def _build(key: tuple[Path, int, int]) -> None:
    said = catalog.metadata(key[0])
    prompts = [*catalog.texts(said.get("prompts")), *catalog.texts(said.get("unseen"))]
    encoder = said.get("text_encoder")
    known = PromptIndex(
        prompts,
        catalog.texts(said.get("words")),
        _texts_by_text(said.get("synonyms")),
        words_read(encoder) if isinstance(encoder, Mapping) else None,
        Attributes(
            _texts_by_text(said.get("captions")),
            *(catalog.texts(list(_mapping(said.get(name)))) for name in ("tints", "proportions")),
        ),
    )
    with _lock:
        while len(_built) >= _KEPT:
            del _built[next(iter(_built))]
        _built[key] = known
        _threads.pop(key, None)

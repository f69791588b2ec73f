"""How familiar a prompt is to a checkpoint: words it never saw, and the nearest prompts it did see.

A checkpoint always answers. What it cannot know is said beside the answer, with words that it does
know in their place. Standard library only: Blender judges a prompt with this too.
"""

from __future__ import annotations

import difflib
import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

from .attributes import Attributes
from .combinations import Combinations, Unheard
from .negation import remove_negations
from .spelling import (
    STOP_WORDS,
    learn_words,
    leave_out,
    replace_words,
    resolve,
    shorten,
    split_words,
)
from .subjects import subjects_of

_SUGGESTIONS = 2
"""Alternatives offered for an unknown word."""
_COMMON = 1000
"""Prompts of a word that are looked at one by one."""
_COMPARED = 48
"""Known words that an unknown one is compared with letter by letter."""
_QUOTED = 6
"""Unknown words that the note names; a long text would name hundreds."""
_NAMED = 0.15
"""Nearness in meaning from which a known word is named beside an unknown one."""
_QUOTED_CUT = 120
"""Characters of what was left out of a long prompt that the note shows."""


@dataclass(frozen=True)
class Neighbor:
    """The known word that is nearest to an unknown one in meaning."""

    word: str
    nearness: float
    """1 is the same thing, 0 has nothing in common."""
    heard: bool
    """Whether that is near enough to take the one for the other."""


class Hearing(Protocol):
    """The meanings of the words that a checkpoint knows, as
    :class:`~backend.text.word_meanings.KnownMeanings` has them."""

    def nearest(self, word: str) -> Neighbor | None:
        """The known word nearest to an unknown one; None: nobody knows what the word means."""
        ...


@runtime_checkable
class MakeHearing(Protocol):
    """Makes the meanings of some words available."""

    def __call__(self, known: Iterable[str]) -> Hearing: ...


@dataclass(frozen=True)
class Familiarity:
    """What a checkpoint's training has to do with one prompt."""

    unknown_words: tuple[str, ...]
    """Words that were never seen and mean nothing known, in the prompt's order, each once."""
    suggestions: Mapping[str, tuple[str, ...]]
    """Similarly spelt known words of those unknown words that have any."""
    nearest: list[str]
    """Training prompts that share most with this one, best first."""
    seen_exactly: bool
    """The prompt was trained on, up to case, punctuation and inflection."""
    known_any: bool = True
    """Some word that matters is known."""
    heard: str = ""
    """What the text encoder is given: the prompt without ``negated`` and ``cut``, with the words of
    ``heard_as``, and, if it knows a limited number of words, without those that it does not."""
    heard_as: Mapping[str, str] = field(default_factory=dict)
    """Unknown words, and the known word of nearly the same meaning in place of each."""
    nearest_words: Mapping[str, str] = field(default_factory=dict)
    """The unknown words, each with the known one that is nearest in meaning."""
    negated: tuple[str, ...] = ()
    """Phrases that say what is not wanted: taken out."""
    cut: tuple[str, ...] = ()
    """Words beyond what the text encoder reads."""
    limit: int | None = None
    """How many words that is."""
    effective: tuple[tuple[str, str], ...] = ()
    """The known words that matter and have an effect, as written and in the captions' spelling."""
    unheard: Unheard = field(default_factory=Unheard)
    """Known words that have no effect in this prompt."""

    @property
    def note(self) -> str:
        """One line for the person, or "" when there is nothing to say."""
        said = [f'"{word}": heard as "{known}".' for word, known in self.heard_as.items()]
        said.append(self._unknown_note)
        if self.unheard:
            said.append(self.unheard.note)
        if self.negated:
            left = self.negated[0] not in self.heard
            done = "was taken out" if left else "is drawn all the same"
            said.append(f"It cannot leave things away: {_quote(self.negated)} {done}.")
        if self.cut:
            words = " ".join(self.cut)
            words = words if len(words) <= _QUOTED_CUT else words[:_QUOTED_CUT].rstrip() + "..."
            said.append(f'It reads {self.limit} words of a prompt: "{words}" was left out.')
        return " ".join(filter(None, said))

    @property
    def _unknown_note(self) -> str:
        if not self.unknown_words and self.known_any:
            return ""
        near = f" Nearest prompts it knows: {_quote(self.nearest)}." if self.nearest else ""
        if not self.unknown_words:
            return f"The prompt names nothing that this model was trained on.{near}"
        words = [self._described(word) for word in self.unknown_words[:_QUOTED]]
        if len(self.unknown_words) > _QUOTED:
            words.append(f"{len(self.unknown_words) - _QUOTED} more")
        return f"This model never saw {', '.join(words)}; the result ignores that.{near}"

    def _described(self, word: str) -> str:
        close = self.suggestions.get(word)
        if not close:
            near = self.nearest_words.get(word)
            return f'"{word}" (the nearest it knows is "{near}")' if near else f'"{word}"'
        return f'"{word}" (did you mean {" or ".join(close)}?)'


class Vocabulary:
    """A checkpoint's words and training prompts, indexed; built once a checkpoint."""

    def __init__(
        self,
        prompts: Sequence[str],
        words: Iterable[str] = (),
        synonyms: Mapping[str, str] | None = None,
        limit: int | None = None,
        hearing: MakeHearing | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        """
        Args:
            prompts: what was trained on; the nearest are chosen among these.
            words: what the text encoder knows; those of ``prompts`` are added.
            synonyms: word to the word that ``prompts`` use for it ("hog": "pig"), so that a
                paraphrase finds its prompt.
            limit: how many words the text encoder reads; None: it is not counted in words.
            hearing: makes the known words' meanings available; None: unknown words stay unknown.
            attributes: words that are obeyed beside everything that is known, whether ``prompts``
                have them so or not; what stretches, beside every other word.
        """
        self._attributes = Attributes() if attributes is None else attributes
        self.prompts = list(dict.fromkeys(prompts))
        # "knight's" of a caption is "knight" in a prompt's words, "orang-utan" is two of them.
        said = *self._attributes.recolors, *self._attributes.stretches
        self.words = frozenset(learn_words([*words, *self.prompts, *said]))
        self.limit = limit
        self._suggestable = sorted(word for word in self.words - STOP_WORDS if len(word) > 2)
        self._having_pair: dict[str, list[int]] = defaultdict(list)
        for index, word in enumerate(self._suggestable):
            for pair in _letter_pairs(word):
                self._having_pair[pair].append(index)
        self._hearing = hearing(self._suggestable) if hearing is not None else None
        self._synonyms = {
            word: stands_for
            for name, stands_for in (synonyms or {}).items()
            for word in split_words(name)
        }
        self._containing: dict[str, list[int]] = defaultdict(list)
        self._weights: list[float] = []
        self._seen: set[frozenset[str]] = set()
        sequences = [self._content(prompt)[0] for prompt in self.prompts]
        sequences = [[kind for _, kind in sequence] for sequence in sequences]
        self._combinations = Combinations(sequences)
        sets = [set(sequence) for sequence in sequences]
        counts = Counter(word for words_ in sets for word in words_)
        self._sets = sets
        self._rarity = {word: math.log(1.0 + len(sets) / count) for word, count in counts.items()}
        for index, content in enumerate(sets):
            self._seen.add(frozenset(content))
            self._weights.append(sum(self._rarity[word] for word in content))
            for word in content:
                self._containing[word].append(index)

    def familiarity(self, prompt: str, nearest: int = 3) -> Familiarity:
        """Compare a prompt with the training; a few milliseconds for thousands of prompts."""
        heard, negated = remove_negations(prompt)
        near = self._near(heard)
        heard_as = {word: known.word for word, known in near.items() if known.heard}
        heard = replace_words(heard, heard_as)
        words, unknown = self._content(heard)
        cut: tuple[str, ...] = ()
        if self.limit is not None:
            # To a tower of few words each of the others is the same one, which changes all it says.
            heard = leave_out(heard, unknown) if words else heard
            heard, cut = shorten(heard, self.words, self.limit)
            words, _ = self._content(heard)
        obeyed = self._attributes.stretches
        judged = [(word, kind) for word, kind in words if kind not in obeyed]
        known = self._attributes.of(heard).known
        unheard = Unheard() if known else self._combinations.unheard(judged, heard)
        without_effect = {word for word, _ in unheard.alone}
        content = {kind for word, kind in words if word not in without_effect}
        close = {word: self._similar(word) for word in unknown}
        return Familiarity(
            unknown_words=tuple(unknown),
            suggestions={word: words for word, words in close.items() if words},
            nearest=self._nearest(
                content | {w for words in close.values() for w in words}, nearest
            ),
            seen_exactly=not unknown and frozenset(content) in self._seen,
            known_any=bool(words),
            heard=heard,
            heard_as=heard_as,
            nearest_words={
                word: known.word
                for word, known in near.items()
                if word in unknown and known.nearness >= _NAMED
            },
            negated=negated,
            cut=cut,
            limit=self.limit,
            effective=tuple(pair for pair in words if pair[0] not in without_effect),
            unheard=unheard,
        )

    def known_in(self, prompt: str) -> set[str]:
        """The prompt's known words that matter, each in the spelling that the training has."""
        near = self._near(prompt)
        heard_as = {word: known.word for word, known in near.items() if known.heard}
        return {kind for _, kind in self._content(replace_words(prompt, heard_as))[0]}

    @cached_property
    def subjects(self) -> frozenset[str]:
        """The words that name what the training prompts are about."""
        return subjects_of(self.prompts, self.known_in)

    def knows_subject(self, prompt: str) -> bool:
        """Whether the prompt names a thing that is in the training, not only what it is like."""
        return not self.subjects or not self.subjects.isdisjoint(self.known_in(prompt))

    def _near(self, prompt: str) -> dict[str, Neighbor]:
        """The unknown words, each with the known one that is nearest in meaning."""
        if self._hearing is None:
            return {}
        near = {word: self._hearing.nearest(word) for word in self._content(prompt)[1]}
        return {word: known for word, known in near.items() if known is not None}

    def _content(self, prompt: str) -> tuple[list[tuple[str, str]], list[str]]:
        """The known words that matter, as written and in one spelling; the unknown words."""
        content: list[tuple[str, str]] = []
        unknown: list[str] = []
        for word, forms in resolve(split_words(prompt), self.words, join_known=True):
            if forms is not None:
                content += [
                    (word, self._canonical(form)) for form in forms if form not in STOP_WORDS
                ]
            elif word not in STOP_WORDS and word not in unknown:
                unknown.append(word)
        return content, unknown

    def _canonical(self, word: str) -> str:
        return self._synonyms.get(word, word)

    def _similar(self, word: str) -> tuple[str, ...]:
        """Known words spelt much like this one that begin as it does: few mistakes are at a word's
        beginning, and sports are no port. The comparison is slow: only those are compared that
        share most pairs of letters with it."""
        shared: Counter[int] = Counter()
        for pair in _letter_pairs(word):
            shared.update(self._having_pair.get(pair, ()))
        most = sorted(shared, key=shared.__getitem__, reverse=True)[:_COMPARED]
        candidates = [
            known
            for known in (self._suggestable[index] for index in sorted(most))
            if known[0] == word[0] and abs(len(known) - len(word)) <= len(word) // 3
        ]
        return tuple(difflib.get_close_matches(word, candidates, _SUGGESTIONS, cutoff=0.75))

    def _nearest(self, content: Iterable[str], count: int) -> list[str]:
        """Prompts by the rarity-weighted overlap of their words (a weighted Jaccard index)."""
        shared: dict[int, float] = defaultdict(float)
        total = 0.0
        for word in sorted(content, key=lambda word: (len(self._containing.get(word, ())), word)):
            rarity = self._rarity.get(word, 0.0)
            total += rarity
            having = self._containing.get(word, ())
            if len(having) > _COMMON and shared:
                # A word of very many prompts ranks those that share a rarer one, and adds none.
                having = [index for index in shared if word in self._sets[index]]
            for index in having[:_COMMON]:
                shared[index] += rarity
        scores = {
            index: overlap / (total + self._weights[index] - overlap)
            for index, overlap in shared.items()
        }
        best = heapq.nsmallest(count, scores, key=lambda index: (-scores[index], index))
        return [self.prompts[index] for index in best]


def _letter_pairs(word: str) -> set[str]:
    """All pairs of neighbouring letters, with those that begin and end the word."""
    bounded = f"^{word}$"
    return {bounded[index : index + 2] for index in range(len(bounded) - 1)}


def words_read(text_encoder: Mapping[str, object]) -> int | None:
    """How many words of a prompt the text encoder of a checkpoint reads.

    Args:
        text_encoder: its description in the checkpoint's metadata.

    Returns:
        None for encoders that do not count in words.
    """
    context = text_encoder.get("context")
    if text_encoder.get("kind") == "small" and isinstance(context, int) and context > 1:
        return context - 1
    return None


def _quote(prompts: Sequence[str]) -> str:
    return ", ".join(f'"{prompt}"' for prompt in prompts)

"""What a checkpoint's captions combine, and so which words of a prompt it cannot obey.

A model that is trained on captions learns what varies in them. A word that the captions never use
beside another one of the prompt is not obeyed there, or wins over it: "blue" that was only ever a
balloon's, a rabbit beside a pig. Standard library only: Blender judges a prompt with this too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

Words = Sequence[tuple[str, str]]
"""The words of a prompt that matter, in order: as written, and in the spelling of the captions."""

_PARTICLES = frozenset({"out", "made", "cast"})


@dataclass(frozen=True)
class Rivals:
    """Two phrases of a prompt of which the captions have one or the other."""

    one: str
    other: str
    drawn: tuple[str, ...] | None = None
    """Which of them the object shows, where somebody looked; both: something of each."""

    @property
    def note(self) -> str:
        """A sentence for the person."""
        if self.drawn is None:
            says = "one of them may be missing"
        elif len(self.drawn) == 1:
            left = self.other if self.drawn[0] == self.one else self.one
            says = f'it draws "{self.drawn[0]}", not "{left}"'
        else:
            says = "it draws something between them"
        return f'It never saw "{self.one}" and "{self.other}" together: {says}.'


@dataclass(frozen=True)
class Unheard:
    """What of one prompt has no effect on the object, as the person wrote it."""

    alone: tuple[tuple[str, str], ...] = ()
    """Words that are known only within another phrase, and that phrase, if it is told."""
    rivals: tuple[Rivals, ...] = ()
    reversed: tuple[str, str] | None = None
    """A thing that is said to act on a subject, and the subject: drawn the other way round."""

    def __bool__(self) -> bool:
        return bool(self.alone or self.rivals or self.reversed)

    @property
    def note(self) -> str:
        """Sentences for the person; "" when all is heard."""
        said = []
        for word, phrase in self.alone:
            known = f'is known only as "{phrase}" and is not obeyed here' if phrase else ""
            said.append(f'"{word}" {known or "has no effect"}.')
        said += [rivals.note for rivals in self.rivals]
        if self.reversed:
            thing, subject = self.reversed
            said.append(f'It draws the "{subject}" as the one that acts, not the "{thing}".')
        return " ".join(said)


class Combinations:
    """The training prompts, indexed by which words stand together and which replace each other.

    Args:
        prompts: the words of each that matter, in order, in the captions' spelling.
    """

    def __init__(self, prompts: Sequence[Sequence[str]]) -> None:
        self._together: dict[str, set[str]] = defaultdict(set)
        self._contexts: dict[str, set[tuple[tuple[str, ...], ...]]] = defaultdict(set)
        self._before: dict[str, set[str]] = defaultdict(set)
        self._followers: dict[str, set[str]] = defaultdict(set)
        self._last: set[str] = set()
        self._first: set[str] = set()
        for words in prompts:
            if not words:
                continue
            self._first.add(words[0])
            self._last.add(words[-1])
            for index, word in enumerate(words):
                self._together[word].update(words)
                self._followers[word].update(words[index + 1 : index + 2])
                self._before[word].add(words[index - 1] if index else "")
            phrases = _phrases(words)
            for index, phrase in enumerate(phrases):
                for word in phrase:
                    self._contexts[word].add((*phrases[:index], (), *phrases[index + 1 :]))

    def unheard(self, words: Words, text: str = "") -> Unheard:
        """What of a prompt has no effect.

        Args:
            words: those that the checkpoint knows, without filler.
            text: the prompt, to tell "a tophat-wearing pig" from "a tophat wearing a pig".
        """
        alone, heard = self._alone(words)
        things = self._things(heard)
        rivals = [
            Rivals(earlier, later)
            for index, (later, kind) in enumerate(things)
            for earlier, other_kind in things[:index]
            if self._exclusive(kind, other_kind)
        ]
        return Unheard(alone, tuple(rivals), self._reversed(heard, text))

    def _alone(self, words: Words) -> tuple[tuple[tuple[str, str], ...], list[tuple[str, str]]]:
        """Words known only in other phrases, and the rest."""
        alone: list[tuple[str, str]] = []
        rest: list[tuple[str, str]] = []
        for index, (word, kind) in enumerate(words):
            following = words[index + 1][1] if index + 1 < len(words) else ""
            bound = self._bound(kind)
            if _connects(kind):
                rest.append((word, kind))
            elif kind not in self._together:
                alone.append((word, ""))
            elif bound is not None and following != bound:
                alone.append((word, f"{kind} {bound}"))
            elif word != kind and self._exclusive(kind, following) and self._is_whole(following):
                # A word that the captions use for a noun ("little" of monkeys), before another one.
                alone.append((word, f"{word} {kind}"))
            else:
                rest.append((word, kind))
        return tuple(dict.fromkeys(alone)), rest

    def _things(self, words: Words) -> list[tuple[str, str]]:
        """What the words name: each phrase as it is written ("party hat"), and its noun.

        A noun whose other half is missing names nothing; after another word it belongs to that
        one, as "hat" of a "Mexican hat" which the captions call a sombrero.
        """
        found: list[tuple[str, str]] = []
        first_half = ""
        ends_before = False
        for index, (word, kind) in enumerate(words):
            following = words[index + 1][1] if index + 1 < len(words) else None
            before = words[index - 1][1] if index else ""
            adjacent, ends_before = ends_before, False
            if _connects(kind):
                continue
            if following is not None and self._bound(kind) == following:
                first_half = f"{word} "
            elif self._is_whole(kind) or before in self._before[kind]:
                found.append((first_half + word, kind))
                first_half, ends_before = "", True
            elif adjacent:
                found[-1] = (f"{found[-1][0]} {word}", found[-1][1])
        return found

    def _is_whole(self, word: str) -> bool:
        """Whether the captions use a noun without a word that belongs to it ("party hat")."""
        return not all(self._bound(before) == word for before in self._before.get(word, ("",)))

    def _bound(self, word: str) -> str | None:
        """The one word that always follows this one in the captions: "balloon" of "blue"."""
        followers = self._followers.get(word, set())
        if word in self._last or word in self._first or len(followers) != 1:
            return None
        (follower,) = followers
        return None if _connects(follower) else follower

    def _exclusive(self, one: str, other: str) -> bool:
        """Whether the two are never together, but stand in each other's place."""
        if one == other or other in self._together.get(one, ()):
            return False
        return not self._contexts.get(one, set()).isdisjoint(self._contexts.get(other, ()))

    def _reversed(self, words: Sequence[tuple[str, str]], text: str) -> tuple[str, str] | None:
        """A thing, a participle and a subject, where the captions have the subject first."""
        for (thing, kind), (verb, middle), (subject, last) in zip(
            words, words[1:], words[2:], strict=False
        ):
            written = f"{thing}-{verb}" in text.casefold()
            if _connects(middle) and last in self._first and not written:
                follows = any(kind in self._followers[w] for w in self._followers if _connects(w))
                if follows and kind not in self._first and not _connects(kind):
                    return thing, subject
        return None


def _connects(word: str) -> bool:
    """Whether a word only joins two others ("wearing", "carved out"): it is not judged itself."""
    participle = (word.endswith("ing") and len(word) > 5) or (word.endswith("ed") and len(word) > 4)
    return participle or word in _PARTICLES


def _phrases(words: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The subject, and what each participle begins: (pig) (riding bike) (wearing party hat)."""
    phrases: list[list[str]] = [[]]
    for index, word in enumerate(words):
        if index and _connects(word) and not _connects(words[index - 1]):
            phrases.append([])
        phrases[-1].append(word)
    return tuple(tuple(phrase) for phrase in phrases)

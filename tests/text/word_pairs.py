"""Hand-written pairs of words: which may be heard as which, and which never."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.prompts.spelling import known_forms

FILE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Pair:
    """An unknown word, and what it may be heard as among all the words of the file."""

    word: str
    right: frozenset[str]
    """Words that it may be heard as."""
    has_one: bool
    """Whether it should be heard as one of them; else nothing is best."""
    wrong: frozenset[str]

    def known(self, words: frozenset[str]) -> list[str]:
        """All words but the unknown one and its inflections."""
        return [
            other
            for other in sorted(words)
            if known_forms(self.word, [other]) is None and known_forms(other, [self.word]) is None
        ]


def read_pairs() -> list[Pair]:
    """The rows of the file."""
    found = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            word, right, wrong = [*line.split("\t"), ""][:3]
            answers = frozenset(right.split("|"))
            found.append(
                Pair(word, answers - {"-"}, "-" not in answers, frozenset(wrong.split("|")) - {""})
            )
    return found


def all_words(pairs: list[Pair]) -> frozenset[str]:
    """The words that are known in the measurement: all that are right or wrong for any."""
    return frozenset().union(*(pair.right | pair.wrong for pair in pairs))

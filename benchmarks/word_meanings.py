"""How well unknown words are heard: hand-written pairs, at several thresholds.

    python benchmarks/word_meanings.py

Beside the rule of ``backend/text/word_meanings.py`` stands the cosine of the GloVe rows alone,
which is what one would try first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from backend.prompts.vocabulary import Neighbor
from backend.text.word_meanings import NEAR_ENOUGH, KnownMeanings, word_meanings
from tests.text.word_pairs import Pair, all_words, read_pairs


def by_rule(word: str, known: list[str]) -> Neighbor | None:
    """The nearest known word as a checkpoint hears it."""
    return KnownMeanings(known).nearest(word)


def by_cosine(word: str, known: list[str]) -> Neighbor | None:
    """The known word whose row has the highest cosine."""
    table = word_meanings()
    asked = table.find(word)
    found = [other for other in known if table.find(other) is not None]
    if asked is None:
        return None
    cosines = table.rows(table.find(other) or "" for other in found) @ table.rows([asked])[0]
    best = int(np.argmax(cosines))
    return Neighbor(found[best], float(cosines[best]), False)


def measure(
    pairs: list[Pair], nearest: Callable[[str, list[str]], Neighbor | None]
) -> list[tuple[Pair, Neighbor]]:
    """Each pair with the nearest known word."""
    words = all_words(pairs)
    found = ((pair, nearest(pair.word, pair.known(words))) for pair in pairs)
    return [(pair, neighbor) for pair, neighbor in found if neighbor is not None]


def main() -> None:
    pairs = read_pairs()
    should = sum(pair.has_one for pair in pairs)
    print(f"{should} words that have a near one, {len(pairs) - should} that have none\n")
    for name, nearest, thresholds in (
        ("cosine alone", by_cosine, (0.5, 0.6, 0.7, 0.8, 0.9)),
        ("the rule", by_rule, (0.4, 0.5, NEAR_ENOUGH, 0.7, 0.8)),
    ):
        measured = measure(pairs, nearest)
        print(f"| {name}, from | heard rightly | heard wrongly |")
        print("|---|---|---|")
        for threshold in thresholds:
            heard = [row for row in measured if row[1].nearness >= threshold]
            right = [pair for pair, neighbor in heard if neighbor.word in pair.right]
            of_them = sum(pair.has_one for pair in right)
            print(f"| {threshold:.2f} | {of_them} | {len(heard) - len(right)} |")
        wrong = [
            f"{pair.word} as {neighbor.word}"
            for pair, neighbor in measured
            if neighbor.heard and neighbor.word not in pair.right
        ]
        print(f"\nheard wrongly: {', '.join(wrong)}\n" if wrong else "")


if __name__ == "__main__":
    main()

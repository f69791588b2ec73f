"""One canonical spelling of a prompt, so that what looks the same is the same."""

from __future__ import annotations

import unicodedata

from ..protocol.errors import BadPrompt

MAX_CHARACTERS = 2000
"""Far longer than any text encoder reads; a limit that only accidents reach."""

# Format characters that change what emoji and several scripts look like: zero-width non-joiner and
# joiner, and the tags of flag emoji. Every other format character (bidirectional overrides, byte
# order marks, soft hyphens) only hides or reorders text.
_KEPT_FORMATS = frozenset({0x200C, 0x200D, *range(0xE0020, 0xE0080)})


def normalize_prompt(text: str) -> str:
    """Strip, collapse white space, drop control characters, compose (NFC).

    Idempotent. Control characters, lone surrogates, unassigned code points and invisible formatting
    (bidirectional overrides, for example) go; letters of every script, marks, emoji and their
    joiners stay.

    Raises:
        BadPrompt: not text, nothing visible left, or more than :data:`MAX_CHARACTERS` characters.
    """
    if not isinstance(text, str):
        raise BadPrompt(f"A prompt must be text, not {type(text).__name__}.")
    kept = "".join(filter(None, map(_keep, text)))
    clean = " ".join(unicodedata.normalize("NFC", kept).split())
    if not any(_visible(character) for character in clean):
        raise BadPrompt("The prompt is empty.")
    if len(clean) > MAX_CHARACTERS:
        raise BadPrompt(
            f"The prompt has {len(clean):,} characters; at most {MAX_CHARACTERS:,} are allowed.",
            "Shorten it to one sentence.",
        )
    return clean


def _keep(character: str) -> str:
    """The character, a space in place of white space, or nothing."""
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category[0] != "C" or category == "Co" or ord(character) in _KEPT_FORMATS:
        return character
    return ""


def _visible(character: str) -> bool:
    """Marks and joiners alone draw nothing."""
    return unicodedata.category(character)[0] not in "MZC"

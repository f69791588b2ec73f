"""The interface in other languages: one file of texts for each, ``languages/<code>.json``.

A file maps every English text to its translation, whatever it is used for. A text that is missing
stays English; ``tests/blender`` lists those. Texts with {names} in them keep the names.
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy

PACKAGE = __package__ or ""
FOLDER = Path(__file__).parent / "languages"
CONTEXTS = ("*", "Operator", "ATT3D")
"""Blender keeps the labels of buttons apart from all other texts; the last is for words that
Blender itself uses for something else."""
LOCALES = {"de": ("de", "de_DE")}
"""What Blender calls a language: that has changed with its version."""


def read_texts() -> dict[str, dict[str, str]]:
    """English texts and their translations, by language."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.json"))
    }


def _words() -> dict[str, dict[tuple[str, str], str]]:
    """The texts as Blender wants them: by locale, then by context and English text."""
    words: dict[str, dict[tuple[str, str], str]] = {}
    for language, texts in read_texts().items():
        by_context = {(c, english): text for english, text in texts.items() for c in CONTEXTS}
        for locale in LOCALES.get(language, (language,)):
            words[locale] = by_context
    return words


WORDS = _words()


def register() -> None:
    bpy.app.translations.register(PACKAGE, WORDS)


def unregister() -> None:
    bpy.app.translations.unregister(PACKAGE)

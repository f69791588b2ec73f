"""Every text that a person may see can be translated, and German has them all.

The bpy module has no languages to switch to, so the texts themselves are compared: those that
Blender knows of the installed extension, and those in its source.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import bpy
from checks_interface import settings_shown
from harness import Bench

TRANSLATE = {
    "iface_", "rpt_", "tip_", "say", "poll_message_set",
    "pgettext_iface", "pgettext_rpt", "pgettext_tip",
}  # fmt: skip
"""Functions whose text is translated."""
TABLES = {"STAGES", "STEPS", "PLACES", "REASONS"}
"""Dictionaries whose values are."""
ONE_WORD = {"CPU", "CUDA", "Metal", "ROCm"}


def sources(bench: Bench) -> Iterator[tuple[Path, ast.Module]]:
    folder = Path(bench.module("ui.translations").__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def in_source(bench: Bench) -> set[str]:
    """Texts of labels, reports, refusals, and of errors of the extension's own."""
    found: set[str] = set()
    for _, tree in sources(bench):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found |= set(texts_of(node))
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                if getattr(node.targets[0], "id", "") in TABLES:
                    found |= {v.value for v in node.value.values if isinstance(v, ast.Constant)}
            elif isinstance(node, ast.ClassDef) and node.name == "State":
                found |= {n.value.value for n in node.body if isinstance(n, ast.Assign)}
    return {text for text in found if any(c.isalpha() for c in text)}


def texts_of(call: ast.Call) -> Iterator[str]:
    """The texts in one call that are shown."""
    name = called(call)
    shown = [k.value for k in call.keywords if k.arg in ("text", "placeholder", "heading")]
    if any(k.arg == "translate" for k in call.keywords):  # always translate=False
        shown = []
    if name in TRANSLATE or name.endswith("Error") or name in errors():
        shown += call.args
    if name in ("report", "Suggestion"):
        shown += call.args[1:]
    if name == "Build":
        shown += call.args[1:3]
    for node in shown:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def errors() -> set[str]:
    from importlib import import_module

    from harness import PACKAGE

    module = import_module(f"{PACKAGE}.backend.protocol.errors")
    return set(module.__all__)


def in_blender(bench: Bench) -> set[str]:
    """Names and tooltips of everything that the extension has registered."""
    kinds = settings_shown(bench)
    found: set[str] = set()
    for name in dir(bpy.ops.att3d):
        kind = getattr(bpy.ops.att3d, name).get_rna_type()
        found |= {kind.name, kind.description}
        kinds.append(kind)
    for name in dir(bpy.types):
        if name.startswith(("ATT3D_PT_", "ATT3D_MT_")):
            found.add(getattr(bpy.types, name).bl_label)
    for kind in kinds:
        for prop in kind.properties:
            if prop.identifier in ("rna_type", "name", "bl_idname") or prop.is_hidden:
                continue
            found |= {prop.name, prop.description}
            if prop.type == "ENUM":
                for item in prop.enum_items_static:
                    found |= {item.name, item.description}
    return {text for text in found if text and text not in ONE_WORD}


def check_german_has_every_text(bench: Bench) -> None:
    wanted = in_blender(bench) | in_source(bench)
    assert len(wanted) > 300
    for language, texts in bench.module("ui.translations").read_texts().items():
        missing = sorted(wanted - texts.keys())
        assert not missing, f"{language} has no words for: " + "\n".join(map(repr, missing))


def check_translations_are_of_texts_that_exist(bench: Bench) -> None:
    wanted = in_blender(bench) | in_source(bench)
    spoken = {
        value
        for _, tree in sources(bench)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(value := node.value, str)
    }
    for language, texts in bench.module("ui.translations").read_texts().items():
        stale = sorted(texts.keys() - wanted - spoken)
        assert not stale, f"{language} translates what is not there: {stale}"


def check_translations_keep_names_and_say_something(bench: Bench) -> None:
    for texts in bench.module("ui.translations").read_texts().values():
        for english, text in texts.items():
            assert fields(english) == fields(text), (english, text)
            assert text.strip() and english.endswith(".") == text.endswith("."), (english, text)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def check_no_sentence_is_put_together_where_it_cannot_be_translated(bench: Bench) -> None:
    """An f-string in a label or a report has no words of its own; units are not words."""
    found = []
    for path, tree in sources(bench):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            shown = [k.value for k in node.keywords if k.arg == "text"]
            if called(node) == "report":
                shown += node.args[1:]
            for value in shown:
                if isinstance(value, ast.JoinedStr):
                    own = "".join(p.value for p in value.values if isinstance(p, ast.Constant))
                    words = "".join(c if c.isalpha() else " " for c in own).split()
                    if any(len(word) > 2 for word in words):
                        found.append(f"{path.name}:{value.lineno}: {own!r}")
    assert not found, "\n".join(found)


def check_languages_are_registered_for_every_name_that_blender_uses(bench: Bench) -> None:
    words = bench.module("ui.translations").WORDS
    assert {"de", "de_DE"} <= words.keys()
    assert words["de"][("Operator", "Generate")] == "Erzeugen"
    assert words["de"][("*", "Prompt")] == "Beschreibung"

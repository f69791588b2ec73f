"""The interface says each thing in one word: those of the glossary in docs/manual.md.

All that Blender can show is in these sources: labels, tooltips, notes, and the errors of the
extension and of the backend. A technical word may stand in brackets, after the word for people.
What only a command in a shell says may keep the technical words.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHELL_ONLY = ("backend/commands/", "backend/cli.py", "backend/export/blend.py")
NAMED = {"bl_label", "description", "heading", "name", "text"}
"""What Blender shows of a class or a property, of one word, too."""
UNSEEN = ("log.", "re.compile", "parser.add_argument", "threading.Thread")
"""Calls whose texts no person sees in Blender."""


def glossary() -> dict[str, str]:
    """Technical words, and the interface's word for each."""
    table = (ROOT / "docs/manual.md").read_text(encoding="utf-8").partition("## Words")[2]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()]
    return {row[1]: row[0] for row in rows[2:] if len(row) == 3 and "-" not in row[0]}


def banned_in(text: str, words: dict[str, str]) -> list[str]:
    """Technical words in a text, but those in brackets behind the word for people, and those in
    code: in back quotes, commands, names with a dot, and names to fill in ("{hash}")."""
    said = re.sub(r"`[^`]*`|\{[^}]*\}|python -m \w+|\w+\.\w+", "", text)
    found = []
    for technical, plain in words.items():
        allowed = re.sub(rf"(?<={plain})s? \([^)]*\)", "", said, flags=re.IGNORECASE)
        if re.search(rf"\b{technical}(s|es)?\b", allowed, re.IGNORECASE):
            found.append(technical)
    return found


def shown_in(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of all in a source that a person may read in Blender."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen: set[ast.AST] = set()
    for node in ast.walk(tree):  # from the outside in
        if node in unseen:
            continue
        if isinstance(node, ast.ClassDef) and "_OT_" in node.name:  # its tooltip
            yield node.lineno, ast.get_docstring(node) or ""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            unseen.add(node.value)  # a docstring
        hidden = (
            (isinstance(node, ast.Call) and ast.unparse(node.func).startswith(UNSEEN))
            or isinstance(node, ast.Compare | ast.Subscript)  # other programs' words; shapes
            or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_KINDS")
        )
        if hidden:
            unseen.update(ast.walk(node))
        elif (isinstance(node, ast.keyword) and node.arg in NAMED) or (
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in NAMED
        ):
            yield from _texts(node.value)
    for node in ast.walk(tree):
        if node in unseen:
            continue
        for line, text in _texts(node):
            if " " in text.strip() and "\n" not in text:  # no name, no program
                yield line, text


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value


def sources() -> list[Path]:
    found = [*ROOT.glob("backend/**/*.py"), *ROOT.glob("blender_addon/**/*.py")]
    return [p for p in found if not p.relative_to(ROOT).as_posix().startswith(SHELL_ONLY)]


def test_nothing_that_blender_shows_says_a_technical_word() -> None:
    words = glossary()
    found = [
        f"{path.relative_to(ROOT)}:{line}: {wrong}: {text!r}"
        for path in sorted(sources())
        for line, text in shown_in(path)
        if (wrong := banned_in(text, words))
    ]
    assert not found, "docs/manual.md, Words:\n" + "\n".join(found)


def test_german_says_no_technical_word_either() -> None:
    german = {"Checkpoint": "Modell", "Backend": "Engine", "Wheel": "Paket", "Hash": "Finger"}
    for path in (ROOT / "blender_addon/ui/languages").glob("*.json"):
        for text in json.loads(path.read_text(encoding="utf-8")).values():
            said = re.sub(r"\([^)]*\)|\{[^}]*\}|python -m \w+", "", text)
            wrong = [word for word in german if word.casefold() in said.casefold()]
            assert not wrong, (path.name, text, {word: german[word] for word in wrong})


def test_the_manual_uses_its_own_words() -> None:
    words = glossary()
    text = (ROOT / "docs/manual.md").read_text(encoding="utf-8").partition("## Words")[0]
    text = re.sub(r"(?m)^    .*$|`[^`]*`|\]\([^)]*\)", "", text)
    found = [line for line in text.splitlines() if banned_in(line, words)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("there is no checkpoint at …", ["checkpoint"]),
        ("Choose other models (checkpoints)", []),
        ("Choose a file (a checkpoint)", ["checkpoint"]),
        ("Start the engine (the backend process) and ask", []),
        ("The folder holds wheels and a hash", ["wheel", "hash"]),
        ("Choose another model; `att3d checkpoints` lists them", []),
        ("Use {checkpoint}", []),
    ],
)
def test_what_counts_as_a_technical_word(text: str, wrong: list[str]) -> None:
    assert banned_in(text, glossary()) == wrong

"""An error that the panel shows is no pop-up besides."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ADDON = Path(__file__).resolve().parents[2] / "blender_addon"


def said_twice(source: str) -> list[str]:
    """Functions that give the panel an error and report one as Blender's pop-up."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        bodies = (getattr(node, "body", None) for node in ast.walk(function))
        for body in (body for body in bodies if isinstance(body, list)):
            lines = [ast.unparse(line) for line in body if not hasattr(line, "body")]
            shown = any(
                line.startswith("session.error = ") and "None" not in line for line in lines
            )
            if shown and any("report({'ERROR'}" in line for line in lines):
                found.append(function.name)
    return found


@pytest.mark.parametrize("path", sorted(ADDON.rglob("*.py")), ids=lambda path: path.stem)
def test_what_the_panel_shows_is_reported_as_the_panel_needs_it(path: Path) -> None:
    """By ``report_failure``: a warning in the status bar where the tab is on show."""
    assert not said_twice(path.read_text(encoding="utf-8"))


def test_the_check_can_fail() -> None:
    report = "self.report({'ERROR'}, 'text')"
    source = f"def execute(self):\n    if error:\n        session.error = error\n        {report}\n"
    assert said_twice(source) == ["execute"]
    assert not said_twice(source.replace("session.error = error", "session.error = None"))

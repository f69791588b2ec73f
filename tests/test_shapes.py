"""Annotated shapes are checked while the suite runs, in every package that has some."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.surface.geometry import face_areas
from tests.shapes import CHECKED, TRACED

ROOT = Path(__file__).resolve().parent.parent


def test_a_wrong_shape_is_found() -> None:
    with pytest.raises(Exception, match="Type-check error"):
        face_areas(np.zeros((4, 2)), np.zeros((1, 3), dtype=np.int64))


def is_checked(path: Path) -> bool:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return any(f"{module}.".startswith(f"{name}.") for name in CHECKED)


def sources() -> Iterator[Path]:
    for package in ("backend", "training"):
        yield from sorted((ROOT / package).rglob("*.py"))


def test_every_package_with_annotated_shapes_is_checked() -> None:
    for path in sources():
        if re.search(r"^from (jaxtyping|\.+shapes) import", path.read_text(), re.MULTILINE):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            assert is_checked(path) or module in TRACED, module


def protocols_without_check(source: str) -> list[str]:
    """Protocols that an annotation could not be checked against when the program runs."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        and "Protocol" in {ast.unparse(base).split("[")[0] for base in node.bases}
        and "runtime_checkable" not in {ast.unparse(each) for each in node.decorator_list}
    ]


def test_protocols_of_checked_packages_can_be_checked() -> None:
    assert protocols_without_check("class A(Protocol): ...") == ["A"]
    assert protocols_without_check("@runtime_checkable\nclass A(Protocol[T]): ...") == []
    found = {path: protocols_without_check(path.read_text()) for path in sources()}
    assert not {path: names for path, names in found.items() if names and is_checked(path)}

"""Annotated shapes are checked while the suite runs, in every package that has some."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from backend.surface.geometry import face_areas
from tests.shapes import CHECKED, TRACED

ROOT = Path(__file__).resolve().parent.parent


def test_a_wrong_shape_is_found() -> None:
    with pytest.raises(Exception, match="Type-check error"):
        face_areas(np.zeros((4, 2)), np.zeros((1, 3), dtype=np.int64))


def test_every_package_with_annotated_shapes_is_checked() -> None:
    for package in ("backend", "training"):
        for path in (ROOT / package).rglob("*.py"):
            if not re.search(r"^from (jaxtyping|\.+shapes) import", path.read_text(), re.MULTILINE):
                continue
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            checked = any(f"{module}.".startswith(f"{name}.") for name in CHECKED)
            assert checked or module in TRACED, module

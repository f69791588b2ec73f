"""Who may import whom, checked in fresh processes (and that the check can fail)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in memory after ``statement`` in a fresh interpreter."""
    listing = "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    program = f"import sys; {statement}; {listing}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


HEAVY = {"torch", "numpy", "bpy", "safetensors", "open_clip", "diffusers", "tyro"}


def test_the_check_can_fail():
    assert "numpy" in loaded_by("import numpy")
    assert "torch" in loaded_by("import backend.model.field")


def test_protocol_is_standard_library_only():
    outside = loaded_by("import backend.protocol, backend.progress") - sys.stdlib_module_names
    allowed = loaded_by("pass") - sys.stdlib_module_names
    assert outside - allowed == {"backend"}


def test_backend_never_imports_bpy_or_training():
    loaded = loaded_by("import backend.engine, backend.server, backend.cli, backend.model.field")
    assert not loaded & {"bpy", "training", "blender_addon", "diffusers"}


def test_starting_the_command_line_is_light():
    assert not loaded_by("import backend.cli") & (HEAVY - {"tyro"})
    assert not loaded_by("import training.cli") & HEAVY


def imports_of(path: Path) -> set[str]:
    """Top-level names of the absolute imports anywhere in a file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize(
    ("package", "banned"),
    [
        ("backend", {"training", "blender_addon", "backend"}),
        ("blender_addon", {"training", "backend", "torch", "safetensors", "blender_addon"}),
        ("training", {"blender_addon", "bpy"}),
    ],
)
def test_no_file_imports_what_its_package_may_not(package, banned):
    """Inside the extension packages are nested, so absolute imports of our own would fail there."""
    for path in sorted((ROOT / package).rglob("*.py")):
        assert not imports_of(path) & banned, path


def test_the_addon_uses_only_blender_numpy_and_the_standard_library():
    blenders = {"bpy", "bl_operators", "blf", "gpu", "mathutils"}
    allowed = set(sys.stdlib_module_names) | blenders | {"numpy"}
    for path in sorted((ROOT / "blender_addon").rglob("*.py")):
        assert imports_of(path) <= allowed, path

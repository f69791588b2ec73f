"""Who may import whom, checked in fresh processes (and that the check can fail)."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
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


TORCHS = {"backend.model", "backend.text", "backend.rendering", "backend.accelerator"}
"""Where modules may need torch; the others run in Blender's own Python."""


def test_what_does_not_ship_is_imported_only_beside_torch():
    for path in sorted((ROOT / "backend").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        at_start = imports_at_start(path)
        assert not at_start & {"tyro", "mcubes"} or module == "backend.cli", path
        if "torch" in at_start:
            assert any(module.startswith(name) for name in TORCHS), path
        elif module != "backend.shapes":
            assert "jaxtyping" not in at_start, f"{path}: names of shapes come from backend.shapes"


def imports_at_start(path: Path) -> set[str]:
    """Top-level names of the absolute imports that importing a file does."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


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
    blenders = {"bpy", "bl_operators", "blf", "gpu", "gpu_extras", "mathutils"}
    allowed = set(sys.stdlib_module_names) | blenders | {"numpy"}
    for path in sorted((ROOT / "blender_addon").rglob("*.py")):
        assert imports_of(path) <= allowed, path


# --- the folders of the extension ------------------------------------------------------------

SHARED = ("ui", "process", "scene", "checkpoints", "setup", "history", "generate")
"""What the others stand on: each may import those before it."""
FEATURES = ("browse", "chain", "batch", "assets", "export", "library", "inversion")
"""These may import what is shared, and not each other."""


def relative_imports(path: Path, root: Path) -> set[str]:
    """Modules of the package at ``root`` that a file imports when it runs: ``scene.build``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    here = path.relative_to(root).with_suffix("").parts[:-1]
    found: set[str] = set()
    for node in _running(tree):
        if not isinstance(node, ast.ImportFrom) or not 0 < node.level <= len(here) + 1:
            continue
        base = [*here[: len(here) + 1 - node.level], *filter(None, (node.module or "").split("."))]
        inside = root.joinpath(*base)
        for alias in node.names:  # a module of a folder, or a name in a module
            module = inside.is_dir() and (inside / f"{alias.name}.py").is_file()
            found.add(".".join([*base, alias.name] if module else base))
    return found - {""}


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def broken_rules(root: Path) -> list[str]:
    """What the files of the extension import and should not."""
    links = {
        ".".join(path.relative_to(root).with_suffix("").parts): relative_imports(path, root)
        for path in sorted(root.rglob("*.py"))
    }
    broken = []
    for name, imported in links.items():
        folder, _, module = name.partition(".")
        if not module:  # __init__, which registers everything
            continue
        order = SHARED.index(folder) if folder in SHARED else len(SHARED)
        for other in sorted(imported):
            target, _, inside = other.partition(".")
            if target == folder:
                continue
            if target not in SHARED[:order]:
                broken.append(f"{name} imports {other}: {folder} may not know {target}")
            elif inside == "operators":
                broken.append(f"{name} imports the operators of {target}")
    sorter = graphlib.TopologicalSorter(links)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        broken.append("a circle: " + " -> ".join(error.args[1]))
    return broken


def test_folders_of_the_extension_know_only_what_they_stand_on():
    assert broken_rules(ROOT / "blender_addon") == []
    folders = {path.name for path in (ROOT / "blender_addon").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {*SHARED, *FEATURES}
    flat = {path.name for path in (ROOT / "blender_addon").glob("*.py")}
    assert flat == {"__init__.py"}


@pytest.mark.parametrize(
    ("path", "line", "said"),
    [
        ("scene/build.py", "from ..chain.live import live", "scene may not know chain"),
        ("chain/live.py", "from ..batch import panel", "chain may not know batch"),
        ("chain/live.py", "from ..generate import operators", "the operators of generate"),
        ("ui/text.py", "def f():\n    from ..setup import x", "ui may not know setup"),
        ("ui/text.py", "from .icons import a", "a circle"),
    ],
)
def test_broken_rules_are_found(tmp_path, path, line, said):
    sound = {"ui/icons.py": "from .text import b\nfrom ...backend import x", "ui/text.py": ""}
    typed = "if TYPE_CHECKING:\n    from ..chain.live import Live"
    sound |= {"generate/operators.py": "from ..ui import icons", "scene/mesh.py": typed}
    for name, text in sound.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert broken_rules(tmp_path) == []
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(line)
    (found,) = broken_rules(tmp_path)
    assert said in found

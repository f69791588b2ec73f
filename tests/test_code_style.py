"""What every source file keeps to: docstrings name their subject, imports make no circle."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("backend", "blender_addon", "training")
PREPOSITIONS = {
    *("about", "above", "at", "below", "beside", "between", "by", "for", "from", "in", "inside"),
    *("of", "on", "to", "with", "without"),
}


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring of a file, those below attributes among them."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for before, statement in zip([None, *body], body, strict=False):
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                continue
            opens = before is None and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            if isinstance(statement.value.value, str) and (
                opens or isinstance(before, ast.Assign | ast.AnnAssign)
            ):
                yield statement.lineno, statement.value.value


def without_subject(path: Path) -> list[str]:
    """Docstrings of a file that begin with a bare preposition ("Of the windows.")."""
    found = []
    for line, text in docstrings(ast.parse(path.read_text(encoding="utf-8"))):
        first = text.strip().split(maxsplit=1)
        if first and first[0].strip(",.:;").lower() in PREPOSITIONS:
            found.append(f"{path}:{line}: {text.strip().splitlines()[0]}")
    return found


def test_the_check_of_docstrings_can_fail(tmp_path: Path) -> None:
    source = 'class A:\n    """A house."""\n\n    size: float = 1.0\n    """Of the windows."""\n'
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    assert len(without_subject(tmp_path / "a.py")) == 1


@pytest.mark.parametrize("package", PACKAGES)
def test_every_docstring_names_its_subject(package: str) -> None:
    found = [
        said
        for path in sources()
        if path.is_relative_to(ROOT / package)
        for said in without_subject(path)
    ]
    assert not found, "\n".join(found)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from running(child)


def imports_of(path: Path, modules: set[str]) -> set[str]:
    """Our modules that a file imports, when it is loaded or inside a function."""
    here = module_of(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    found: set[str] = set()
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            found |= {f"{base}.{alias.name}", base} & modules
    return found - {module_of(path)}


def first_circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import one another in a circle; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_found() -> None:
    assert first_circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(first_circle({"a": {"b"}, "b": {"a"}})) == {"a", "b"}


def import_graph() -> dict[str, set[str]]:
    """Which of our modules imports which, ``__init__`` modules among them."""
    modules = {module_of(path) for path in sources()}
    return {module_of(path): imports_of(path, modules) for path in sources()}


def test_modules_import_one_another_in_no_circle() -> None:
    # A package's own __init__ may name what is in it.
    inside = {module_of(path) for path in sources() if path.name == "__init__.py"}
    graph = import_graph()
    graph = {name: uses - inside for name, uses in graph.items() if name not in inside}
    assert first_circle(graph) == []


def folder_graph(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between folders: ``backend.atlas`` with all that is in it. A module directly in a
    package counts for itself, and the packages' own ``__init__`` not at all."""
    folders: dict[str, set[str]] = {}
    for name, uses in graph.items():
        if "." in name:
            folder = ".".join(name.split(".")[:2])
            used = {".".join(other.split(".")[:2]) for other in uses if "." in other}
            folders.setdefault(folder, set()).update(used - {folder})
    return folders


def test_a_circle_between_folders_is_found() -> None:
    no_module_circle = {"p.a.x": {"p.b.y"}, "p.b.z": {"p.a.w", "p"}, "p.a.w": set(), "p.b.y": set()}
    assert first_circle(no_module_circle) == []
    assert set(first_circle(folder_graph(no_module_circle))) == {"p.a", "p.b"}
    assert first_circle(folder_graph({"p.a.x": {"p.a.y"}, "p.a.y": {"p.b.z", "p.flat"}})) == []


def test_folders_import_one_another_in_no_circle() -> None:
    graph = folder_graph(import_graph())
    assert {"backend.atlas", "blender_addon.scene", "training.guidance"} <= set(graph)
    assert first_circle(graph) == []


def test_the_map_of_the_modules_is_complete() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "list_modules.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr

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


def test_modules_import_one_another_in_no_circle() -> None:
    modules = {module_of(path) for path in sources()}
    # A package's own __init__ may name what is in it.
    inside = {module_of(path) for path in sources() if path.name == "__init__.py"}
    graph = {module_of(p): imports_of(p, modules) for p in sources()}
    graph = {name: uses - inside for name, uses in graph.items() if name not in inside}
    assert first_circle(graph) == []


def test_the_map_of_the_modules_is_complete() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "list_modules.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""List every module with what it is, from the sources, in docs/architecture.md.

python scripts/list_modules.py            write the list
python scripts/list_modules.py --check    exit code 1 if it would change
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "architecture.md"
PACKAGES = ("backend", "blender_addon", "training")
BEGIN = (
    "<!-- Below: written by scripts/list_modules.py; the suite checks that it is complete. -->\n"
)


def purpose(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n", 1)[0].split()).replace("|", "\\|")


def listing() -> str:
    """A table for every folder, in the tree's order."""
    parts = [BEGIN]
    for package in PACKAGES:
        folders = sorted({path.parent for path in (ROOT / package).rglob("*.py")})
        for folder in folders:
            name = folder.relative_to(ROOT).as_posix()
            about = purpose(folder / "__init__.py") if (folder / "__init__.py").is_file() else ""
            parts.append(f"\n### {name}/\n\n" + (f"{about}\n\n" if about else ""))
            modules = [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
            if modules:
                rows = "".join(f"| `{path.name}` | {purpose(path)} |\n" for path in modules)
                parts.append("| module | |\n|---|---|\n" + rows)
    return "".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description="List every module in docs/architecture.md.")
    parser.add_argument("--check", action="store_true", help="only say whether it would change")
    options = parser.parse_args()
    before = TARGET.read_text(encoding="utf-8")
    after = before.partition(BEGIN)[0] + listing()
    if before == after:
        return 0
    if options.check:
        print(f"{TARGET.relative_to(ROOT)} is not up to date: run scripts/list_modules.py")
        return 1
    TARGET.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""List every error that the extension can show, with its remedy, from the sources.

python scripts/list_messages.py            write docs/messages.md
python scripts/list_messages.py --check    exit code 1 if it would change
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.protocol import errors  # noqa: E402

TARGET = ROOT / "docs" / "messages.md"
SHELL_ONLY = {"backend/commands", "backend/cli.py", "backend/export/blend.py"}
"""What only a command in a shell can say."""
HEADER = """\
# Every message

Written by `scripts/list_messages.py` from the sources; the suite checks that it is complete. "…"
stands for what differs. The panel shows both columns, and the button that mends it where there is
one. The [manual](manual.md#when-something-is-wrong) has the frequent ones, in words for people.
"""
TITLES = {
    "missing_dependency": "Something is not installed",
    "not_downloaded": "Something has to be downloaded",
    "backend_died": "The engine ended",
    "out_of_memory": "Memory",
    "checkpoint": "The model",
    "bad_prompt": "The prompt",
    "bad_request": "A value or a choice",
    "too_thin": "Quads",
    "output": "Files that cannot be written",
    "protocol": "The two sides do not understand each other",
    "internal": "Mistakes of ours",
}


@dataclass(frozen=True, order=True)
class Message:
    """One message: its kind's code, what it says, and what to do."""

    code: str
    text: str
    remedy: str


def messages() -> list[Message]:
    """All that can be shown, sorted, each once."""
    kinds = {
        name: kind
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type) and issubclass(kind, errors.Att3dError)
    }
    found = set()
    for path in sorted([*ROOT.glob("backend/**/*.py"), *ROOT.glob("blender_addon/**/*.py")]):
        name = path.relative_to(ROOT).as_posix()
        if any(name.startswith(part) for part in SHELL_ONLY):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            getattr(node.targets[0], "id", ""): pattern(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            kind = kinds.get(getattr(call.func, "id", getattr(call.func, "attr", "")))
            if kind is None or kind.code not in TITLES or not call.args:
                continue
            text = pattern(call.args[0])
            if not any(character.isalpha() for character in text):
                continue  # passes on what another error said
            given = ""
            if len(call.args) > 1:
                named = getattr(call.args[1], "id", "")
                given = constants.get(named) or pattern(call.args[1])
            said = any(character.isalpha() for character in given)
            found.add(Message(kind.code, text, given if said else kind.default_remedy))
    return sorted(found, key=lambda one: (list(TITLES).index(one.code), one.text.casefold(), one))


def pattern(node: ast.expr) -> str:
    """The text of an expression, with … for what is not written there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return re.sub("…[….]+", "…", "".join(map(pattern, node.values)))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return pattern(node.left) + pattern(node.right)
    if isinstance(node, ast.IfExp):
        return f"{pattern(node.body)} / {pattern(node.orelse)}"
    return "…"


def page() -> str:
    lines = [HEADER]
    code = ""
    for message in messages():
        if message.code != code:
            code = message.code
            lines += [f"\n## {TITLES[code]}\n", "| message | what to do |", "|---|---|"]
        cells = (message.text, message.remedy)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").strip() for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether it would change")
    wanted = page()
    if parser.parse_args().check:
        same = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == wanted
        if not same:
            print(f"{TARGET.relative_to(ROOT)} is not up to date: run scripts/list_messages.py")
        return 0 if same else 1
    TARGET.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

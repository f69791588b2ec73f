"""What the docs of the extension refer to exists; the list of messages is complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.model.checkpoint_file import read_metadata

ROOT = Path(__file__).resolve().parents[2]


def test_every_message_is_in_the_docs() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "list_messages.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_messages_of_every_part_are_listed_with_a_remedy() -> None:
    text = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    for known in (
        "| The prompt is empty. | Describe one object",  # of the backend
        "| The folder of packages lacks … |",  # of the set-up
        "| The list has no prompts. |",  # of the batch
        "is a pickled PyTorch file, which can run code and is never loaded |",
        "| The engine's Python is not set up yet. | Set it up",
    ):
        assert known in text, known
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 100
    assert all(len(row.replace("\\|", "").split("|")) == 4 for row in rows)
    assert not [row for row in rows if row.endswith("|  |")], "each says what to do"


@pytest.mark.parametrize("name", ["manual", "setup", "blender", "demands", "messages", "window"])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / "docs" / f"{name}.md"
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_want_of_the_second_table_names_what_exists_or_says_not_yet() -> None:
    text = (ROOT / "docs" / "demands.md").read_text(encoding="utf-8")
    table = text.partition("| want | answer | checked by |")[2]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == 15
    everything = "".join(
        str(path) for path in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*"))
    )
    for want, _, checked in rows:
        named = re.findall(r"`([\w/]+(?:\.py)?)(?:::(\w+))?`", checked)
        assert named or "not yet" in checked, want
        for name, _ in named:
            assert f"/{name.removesuffix('.py')}.py" in everything, name


def test_every_demand_is_checked_by_something_that_exists() -> None:
    text = (ROOT / "docs" / "demands.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row[0].strip("| ")) for row in rows] == list(range(1, 16))
    everything = {path.name: path for path in ROOT.glob("tests/**/*.py")}
    for row in rows:
        named = re.findall(r"`(checks_\w+|[\w/]*test_\w+\.py(?:::\w+)?)`", row[3])
        assert named, row
        for name in named:
            file, _, test = name.partition("::")
            path = everything.get(Path(file).name.removesuffix(".py") + ".py")
            assert path is not None, name
            assert test in path.read_text(encoding="utf-8"), name


def test_every_check_that_the_demands_name_is_there() -> None:
    text = (ROOT / "docs" / "demands.md").read_text(encoding="utf-8")
    inside = ROOT / "tests" / "blender" / "inside"
    named = set(re.findall(r"`([^`\s]+)`", text))
    modules = {name for name in named if re.fullmatch(r"checks_[a-z_]+", name)} - {"checks_x"}
    files = {
        name
        for name in named
        if re.fullmatch(r"[\w/.]*(test_\w+|benchmarks/\w+)\.py(::\w+)?", name)
    }
    assert len(modules) > 15 and len(files) > 10
    missing = [name for name in modules if not (inside / f"{name}.py").is_file()]
    for name in files:
        file, _, function = name.partition("::")
        paths = [ROOT / file] if "/" in file else list((ROOT / "tests").rglob(file))
        if not any(path.is_file() and f"def {function}" in path.read_text() for path in paths):
            missing.append(name)
    assert not missing, missing


def test_every_check_that_the_page_about_the_window_names_is_there() -> None:
    text = (ROOT / "docs" / "window.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:checks|test)_\w+\.py)(?:::(\w+))?`", text)
    assert len(named) > 20
    for name, function in named:
        paths = list((ROOT / "tests").rglob(name))
        assert len(paths) == 1, name
        assert f"def {function}" in paths[0].read_text(encoding="utf-8"), function


def test_pictures_of_the_window_are_small_and_all_shown() -> None:
    text = (ROOT / "docs" / "window.md").read_text(encoding="utf-8")
    pictures = list((ROOT / "docs" / "images" / "window").iterdir())
    assert {f"images/window/{path.name}" for path in pictures} == set(
        re.findall(r"images/window/[\w.-]+", text)
    )
    assert sum(path.stat().st_size for path in pictures) < 1_500_000


def test_wants_have_a_check_or_an_honest_not_yet() -> None:
    text = (ROOT / "docs" / "demands.md").read_text(encoding="utf-8")
    rows = [
        line.split("|")
        for line in text[text.index("# Fifteen wants") :].splitlines()
        if line.startswith("| ")
    ]
    assert len(rows) == 16, "a title and fifteen wants"
    for _, want, _, check, _ in rows[1:]:
        assert "`" in check or "Not yet" in check, want


def test_the_manual_calls_models_what_the_panel_calls_them() -> None:
    manual = (ROOT / "docs" / "manual.md").read_text(encoding="utf-8")
    for file in ("props", "toybox"):
        name = read_metadata(ROOT / "checkpoints" / f"{file}.safetensors").name
        assert f"**{name}** knows" in manual

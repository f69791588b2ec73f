"""The list of messages in the docs is complete and up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
        "| The folder of wheels lacks … |",  # of the set-up
        "| The list has no prompts. |",  # of the batch
        "is a pickled PyTorch file, which can run code and is never loaded |",
        "| The backend's Python is not set up yet. | Set it up",
    ):
        assert known in text, known
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 100
    assert all(len(row.replace("\\|", "").split("|")) == 4 for row in rows)
    assert not [row for row in rows if row.endswith("|  |")], "each says what to do"

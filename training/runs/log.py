"""What a run leaves for a person to read as it goes: lines of text, and curves for TensorBoard."""

from __future__ import annotations

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from backend.protocol.errors import OutputError

TENSORBOARD = "tensorboard/"
"""The folder of the curves, in a run's folder."""


def append_line(path: Path, line: str) -> None:
    """Add a line of text to a run's file.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise _failed(path, error) from error


def tensorboard(folder: Path) -> SummaryWriter:
    """The curves of the run in ``folder``.

    Raises:
        OutputError: they cannot be written.
    """
    path = folder / TENSORBOARD
    try:
        return SummaryWriter(str(path))
    except OSError as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the run cannot write {path}: {error.strerror or error}",
        "free some space, or mend what is there, then start the same command again: it goes on from"
        " the last state",
    )

"""A run's whole state on disk: weights, optimizer, step.

One safetensors file, written beside and renamed over the old one, so that a run killed at any
moment finds either the last state or the one before it. Randomness needs no state: every step
seeds its own generator from the run's seed and its number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from backend.files import remove_unfinished, replacing
from backend.protocol.errors import OutputError, TrainingError

STATE_FILE = "state.safetensors"


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    step: int
    """Steps done."""
    seconds: float
    """Time spent in training, over all its starts."""
    frames: int = 0
    """Reference pictures or guidance frames rendered, over all prompts (A33)."""


def save_state(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    config: dict[str, object],
) -> None:
    """Write the state of a run; raises ``OutputError``, leaving the previous state in place."""
    tensors: dict[str, Tensor] = {f"model.{k}": v for k, v in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
    header = {
        "progress": json.dumps(progress.__dict__),
        "config": json.dumps(config),
    }
    content = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder / STATE_FILE)
        with replacing(folder / STATE_FILE) as unfinished:
            save_file(content, unfinished, header)
    except (OSError, safetensors.SafetensorError) as error:
        raise OutputError(
            f"cannot save the run's state in {folder}: {error}",
            "free some space or choose another folder with --run, then start the same command"
            " again: it goes on from the last state",
        ) from error


def load_state(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: dict[str, object],
) -> Progress | None:
    """Restore a run saved by :func:`save_state`; None when there is none.

    Raises:
        TrainingError: the state is damaged, or belongs to a run with another configuration.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header: dict[str, str] = file.metadata() or {}
            progress = Progress(**json.loads(header["progress"]))
            saved: dict[str, Any] = json.loads(header["config"])
            differs = _difference(saved, json.loads(json.dumps(config)))
            if differs:
                raise TrainingError(
                    f"the run in {folder} was started with another {differs}",
                    "use the same options, or another folder with --run",
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise TrainingError(
            f"the run's state {path} cannot be read: {error}",
            "delete that file to start over, or choose another folder with --run",
        ) from error
    model.load_state_dict(
        {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    )
    state = optimizer.state_dict()
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            values.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": values, "param_groups": state["param_groups"]})
    return progress


MAY_CHANGE = frozenset(
    {
        "accumulate",
        "run",
        "resume",
        "steps",
        "save_every",
        "sheet_every",
        "device",
        "storage",
        "name",
        "compiled",
        "watched",
        "scored",
        "scoring",
        "output",
        "texture_size",
    }
)
"""Options that a resumed run may set anew; with another number of steps, the rates follow the
schedule of the new length from there on."""


def _difference(saved: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    for key in sorted(set(saved) | set(wanted)):
        if key not in MAY_CHANGE and saved.get(key) != wanted.get(key):
            return f"{key} ({saved.get(key)!r}, now {wanted.get(key)!r})"
    return None

"""A run's whole state on disk: weights, optimizer, step.

One safetensors file, written beside and renamed over the old one, so that a run killed at any
moment finds either the last state or the one before it. Randomness needs no state: every step
seeds its own generator from the run's seed and its number.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from backend.files import check_source, remove_unfinished, replacing
from backend.protocol.errors import BadRequest, OutputError, TrainingError
from backend.protocol.foreign_text import parse_json
from backend.protocol.schema import decode

STATE_FILE = "state.safetensors"
SHOWN = 3
"""Options that a refusal names."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    step: int
    """Number of steps that are done."""
    seconds: float
    """Time spent in training, over all its starts."""
    frames: int = 0
    """Reference pictures or guidance frames rendered, over all prompts (A33)."""


def save_state(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    identity: Mapping[str, object],
) -> None:
    """Write the state of a run, together with what must not change between its starts.

    Raises:
        OutputError: it cannot be written; the previous state stays in place.
    """
    tensors: dict[str, Tensor] = {f"model.{k}": v for k, v in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
    header = {
        "progress": json.dumps(dataclasses.asdict(progress)),
        "config": json.dumps(identity),
        "tensors": json.dumps(sorted(tensors)),
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


def require_finite(tensors: Mapping[str, Tensor], rate_option: str) -> None:
    """Check what is about to be written, in the precision in which it is.

    Args:
        rate_option: the option of the learning rate, for the remedy.

    Raises:
        TrainingError: a tensor holds NaN or infinity; the message names it.
    """
    name = first_not_finite(tensors)
    if name is not None:
        raise TrainingError(
            f"the weights are not finite ({name}), so there is no model to write",
            f"lower {rate_option} and start again in a new --run",
        )


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The first of the tensors that holds NaN or infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            return name
    return None


def load_state(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    identity: Mapping[str, object],
    options: Any = None,
) -> Progress | None:
    """Restore a run saved by :func:`save_state`; None when there is none.

    Args:
        options: the dataclass that ``identity`` was made from, for :func:`with_defaults`.

    Raises:
        TrainingError: the state is damaged, lacks something, or belongs to a run with another
            configuration. Model and optimizer are then as they were.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(check_source(path), framework="pt") as file:
            header: dict[str, str] = file.metadata() or {}
            progress = decode(Progress, parse_json(header["progress"]), "progress")
            if min(progress.step, progress.seconds, progress.frames) < 0:
                raise ValueError("its progress is negative")
            saved: dict[str, Any] = parse_json(header["config"])
            if options is not None:
                saved = with_defaults(saved, options)
            differ = differences(saved, parse_json(json.dumps(identity)))
            if differ:
                more = f", and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
                raise TrainingError(
                    f"the run in {folder} was started with other settings:"
                    f" {', '.join(differ[:SHOWN])}{more}",
                    "use the same options and files, or another folder with --run",
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            _require_same_names(tensors, parse_json(header["tensors"]))
        weights, values = _sorted_apart(tensors)
        _require_same_shapes(weights, model)
        groups = optimizer.state_dict()["param_groups"]
        _require_fitting(values, optimizer)
    except (
        BadRequest, OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError,
    ) as error:  # fmt: skip
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        said = getattr(error, "strerror", None) or said
        raise TrainingError(
            f"the run's state {path} cannot be read: {said}",
            "delete that file to start over, or choose another folder with --run",
        ) from error
    model.load_state_dict(weights)
    optimizer.load_state_dict({"state": values, "param_groups": groups})
    return progress


def _sorted_apart(
    tensors: dict[str, Tensor],
) -> tuple[dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    """The model's tensors by name, and the optimizer's by parameter and name."""
    weights: dict[str, Tensor] = {}
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "model":
            weights[rest] = tensor
        elif kind == "optimizer":
            index, _, key = rest.partition(".")
            values.setdefault(int(index), {})[key] = tensor
        else:
            raise ValueError(f"there is an unknown tensor {name!r} in it")
    return weights, values


def _require_same_names(found: Mapping[str, object], listed: list[str]) -> None:
    for name in sorted(set(listed) ^ set(found)):
        raise ValueError(f"{name!r} is " + ("missing" if name in listed else "too many"))


def _require_same_shapes(weights: dict[str, Tensor], model: nn.Module) -> None:
    wanted = model.state_dict()
    _require_same_names(weights, list(wanted))
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(
                f"{name!r} has the shape {list(tensor.shape)}, not {list(wanted[name].shape)}"
            )
        if tensor.dtype != wanted[name].dtype:
            raise ValueError(f"{name!r} is of {tensor.dtype}, not of {wanted[name].dtype}")
    name = first_not_finite(weights)
    if name is not None:
        raise ValueError(f"{name!r} holds numbers that are not finite")


def _require_fitting(
    values: dict[int, dict[str, Tensor]], optimizer: torch.optim.Optimizer
) -> None:
    """Raise ValueError if the optimizer's values are not those of its parameters."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, named in values.items():
        if not 0 <= index < len(parameters):
            raise ValueError(f"the optimizer has no parameter {index}")
        for name, tensor in named.items():
            if tensor.ndim and tensor.shape != parameters[index].shape:
                raise ValueError(f"the optimizer's {name!r} of parameter {index} is misshapen")
        name = first_not_finite(named)
        if name is not None:
            raise ValueError(f"the optimizer's {name!r} of parameter {index} is not finite")


MAY_CHANGE = frozenset(
    {
        "accumulate",
        "run",
        "resume",
        "steps",
        "save_every",
        "sheet_every",
        "sheet_first",
        "device",
        "accelerator",
        "tf32",
        "compile_mlp",
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


def with_defaults(saved: Mapping[str, Any], config: Any) -> dict[str, Any]:
    """A saved configuration, with the options that it does not know at their defaults.

    An option that came into the program after a run was started had no effect on it until then,
    which is what its default stands for.

    Args:
        saved: the configuration as JSON, with whatever else a state holds beside it.
        config: today's, a dataclass; dataclasses among its values are looked into.
    """
    result = dict(saved)
    for option in dataclasses.fields(config):
        value = getattr(config, option.name)
        known = saved.get(option.name)
        if option.name in saved:
            if dataclasses.is_dataclass(value) and isinstance(known, dict):
                result[option.name] = with_defaults(known, value)
            continue
        if option.default_factory is not dataclasses.MISSING:
            default = option.default_factory()
        elif option.default is not dataclasses.MISSING:
            default = option.default
        else:
            continue
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            default = dataclasses.asdict(default)
        result[option.name] = json.loads(json.dumps(default, default=str))
    return result


def differences(saved: Any, wanted: Any, option: str = "") -> list[str]:
    """The options in which two configurations differ, each with both values.

    Options of :data:`MAY_CHANGE` do not count.
    """
    if isinstance(saved, dict) and isinstance(wanted, dict):
        found = []
        for key in sorted(set(saved) | set(wanted)):
            if option or key not in MAY_CHANGE:
                inner = f"{option}.{key}" if option else f"--{key}"
                found += differences(saved.get(key), wanted.get(key), inner.replace("_", "-"))
        return found
    return [] if saved == wanted else [f"{option} (it was {saved!r}, and is {wanted!r} here)"]

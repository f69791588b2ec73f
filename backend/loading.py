"""A checkpoint becomes something that answers prompts: with numpy, or with torch where that is
faster or needed."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from .field_reader import Field
from .inference.linearized import Code
from .inference.model import NumpyModel
from .model.checkpoint_file import CheckpointMetadata, read_metadata
from .protocol.errors import BadRequest, CheckpointError, MissingDependency
from .shapes import Float
from .text.text_tower import SmallEncoderConfig, TextTower

Encode = Callable[[Sequence[str]], Float[np.ndarray, "prompts tokens width"]]

ACCELERATORS = ("auto", "torch", "tinycudann")
"""What may compute a checkpoint. ``auto``: numpy on the CPU; torch on a GPU, with tinycudann where
it is installed."""
REMEDY = "set up the accelerator, or choose another model"

Reason = Literal["no_torch", "processor_build", "no_gpu", "broken", "gpu", "checkpoint", "asked"]
"""Why numpy or torch computes a checkpoint; the panel has words for each."""


@dataclass(frozen=True)
class Choice:
    """What computes a checkpoint, and why."""

    library: Literal["numpy", "torch"]
    device: str
    reason: Reason
    broken: str = ""
    """Why PyTorch, which is installed, cannot be loaded; empty: it can, or nobody tried."""
    accelerator: str = "auto"
    """What computes it: one of :data:`ACCELERATORS`."""

    def load(self, path: Path) -> Model:
        """Load a checkpoint, to be computed like this.

        Raises:
            CheckpointError: missing, damaged, too new, or not a checkpoint.
            BadRequest: tinycudann is to compute it, and cannot.
            MissingDependency: torch is to compute it, and cannot be loaded.
        """
        if self.library == "numpy":
            return NumpyModel(path)
        return accelerator().TorchModel(path, self.device, self.accelerator)


@runtime_checkable
class Model(Protocol):
    """A loaded checkpoint: :class:`~backend.inference.model.NumpyModel`, or
    :class:`~backend.accelerator.TorchModel`."""

    @property
    def path(self) -> Path: ...
    @property
    def metadata(self) -> CheckpointMetadata: ...
    @property
    def sha256(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def text_tensors(self) -> Mapping[str, np.ndarray]: ...

    def field(
        self,
        embedding: Float[np.ndarray, "tokens width"],
        conditions: Mapping[str, float] | None = None,
        proportions: Float[np.ndarray, "3"] | None = None,
    ) -> Field:
        """The object of one text embedding, with the values of A31 that are not the defaults,
        stretched by ``proportions`` instead of what the text says."""
        ...

    def proportions(self, embedding: Float[np.ndarray, "tokens width"]) -> Float[np.ndarray, "3"]:
        """How a text embedding's object is stretched along x, y and z."""
        ...

    def embedding_of(self, code: Code) -> Float[np.ndarray, "tokens width"]:
        """An embedding that has this code, which inversion found.

        Raises:
            BadRequest: the code is of another model.
        """
        ...


def check_accelerator(name: str) -> None:
    """Raises ``BadRequest`` unless ``name`` is one of :data:`ACCELERATORS`."""
    if name not in ACCELERATORS:
        raise BadRequest(
            f"there is no accelerator {name!r}", f"choose one of: {', '.join(ACCELERATORS)}"
        )


def choose(path: Path, device: str = "auto", wanted: str = "auto") -> Choice:
    """What computes a checkpoint here. ``auto`` is torch on a GPU where there is one, else numpy;
    ``wanted`` is one of :data:`ACCELERATORS`.

    Raises:
        CheckpointError: missing, damaged, too new, or not a checkpoint.
        BadRequest: no such device or accelerator.
        MissingDependency: device, accelerator or checkpoint need torch, which is not here or
            broken.
    """
    check_accelerator(wanted)
    needs_torch = read_metadata(path).config.mapping == "attention"
    if needs_torch or device not in ("auto", "cpu") or wanted != "auto":
        what = f"the device {device!r}" if wanted == "auto" else f"--accelerator {wanted}"
        what = f"the model {path.name}" if needs_torch else what
        if not has_torch():
            raise MissingDependency(f"{what} needs torch, which is not installed", REMEDY)
        chosen = str(accelerator().choose_device(device))
        reason = "checkpoint" if needs_torch else "asked"
        return Choice("torch", chosen, reason, accelerator=wanted)
    if device == "cpu":
        return Choice("numpy", "cpu", "asked")
    if not has_torch():
        return Choice("numpy", "cpu", "no_torch")
    if not may_have_gpu():
        return Choice("numpy", "cpu", "processor_build")
    try:
        chosen = str(accelerator().choose_device("auto"))
    except MissingDependency as error:
        return Choice("numpy", "cpu", "broken", error.message)
    return Choice("numpy", "cpu", "no_gpu") if chosen == "cpu" else Choice("torch", chosen, "gpu")


def load_model(path: Path, device: str = "auto", wanted: str = "auto") -> Model:
    """Load a checkpoint, to be computed as :func:`choose` says.

    Raises: what :func:`choose` raises.
    """
    return choose(path, device, wanted).load(path)


def accelerator() -> ModuleType:
    """The module :mod:`backend.accelerator`, which imports torch.

    Raises:
        MissingDependency: torch cannot be loaded, whatever it is that it lacks.
    """
    try:
        return importlib.import_module(".accelerator", __package__)
    except Exception as error:  # what an installation lacks shows in many ways
        why = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise MissingDependency(
            f"PyTorch is installed and cannot be loaded: {why}",
            "set up the accelerator again",
        ) from error


def text_encoder(model: Model) -> tuple[str, Encode]:
    """The name of the text encoder that a model was trained with, and the encoder (A9).

    Raises:
        CheckpointError: an unknown kind, or fields or weights are missing or do not fit.
        MissingDependency: it is an open_clip model, and torch is not here.
        NotDownloaded: it is an open_clip model whose description cannot be fetched.
    """
    config: Mapping[str, Any] = model.metadata.text_encoder
    kind = config.get("kind")
    if kind == "small":
        tower = TextTower(SmallEncoderConfig.from_dict(config), model.text_tensors)
        return tower.name, tower.encode
    if kind != "open_clip":
        raise CheckpointError(
            f"The model's text encoder is of an unknown kind: {kind!r}.",
            "Update ATT3D, or choose another model.",
        )
    name = config.get("name")
    if not isinstance(name, str):
        raise CheckpointError("The model names no open_clip model for its text.")
    if not has_torch():
        raise MissingDependency(
            f"the model reads prompts with the open_clip model {name!r}, which needs torch",
            REMEDY,
        )
    return name, accelerator().open_clip_encoder(name)


def has_torch() -> bool:
    """Whether torch is installed; without importing it, which takes a second."""
    return importlib.util.find_spec("torch") is not None


def may_have_gpu() -> bool:
    """Whether torch is installed and was built for a GPU; only importing it tells for sure."""
    if not has_torch() or sys.platform == "darwin":
        return False
    try:
        return not importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return True

"""A checkpoint becomes something that answers prompts: with numpy, or with torch where that is
faster or needed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .field_reader import Field
from .inference.model import NumpyModel
from .model.checkpoint_file import CheckpointMetadata, read_metadata
from .protocol.errors import CheckpointError, MissingDependency
from .shapes import Float
from .text.text_tower import SmallEncoderConfig, TextTower

Encode = Callable[[Sequence[str]], Float[np.ndarray, "prompts tokens width"]]

REMEDY = "set up the accelerator, or choose another checkpoint"


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
    ) -> Field:
        """The object of one text embedding, with the values of A31 that are not the defaults."""
        ...


def load_model(path: Path, device: str = "auto") -> Model:
    """Load a checkpoint. ``auto`` is torch on a GPU where there is one, else numpy.

    Raises:
        CheckpointError: missing, damaged, too new, or not a checkpoint.
        BadRequest: no such device.
        MissingDependency: the device or the checkpoint needs torch, which is not here.
    """
    if device == "auto" and may_have_gpu():
        from .accelerator import TorchModel, choose_device

        chosen = choose_device("auto")
        if chosen.type != "cpu":
            return TorchModel(path, chosen)
    needs_torch = read_metadata(path).config.mapping == "attention"
    if device in ("auto", "cpu") and not needs_torch:
        return NumpyModel(path)
    if not has_torch():
        what = f"the checkpoint {path.name}" if needs_torch else f"the device {device!r}"
        raise MissingDependency(f"{what} needs torch, which is not installed", REMEDY)
    from .accelerator import TorchModel, choose_device

    return TorchModel(path, choose_device(device))


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
            f"The checkpoint's text encoder is of an unknown kind: {kind!r}.",
            "Update ATT3D, or choose another checkpoint.",
        )
    name = config.get("name")
    if not isinstance(name, str):
        raise CheckpointError("The checkpoint names no open_clip model for its text.")
    if not has_torch():
        raise MissingDependency(
            f"the checkpoint reads prompts with the open_clip model {name!r}, which needs torch",
            REMEDY,
        )
    from .accelerator import open_clip_encoder

    return name, open_clip_encoder(name)


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

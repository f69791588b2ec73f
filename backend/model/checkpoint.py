"""Checkpoints as torch models: writing what training made, and loading it again.

The format is described in ``checkpoint_file.py``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import safetensors
import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from ..files import replacing
from ..protocol.errors import OutputError
from ..protocol.schema import to_json
from .att3d import ATT3D
from .checkpoint_file import (
    FORMAT,
    FORMAT_VERSION,
    CheckpointMetadata,
    broken,
    file_sha256,
    metadata_of,
    opened,
    tensors_of,
)
from .config import config_to_json
from .field import Field
from .quantize import dequantize, quantize
from .spectral import plain_state

if TYPE_CHECKING:
    from ..text.encoder import TextEncoder

Storage = Literal["int8", "float16", "float32"]


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint, ready for inference."""

    path: Path
    metadata: CheckpointMetadata
    model: ATT3D
    text_tensors: dict[str, Tensor]
    sha256: str

    def encoder(self) -> TextEncoder:
        """The text encoder this checkpoint was trained with (A9).

        Raises:
            NotDownloaded: it is an open_clip model that is not on this machine.
        """
        from ..text.encoder import encoder_from_config

        return encoder_from_config(self.metadata.text_encoder, self.text_tensors)

    def field(
        self,
        embedding: Float[Tensor, "tokens width"],
        conditions: dict[str, float] | None = None,
        proportions: Float[Tensor, "3"] | None = None,
    ) -> Field:
        """The object of one text embedding.

        ``conditions``: other values than the defaults of what the model amortizes over (A31).
        ``proportions``: how it is stretched, instead of what the text says.
        """
        device = next(self.model.parameters()).device
        given = {name: torch.tensor([value]) for name, value in (conditions or {}).items()}
        asked = embedding[None].to(device)
        with torch.inference_mode():
            latent = self.model.latent(asked, given)[0]
            said = self.model.proportions
            if proportions is not None:
                proportions = proportions.to(device)
            elif said is not None:
                proportions = said(asked)[0]
        return Field(self.model, latent, proportions=proportions)


def save_checkpoint(
    path: Path,
    model: ATT3D,
    metadata: CheckpointMetadata,
    text_tensors: dict[str, Tensor] | None = None,
    *,
    storage: Storage = "int8",
    offset: Float[Tensor, " size"] | None = None,
    floor: float = -1.0,
) -> None:
    """Write ``model`` to ``path`` at once or not at all.

    ``metadata.config`` is the model's, or for one that was loaded what it was trained with.
    ``offset`` is added to the grid of every object of the checkpoint (A25). In eight bits, vertices
    without a weight above ``floor`` are left out.

    Raises:
        OutputError: the file cannot be written, or a tensor is not finite as it is stored.
    """
    config = metadata.config
    tensors = {k: v for k, v in plain_state(model).items() if not k.startswith("mapping.")}
    tensors |= {f"mapping.{k}": v for k, v in model.mapping.plain_weights().items()}
    if offset is not None:
        tensors["offset"] = tensors.get("offset", 0.0) + offset.detach()
        config = dataclasses.replace(config, offset=True)
    for name in [name for name in tensors if makes_up_grids(model, name)]:
        if storage == "int8":
            short = name.removesuffix(".weight")
            integers, scale, kept = quantize(tensors.pop(name), config.grid.features, floor)
            tensors |= {f"{short}.integers": integers, f"{short}.scale": scale}
            tensors |= {} if kept.all() else {f"{short}.kept": kept}
        elif storage == "float16":
            tensors[name] = tensors[name].half()
    if config.mapping == "deep" and storage != "float32":
        # Its first layer reads whole embeddings: millions of numbers.
        layers = [k for k, v in tensors.items() if k.startswith("mapping.") and v.ndim == 2]
        tensors |= {k: tensors[k].half() for k in layers if tensors[k].is_floating_point()}
    if storage != "float32" and "proportions.weight" in tensors:
        tensors["proportions.weight"] = tensors["proportions.weight"].half()
    for name, tensor in (text_tensors or {}).items():
        tensors[f"text.{name}"] = tensor
    _write(path, tensors, dataclasses.replace(metadata, config=config))


def makes_up_grids(model: ATT3D, name: str) -> bool:
    """Whether the tensor ``name`` of a checkpoint of ``model`` is a value or more a grid vertex."""
    return name == "offset" or name.removeprefix("mapping.") in model.mapping.outputs


def update_metadata(path: Path, metadata: CheckpointMetadata) -> None:
    """Replace what a checkpoint says of itself; its tensors stay as they are.

    Raises:
        CheckpointError: there is no valid checkpoint at ``path``.
        OutputError: the file cannot be written.
    """
    with opened(path, "pt") as file:
        metadata_of(path, file.metadata())
        tensors = tensors_of(path, file)
    _write(path, tensors, metadata)


def _write(path: Path, tensors: dict[str, Tensor], metadata: CheckpointMetadata) -> None:
    content = dataclasses.asdict(metadata) | {"config": config_to_json(metadata.config)}
    header = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "metadata": to_json(content),
    }
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not _is_finite(tensor):
            raise OutputError(
                f"cannot write the model {path}: the tensor {name} is not finite in"
                f" {str(tensor.dtype).removeprefix('torch.')}",
                "train it again with a lower learning rate, or store it in another precision",
            )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, unfinished, header)
    except (OSError, safetensors.SafetensorError) as error:
        raise OutputError(f"cannot write the model {path}: {error}") from error


def load_checkpoint(path: Path | str, device: torch.device | str = "cpu") -> Checkpoint:
    """Load and validate a checkpoint.

    Raises:
        CheckpointError: missing, not safetensors, truncated, of another kind, from a newer
            version, or its tensors do not fit its configuration.
    """
    path = Path(path)
    with opened(path, "pt") as file:
        metadata = metadata_of(path, file.metadata())
        tensors = tensors_of(path, file)
    text_tensors = {
        name.removeprefix("text."): tensors.pop(name)
        for name in list(tensors)
        if name.startswith("text.")
    }
    for name, tensor in text_tensors.items():
        _check_floats(path, f"text.{name}", tensor)
    # Only inference: spectral norm is in the stored weights. The meta device allocates nothing,
    # so a configuration that asks for absurd sizes fails on the comparison below.
    with torch.device("meta"):
        model = ATT3D(metadata.config.plain)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    for name in shapes:
        short = name.removesuffix(".weight")
        if f"{short}.integers" in tensors and f"{short}.scale" in tensors:
            integers, scale = tensors.pop(f"{short}.integers"), tensors.pop(f"{short}.scale")
            kept = tensors.pop(f"{short}.kept", torch.ones(len(scale) if scale.dim() else 0).bool())
            shaped = integers.dim() > 0 and scale.dim() == kept.dim() == 1
            if not shaped or (integers.dtype, kept.dtype) != (torch.int8, torch.bool):
                raise broken(path, f"the tensors {short} are not those of quantised weights")
            _check_floats(path, f"{short}.scale", scale)
            try:
                features = metadata.config.grid.features
                tensors[name] = dequantize(integers, scale, features, kept)
            except ValueError as error:
                raise broken(path, f"of its quantised weights, {error}") from None
    for name, shape in shapes.items():
        if name not in tensors:
            raise broken(path, f"the tensor {name} is missing")
        if tensors[name].shape != shape:
            raise broken(
                path, f"the tensor {name} is {list(tensors[name].shape)}, not {list(shape)}"
            )
        _check_floats(path, name, tensors[name])
    extra = sorted(set(tensors) - set(shapes))
    if extra:
        raise broken(path, f"it holds an unknown tensor {extra[0]}")
    model.load_state_dict({name: tensors[name].float() for name in shapes}, assign=True)
    model.requires_grad_(False).eval().to(device)
    return Checkpoint(path, metadata, model, text_tensors, file_sha256(path))


def _check_floats(path: Path, name: str, tensor: Tensor) -> None:
    if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32):
        raise broken(path, f"the tensor {name} holds {tensor.dtype}, not floats")
    if not _is_finite(tensor):
        raise broken(path, f"the tensor {name} holds numbers that are not finite")


def _is_finite(tensor: Tensor) -> bool:
    if not tensor.numel():
        return True
    # Not isfinite().all(), which makes two more arrays of that size: both keep a NaN.
    low, high = tensor.aminmax()
    return bool(torch.isfinite(low) and torch.isfinite(high))

"""One-file checkpoints: a .safetensors file that says in its metadata what it is.

Layout, format version 3: header metadata ``format`` = ``att3d-checkpoint``, ``format_version`` and
``metadata`` (the JSON of :class:`CheckpointMetadata`). Tensors: the model's own names, with
spectral norm and whitening already applied. What makes up grids (``mapping.decode.weight``,
``mapping.heads.N.weight``, ``mapping.shared``, ``offset``) is stored as floats or as ``X.integers``
(int8), ``X.scale`` and, when vertices are left out, ``X.kept`` (bool), where X is the name without
its ``.weight``. Tensors under ``text.`` are the text encoder's, when it is bundled. Nothing in the
file is ever executed.

Version 1 had only linear mapping networks without conditions, and version 2 stored every vertex;
their files are version 3 files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import safetensors
import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from ..files import replacing
from ..protocol.errors import CheckpointError, OutputError
from .att3d import ATT3D
from .config import ModelConfig, config_from_json, config_to_json
from .field import Field
from .quantize import dequantize, quantize
from .spectral import plain_state

if TYPE_CHECKING:
    from ..text.encoder import TextEncoder

FORMAT = "att3d-checkpoint"
FORMAT_VERSION = 3
MAX_METADATA_BYTES = 16 << 20

Storage = Literal["int8", "float16", "float32"]


@dataclass(frozen=True)
class CheckpointMetadata:
    """What a checkpoint says of itself."""

    name: str
    config: ModelConfig
    text_encoder: dict[str, Any]
    """``{"kind": "small", ...}``, whose weights are in the file, or
    ``{"kind": "open_clip", "name": ...}``, whose are not."""
    prompts: list[str] = field(default_factory=list)
    """The prompts seen in training."""
    unseen: list[str] = field(default_factory=list)
    """Compositions of the same prompt set that training left out."""
    words: list[str] = field(default_factory=list)
    """Every word of the training captions."""
    synonyms: dict[str, str] = field(default_factory=dict)
    """Words of the training captions to the word that ``prompts`` use for the same."""
    description: str = ""
    limits: str = ""
    """What it cannot do."""
    licence: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    """How it was made: preset, configuration, steps, commit, seconds."""
    metrics: dict[str, Any] = field(default_factory=dict)


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
    ) -> Field:
        """The object of one text embedding.

        ``conditions``: other values than the defaults of what the model amortizes over (A31).
        """
        device = next(self.model.parameters()).device
        given = {name: torch.tensor([value]) for name, value in (conditions or {}).items()}
        with torch.inference_mode():
            latent = self.model.latent(embedding[None].to(device), given)[0]
        return Field(self.model, latent)


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
        OutputError: the file cannot be written.
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
    with _opened(path) as file:
        _metadata_of(path, file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    _write(path, tensors, metadata)


def _write(path: Path, tensors: dict[str, Tensor], metadata: CheckpointMetadata) -> None:
    content = dataclasses.asdict(metadata) | {"config": config_to_json(metadata.config)}
    header = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "metadata": json.dumps(content, ensure_ascii=False),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, unfinished, header)
    except (OSError, safetensors.SafetensorError) as error:
        raise OutputError(f"cannot write the checkpoint {path}: {error}") from error


def read_metadata(path: Path) -> CheckpointMetadata:
    """The metadata alone, without loading weights; raises ``CheckpointError``."""
    with _opened(path) as file:
        return _metadata_of(path, file.metadata())


def load_checkpoint(path: Path | str, device: torch.device | str = "cpu") -> Checkpoint:
    """Load and validate a checkpoint.

    Raises:
        CheckpointError: missing, not safetensors, truncated, of another kind, from a newer
            version, or its tensors do not fit its configuration.
    """
    path = Path(path)
    with _opened(path) as file:
        metadata = _metadata_of(path, file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text_tensors = {
        name.removeprefix("text."): tensors.pop(name)
        for name in list(tensors)
        if name.startswith("text.")
    }
    # Only inference: spectral norm is in the stored weights. The meta device allocates nothing,
    # so a configuration that asks for absurd sizes fails on the comparison below.
    with torch.device("meta"):
        model = ATT3D(metadata.config.plain)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    for name in shapes:
        short = name.removesuffix(".weight")
        if f"{short}.integers" in tensors and f"{short}.scale" in tensors:
            try:
                tensors[name] = dequantize(
                    tensors.pop(f"{short}.integers"),
                    tensors.pop(f"{short}.scale"),
                    metadata.config.grid.features,
                    tensors.pop(f"{short}.kept", None),
                )
            except ValueError as error:
                raise _broken(path, f"of its quantised weights, {error}") from None
    for name, shape in shapes.items():
        if name not in tensors:
            raise _broken(path, f"the tensor {name} is missing")
        if tensors[name].shape != shape:
            raise _broken(
                path, f"the tensor {name} is {list(tensors[name].shape)}, not {list(shape)}"
            )
        if tensors[name].dtype not in (torch.float16, torch.bfloat16, torch.float32):
            raise _broken(path, f"the tensor {name} holds {tensors[name].dtype}, not floats")
        # Not isfinite().all(), which makes two more arrays of that size: both keep a NaN.
        low, high = tensors[name].aminmax()
        if not (torch.isfinite(low) and torch.isfinite(high)):
            raise _broken(path, f"the tensor {name} holds numbers that are not finite")
    extra = sorted(set(tensors) - set(shapes))
    if extra:
        raise _broken(path, f"it holds an unknown tensor {extra[0]}")
    model.load_state_dict({name: tensors[name].float() for name in shapes}, assign=True)
    model.requires_grad_(False).eval().to(device)
    return Checkpoint(path, metadata, model, text_tensors, file_sha256(path))


def file_sha256(path: Path) -> str:
    """The hash that names a checkpoint in provenance."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _opened:
    """``safe_open`` whose failures say what the file is instead of what the parser met."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        path = self._path
        try:
            with path.open("rb") as file:
                start = file.read(9)
        except FileNotFoundError:
            raise CheckpointError(f"there is no checkpoint at {path}") from None
        except OSError as error:
            raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
        # A safetensors file may start with the same bytes, as the length of its header "{...}".
        if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
            raise CheckpointError(
                f"{path} is a pickled PyTorch file, which can run code and is never loaded",
                "use a .safetensors checkpoint made by `python -m training train`",
            )
        try:
            self._file = safetensors.safe_open(path, framework="pt")
            return self._file.__enter__()
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            length = int.from_bytes(start[:8], "little") if len(start) == 9 else 0
            size = path.stat().st_size
            looks_right = 0 < length < (100 << 20)
            what = (
                "is truncated or damaged"
                if looks_right
                and (
                    length > size
                    or "incomplete" in str(error).lower()
                    or "offset" in str(error).lower()
                )
                else "is not a .safetensors file"
            )
            raise CheckpointError(
                f"{path} {what}", "copy or download it again, or choose another checkpoint"
            ) from error

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)


def _metadata_of(path: Path, header: dict[str, str] | None) -> CheckpointMetadata:
    header = header or {}
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is a .safetensors file, but not an ATT3D checkpoint",
            "choose a file made by `python -m training train`",
        )
    try:
        version = int(header.get("format_version", ""))
    except ValueError:
        raise _broken(path, "its format version is not a number") from None
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, newer than this ATT3D reads ({FORMAT_VERSION})",
            "update ATT3D",
        )
    text = header.get("metadata", "")
    if len(text) > MAX_METADATA_BYTES:
        raise _broken(path, "its metadata is too large")
    try:
        content = json.loads(text)
        fields = {f.name: f for f in dataclasses.fields(CheckpointMetadata)}
        values = {name: content[name] for name in fields if name in content}
        config = config_from_json(values.pop("config", None))
        metadata = CheckpointMetadata(config=config, **values)
    except (ValueError, TypeError, AttributeError) as error:
        raise _broken(path, f"its metadata cannot be read ({error})") from error
    for name, kind in (
        ("name", str), ("text_encoder", dict), ("prompts", list), ("unseen", list),
        ("words", list),
        ("synonyms", dict), ("description", str), ("limits", str), ("licence", str),
        ("recipe", dict), ("metrics", dict),
    ):  # fmt: skip
        if not isinstance(getattr(metadata, name), kind):
            raise _broken(path, f"its metadata field {name} is not a {kind.__name__}")
    return metadata


def _broken(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is not a valid checkpoint: {what}", "use another copy of the file"
    )

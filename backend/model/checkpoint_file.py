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
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import safetensors

from ..prompts.normalize import MAX_CHARACTERS
from ..protocol.errors import BadRequest, CheckpointError
from ..protocol.foreign_text import parse_json
from ..protocol.schema import decode
from ..recolored import Tint
from .config import ModelConfig, config_from_json

FORMAT = "att3d-checkpoint"
FORMAT_VERSION = 3
MAX_METADATA_BYTES = 16 << 20
MOST = 10.0
"""Factor, and number of a tint, beyond which a file is not believed."""


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
    sizes: dict[str, float] = field(default_factory=dict)
    """Real sizes of prompts: the largest side in metres. Other prompts take the nearest one's."""
    captions: dict[str, str] = field(default_factory=dict)
    """What known things are called, each with the prompt of ``prompts`` that is the thing; an
    article may be left out."""
    proportions: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Words that stretch whatever they are said of, by these factors along x, y and z: they go with
    every other word."""
    tints: dict[str, Tint] = field(default_factory=dict)
    """Words that change nothing but colors, whatever they are said of, and into which."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Categories of prompts, to browse by; these are shown, where there are any."""
    description: str = ""
    limits: str = ""
    """What the checkpoint cannot do."""
    licence: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    """How it was made: preset, configuration, steps, commit, seconds."""
    metrics: dict[str, Any] = field(default_factory=dict)


def read_metadata(path: Path) -> CheckpointMetadata:
    """The metadata alone, without loading weights; raises ``CheckpointError``."""
    with opened(path, "np") as file:
        return metadata_of(path, file.metadata())


def file_sha256(path: Path) -> str:
    """The hash that names a checkpoint in provenance."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class opened:
    """``safe_open`` whose failures say what the file is instead of what the parser met."""

    def __init__(self, path: Path, framework: Literal["np", "pt"]) -> None:
        self._path = path
        self._framework = framework

    def __enter__(self) -> Any:
        path = self._path
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
                raise CheckpointError(f"cannot read {path}: it is not a regular file")
            with path.open("rb") as file:
                start = file.read(9)
        except FileNotFoundError:
            raise CheckpointError(f"there is no model at {path}") from None
        except OSError as error:
            raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
        # A safetensors file may start with the same bytes, as the length of its header "{...}".
        if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
            raise CheckpointError(
                f"{path} is a pickled PyTorch file, which can run code and is never loaded",
                "use a .safetensors model made by `python -m training train`",
            )
        try:
            self._file = safetensors.safe_open(path, framework=self._framework)
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
                f"{path} {what}", "copy or download it again, or choose another model"
            ) from error

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)


def metadata_of(path: Path, header: dict[str, str] | None) -> CheckpointMetadata:
    """What the header of a file says, checked field by field; its texts are printable.

    Raises:
        CheckpointError: it is of another kind, from a newer version, or a field is not valid.
    """
    header = header or {}
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is a .safetensors file, but not an ATT3D model",
            "choose a file made by `python -m training train`",
        )
    version = header.get("format_version", "")
    if not re.fullmatch("[0-9]{1,9}", version) or int(version) < 1:
        raise broken(path, "its format version is not a number")
    if int(version) > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, newer than this ATT3D reads ({FORMAT_VERSION})",
            "update ATT3D",
        )
    text = header.get("metadata", "")
    if len(text) > MAX_METADATA_BYTES:
        raise broken(path, "its metadata is too large")
    try:
        content = parse_json(text)
    except ValueError as error:
        raise broken(path, f"its metadata cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise broken(path, "its metadata is not an object")
    # Fields that a later version adds are left out: its format version says what must be known.
    known = {f.name for f in dataclasses.fields(CheckpointMetadata)}
    values = {name: value for name, value in content.items() if name in known}
    try:
        values["config"] = config_from_json(values.get("config"))
        metadata = decode(CheckpointMetadata, values, "metadata")
    except BadRequest as error:
        raise broken(path, error.message) from error
    for word, factors in metadata.proportions.items():
        if not all(1.0 / MOST <= factor <= MOST for factor in factors):
            raise broken(path, f"metadata: proportions: {word!r} is a factor far from 1")
    for word, tint in metadata.tints.items():
        if not all(0.0 <= number <= MOST for number in tint.numbers):
            raise broken(path, f"metadata: tints: {word!r} has a number that is not 0 to {MOST:g}")
    for field_name in ("prompts", "unseen", "words", "captions"):
        longest = max(map(len, getattr(metadata, field_name)), default=0)
        if longest > MAX_CHARACTERS:
            raise broken(path, f"metadata: {field_name} holds a text of {longest:,} characters")
    return metadata


def tensors_of(path: Path, file: Any, without: str | None = None) -> dict[str, Any]:
    """Every tensor of an ``opened`` file by its name, but those that begin with ``without``.

    Raises:
        CheckpointError: one is of a type that the framework does not know.
    """
    tensors = {}
    for name in file.keys():  # noqa: SIM118
        if without is not None and name.startswith(without):
            continue
        try:
            tensors[name] = file.get_tensor(name)
        except (safetensors.SafetensorError, TypeError, ValueError, AttributeError, KeyError):
            raise broken(path, f"the tensor {name} is of a type that cannot be read") from None
    return tensors


def broken(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} is not a valid model: {what}", "use another copy of the file")

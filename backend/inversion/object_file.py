"""An inverted model as a file: a .safetensors file that names the checkpoint it belongs to.

Layout: header metadata ``format`` = ``att3d-object``, ``format_version`` and ``metadata`` (the JSON
of :class:`ObjectMetadata`); one tensor, ``code``.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import atomic_write, check_source
from ..inference.linearized import Code
from ..prompts.normalize import normalize_prompt
from ..protocol.errors import Att3dError, BadRequest
from ..protocol.foreign_text import parse_json
from ..protocol.messages import ObjectCode
from ..protocol.schema import decode

FORMAT, VERSION = "att3d-object", 1
ENDING = ".safetensors"


@dataclass(frozen=True)
class ObjectMetadata:
    """What an inverted model says of itself."""

    name: str
    """What stands for it in prompts."""
    checkpoint: str
    """Name of the checkpoint that it was inverted with."""
    checkpoint_hash: str
    psnr: float
    """dB; how like the model it looks."""
    iou: float
    nearest: str = ""
    """The known prompt that was nearest."""
    source: str = ""
    """Name of the model's file."""


def write_object(path: Path, code: Code, metadata: ObjectMetadata) -> None:
    """Write the file, whole or not at all. Raises OSError."""
    header = {
        "format": FORMAT,
        "format_version": str(VERSION),
        "metadata": json.dumps(dataclasses.asdict(metadata), ensure_ascii=False),
    }
    atomic_write(path, save({"code": code.astype(np.float32)}, header))


def read_object(path: Path) -> tuple[ObjectMetadata, ObjectCode]:
    """An inverted model.

    Raises:
        BadRequest: there is no such file, it is of another kind, damaged, or newer.
    """
    remedy = "make it with: att3d invert MODEL.glb -o FILE.safetensors"
    try:
        with safe_open(check_source(path), framework="np") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise BadRequest(f"{path} is not an object of your own", remedy)
            if header.get("format_version") != str(VERSION):
                raise BadRequest(f"{path} was made by a newer ATT3D", "update ATT3D")
            metadata = decode(ObjectMetadata, parse_json(header.get("metadata", "")), "metadata")
            numbers = file.get_tensor("code")
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise BadRequest(f"{path} cannot be read ({error})", remedy) from error
    except Att3dError as error:
        raise BadRequest(f"{path} cannot be used: {error.message}", error.remedy) from error
    code = [float(number) for number in numbers.reshape(-1)]
    if not all(map(math.isfinite, code)):
        raise BadRequest(f"{path} is damaged: it holds numbers that are not finite", remedy)
    name = normalize_prompt(metadata.name)
    metadata = dataclasses.replace(metadata, name=name)
    return metadata, ObjectCode(code=code, checkpoint_hash=metadata.checkpoint_hash)


def objects_among(prompts: list[str]) -> tuple[list[str], dict[str, ObjectCode]]:
    """Prompts of which some name files of inverted models: the prompts with the models' names in
    their place, and the models by name.

    Raises:
        BadRequest: a file cannot be read, or two models have one name.
    """
    said, found = [], dict[str, ObjectCode]()
    for prompt in prompts:
        path = Path(prompt)
        if path.suffix != ENDING:
            said.append(prompt)
            continue
        metadata, code = read_object(path)
        if found.get(metadata.name, code) != code:
            raise BadRequest(
                f"two objects of your own are called {metadata.name!r}",
                "invert one of them again with another --name",
            )
        found[metadata.name] = code
        said.append(metadata.name)
    return said, found

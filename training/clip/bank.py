"""Pictures rendered once and kept as bytes: shards on disk that any number of runs may share.

A shard is one file, moved into place when it is whole, so two runs (one a core) can fill the same
folder from both ends, and a killed run continues where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from safetensors.torch import load_file, save
from torch import Tensor

from backend.files import atomic_write

from .config import BankConfig
from .source import PairSource

_RENDER_BATCH = 64
"""Views rendered at once: small enough for the caches, large enough for the vector units."""


@dataclass(frozen=True)
class Bank:
    """Premultiplied colour and alpha of many views, and which object each shows."""

    rgba: UInt8[Tensor, "views 4 size size"]
    objects: Int[Tensor, " views"]

    def of_object(self, count: int) -> list[Int[Tensor, " _"]]:
        """Views of each of ``count`` objects."""
        order = torch.argsort(self.objects, stable=True)
        sizes = torch.bincount(self.objects, minlength=count)
        return list(order.split(sizes.tolist()))


def random_bank(
    source: PairSource,
    config: BankConfig,
    progress: Callable[[int, int], None],
    backwards: bool = False,
) -> Bank:
    """Views of all objects under random cameras, lights, shadings; rendered or read back.

    ``progress`` gets (shards done, shards in all). ``backwards`` fills from the last shard.
    """
    objects = torch.arange(config.views) % len(source.captions)
    starts = list(range(0, config.views, config.shard))

    def render(start: int) -> UInt8[Tensor, "views 4 size size"]:
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + start)
        wanted = objects[start : start + config.shard]
        parts = [
            to_bytes(source.random_views(part, config.size, generator))
            for part in wanted.split(_RENDER_BATCH)
        ]
        return torch.cat(parts)

    key = _key(source, config, "random")
    order = starts[::-1] if backwards else starts
    _fill(config.folder, key, order, render, progress)
    return Bank(torch.cat([_read(config.folder, key, start) for start in starts]), objects)


def held_out_bank(
    source: PairSource,
    objects: Int[Tensor, " objects"],
    config: BankConfig,
    progress: Callable[[int, int], None],
) -> UInt8[Tensor, "objects 4 4 size size"]:
    """The four fixed views of some objects; never trained on."""
    count = max(config.shard // 4, 1)

    def render(start: int) -> UInt8[Tensor, "objects 4 4 size size"]:
        wanted = objects[start : start + count]
        parts = [
            to_bytes(source.fixed_views(part, config.size))
            for part in wanted.split(_RENDER_BATCH // 4)
        ]
        return torch.cat(parts)

    key = _key(source, config, f"fixed {objects.tolist()}")
    starts = list(range(0, len(objects), count))
    _fill(config.folder, key, starts, render, progress)
    return torch.cat([_read(config.folder, key, start) for start in starts])


def held_out_objects(source: PairSource, config: BankConfig) -> Int[Tensor, " objects"]:
    """Objects whose fixed views measure retrieval: a repeatable draw over all of them."""
    generator = torch.Generator().manual_seed(config.seed + 77)
    chosen = torch.randperm(len(source.captions), generator=generator)[: config.held_out]
    return chosen.sort().values


def to_bytes(pictures: Tensor) -> Tensor:
    """[0, 1] to 0..255."""
    return (pictures.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)


def _key(source: PairSource, config: BankConfig, kind: str) -> str:
    """Distinguishes the banks that may share a folder."""
    text = "\n".join([kind, str((config.size, config.views, config.shard, config.seed))])
    text = "\n".join([source.fingerprint, text, *source.captions])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _path(folder: Path, key: str, start: int) -> Path:
    return folder / f"{key}-{start:06d}.safetensors"


def _fill(
    folder: Path,
    key: str,
    starts: Iterable[int],
    render: Callable[[int], Tensor],
    progress: Callable[[int, int], None],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    todo = list(starts)
    for done, start in enumerate(todo):
        progress(done, len(todo))
        path = _path(folder, key, start)
        if path.exists():
            continue
        atomic_write(path, save({"rgba": render(start).contiguous()}))
    progress(len(todo), len(todo))


def _read(folder: Path, key: str, start: int) -> Tensor:
    return load_file(_path(folder, key, start))["rgba"]

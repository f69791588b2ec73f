"""Pictures rendered once and kept as bytes: shards on disk that any number of runs may share.

A shard is one file, moved into place when it is whole, so two runs (one a core) can fill the same
folder from both ends, and a killed run continues where it stopped. Beside the shards lie a few
pictures of fixed views: where an object looks different, all pictures are rendered anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from backend.export.files import check_folder
from backend.files import atomic_write, check_source
from backend.protocol.errors import OutputError, TrainingError

from .config import BankConfig
from .source import PairSource

_RENDER_BATCH = 64
"""Views rendered at once: small enough for the caches, large enough for the vector units."""
_WITNESSES = 12
"""Objects whose fixed views show whether objects look as they did."""
_TOLERANCE = 2.0
"""Mean difference of two pictures, in 255ths: more is another picture, not another rounding."""


@dataclass(frozen=True)
class Bank:
    """Premultiplied color and alpha of many views, and which object each shows."""

    rgba: UInt8[Tensor, "views 4 size size"]
    objects: Int[Tensor, " views"]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all pictures: a resumed run has the same."""
        return hashlib.sha256(self.rgba.numpy().tobytes()).hexdigest()

    def of_object(self, count: int) -> list[Int[Tensor, " _"]]:
        """Views of each of ``count`` objects."""
        order = torch.argsort(self.objects, stable=True)
        sizes = torch.bincount(self.objects, minlength=count)
        return list(order.split(sizes.tolist()))


def check_bank(source: PairSource, config: BankConfig) -> None:
    """Check before any work that there can be a bank of ``config``.

    Raises:
        TrainingError: it would not show every object.
        OutputError: its folder cannot be written.
    """
    if config.views < len(source.captions):
        raise TrainingError(
            f"--bank.views {config.views} are fewer than the {len(source.captions)} objects",
            "give every object at least one view",
        )
    check_folder(config.folder / "bank.safetensors")


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

    _drop_outdated(source, config)
    key = _key(source, config, "random")
    order = starts[::-1] if backwards else starts
    shards = _fill(config.folder, key, order, render, progress)
    return Bank(torch.cat([shards[start] for start in starts]), objects)


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
    shards = _fill(config.folder, key, starts, render, progress)
    return torch.cat([shards[start] for start in starts])


def held_out_objects(source: PairSource, config: BankConfig) -> Int[Tensor, " objects"]:
    """Objects whose fixed views measure retrieval: a repeatable draw over all of them."""
    generator = torch.Generator().manual_seed(config.seed + 77)
    chosen = torch.randperm(len(source.captions), generator=generator)[: config.held_out]
    return chosen.sort().values


def to_bytes(pictures: Tensor) -> Tensor:
    """[0, 1] to 0..255."""
    return (pictures.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)


def _drop_outdated(source: PairSource, config: BankConfig) -> None:
    """Delete the pictures of a source whose objects look different from those on disk."""
    stride = max(len(source.captions) // _WITNESSES, 1)
    some = torch.arange(0, len(source.captions), stride)[:_WITNESSES]
    seen = to_bytes(source.fixed_views(some, config.size))
    path = config.folder / f"{_key(source, config, 'witnesses')}-witnesses.safetensors"
    kept = _read(path)
    if kept is not None and kept.shape == seen.shape:
        difference = (kept.float() - seen.float()).abs().flatten(1).mean(1).max()
        if difference <= _TOLERANCE:
            return
        for outdated in config.folder.glob(f"{_source_key(source)}-*.safetensors"):
            outdated.unlink(missing_ok=True)
    _write(path, seen)


def _source_key(source: PairSource) -> str:
    text = "\n".join([source.fingerprint, *source.captions])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _key(source: PairSource, config: BankConfig, kind: str) -> str:
    """The beginning of a bank's file names: several may share a folder."""
    text = "\n".join([kind, str((config.size, config.views, config.shard, config.seed))])
    return f"{_source_key(source)}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _fill(
    folder: Path,
    key: str,
    starts: Iterable[int],
    render: Callable[[int], Tensor],
    progress: Callable[[int, int], None],
) -> dict[int, Tensor]:
    """Shards by their first view, from disk or rendered and put there.

    Raises:
        OutputError: the folder cannot be written.
    """
    todo = list(starts)
    shards: dict[int, Tensor] = {}
    for done, start in enumerate(todo):
        progress(done, len(todo))
        path = folder / f"{key}-{start:06d}.safetensors"
        found = _read(path)
        if found is None:
            found = render(start).contiguous()
            _write(path, found)
        shards[start] = found
    progress(len(todo), len(todo))
    return shards


def _read(path: Path) -> Tensor | None:
    """A file's pictures; None when it is not there, or damaged."""
    try:
        return load_file(check_source(path))["rgba"]
    except (OSError, SafetensorError, KeyError):
        return None


def _write(path: Path, pictures: Tensor) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, save({"rgba": pictures.contiguous()}))
    except OSError as error:
        raise OutputError(
            f"cannot keep pictures in {path.parent}: {error}",
            "free some space or choose another --bank.folder, then start the same command again",
        ) from error

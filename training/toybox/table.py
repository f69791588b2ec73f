"""Assets as fixed-size tables of numbers, so that any batch of them runs through one kernel."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.protocol.errors import TrainingError

from .primitives import Primitive

SOLIDS = 64
"""Rows for solids; an asset with fewer is padded with solids that are far away."""
PAINTS = 32
"""Rows of a table that hold paint."""
GEOMETRY = 24
"""center 3, matrix 9, inverse scale 3, half 3, radius, taper, slope, revolved, major, soft."""
MATERIAL = 14
"""color 3, second 3, wave 3, radial, phase, sharpness, threshold; then layer or layer mask."""

FINISHES = ("plain", "gold", "wood")
FAR_AWAY = (0.0, 0.0, 20.0)


@dataclass(frozen=True)
class Asset:
    """One toy: solids, paint on them, and an overall finish."""

    solids: Float[Tensor, "solids geometry"]
    solid_materials: Float[Tensor, "solids material"]
    paints: Float[Tensor, "paints geometry"]
    paint_materials: Float[Tensor, "paints material"]
    finish: Float[Tensor, ""]
    """The asset's finish, as an index into ``FINISHES``."""


@dataclass(frozen=True)
class AssetBatch:
    """Assets side by side. Index it with a slice or a tensor of rows to pick some."""

    solids: Float[Tensor, "assets solids geometry"]
    solid_materials: Float[Tensor, "assets solids material"]
    paints: Float[Tensor, "assets paints geometry"]
    paint_materials: Float[Tensor, "assets paints material"]
    finish: Float[Tensor, " assets"]

    def __len__(self) -> int:
        return len(self.finish)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return (
            self.solids,
            self.solid_materials,
            self.paints,
            self.paint_materials,
            self.finish,
        )

    def __getitem__(self, index: slice | Tensor | Sequence[int]) -> AssetBatch:
        return AssetBatch(*(tensor[index] for tensor in self.tensors()))

    def joined(self, other: AssetBatch) -> AssetBatch:
        """These assets, then the other ones."""
        pairs = zip(self.tensors(), other.tensors(), strict=True)
        return AssetBatch(*(torch.cat(pair) for pair in pairs))

    def to(self, device: torch.device | str) -> AssetBatch:
        return AssetBatch(*(tensor.to(device) for tensor in self.tensors()))

    @property
    def device(self) -> torch.device:
        return self.finish.device

    @property
    def fingerprint(self) -> str:
        """A hash of all numbers to four decimals, which every machine computes alike."""
        digest = hashlib.sha256()
        for tensor in self.tensors():
            rounded = (tensor.double() * 1e4).round().long().contiguous()
            digest.update(rounded.cpu().numpy().tobytes())
        return digest.hexdigest()


def _rows(
    primitives: Sequence[Primitive], count: int, what: str, last: Sequence[int]
) -> tuple[Float[Tensor, "rows geometry"], Float[Tensor, "rows material"]]:
    if len(primitives) > count:
        raise TrainingError(
            f"a toy needs {len(primitives)} {what}, but the table holds {count}",
            "Use fewer primitives, or enlarge the table in training/toybox/table.py.",
        )
    padding = Primitive(FAR_AWAY, radius=0.01)
    filled = [*primitives, *[padding] * (count - len(primitives))]
    tags = [*last, *[0] * (count - len(primitives))]
    geometry = torch.tensor([primitive.row() for primitive in filled], dtype=torch.float32)
    materials = torch.tensor(
        [[*p.material.row(), float(tag)] for p, tag in zip(filled, tags, strict=True)],
        dtype=torch.float32,
    )
    return geometry, materials


def pack(solids: Sequence[Primitive], paints: Sequence[Primitive], finish: str = "plain") -> Asset:
    """Fill a table. Later paint covers earlier paint.

    Raises TrainingError when there are more primitives than rows.
    """
    geometry, materials = _rows(solids, SOLIDS, "solids", [int(p.layer) for p in solids])
    masks = [sum(1 << int(layer) for layer in set(p.paints)) for p in paints]
    paint_geometry, paint_materials = _rows(paints, PAINTS, "paints", masks)
    index = torch.tensor(float(FINISHES.index(finish)))
    return Asset(geometry, materials, paint_geometry, paint_materials, index)


def stack(assets: Sequence[Asset]) -> AssetBatch:
    """Put assets side by side: about 15 kB each."""
    return AssetBatch(
        torch.stack([a.solids for a in assets]),
        torch.stack([a.solid_materials for a in assets]),
        torch.stack([a.paints for a in assets]),
        torch.stack([a.paint_materials for a in assets]),
        torch.stack([a.finish for a in assets]),
    )

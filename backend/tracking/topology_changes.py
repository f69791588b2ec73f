"""Where an object changes its topology along a chain: parts and handles that come and go."""

from __future__ import annotations

import numpy as np

from ..protocol.chain_quality import ChangeKind, TopologyChange
from ..shapes import Bool
from .solids import Solid, label_voxels


def changes_between(one: Solid, other: Solid, alphas: tuple[float, float]) -> list[TopologyChange]:
    """What happens between two solids at neighbouring alphas, placed in the middle.

    A part of the later solid that overlaps none of the earlier one's appears, one that overlaps
    several joins them; and the other way round. Handles are counted by Euler's characteristic.
    """
    first, count_first = label_voxels(one.inside)
    second, count_second = label_voxels(other.inside)
    overlap = np.zeros((count_first + 1, count_second + 1), dtype=bool)
    overlap[first.reshape(-1), second.reshape(-1)] = True
    overlap = overlap[1:, 1:]
    later, earlier = overlap.sum(axis=0), overlap.sum(axis=1)
    counts: dict[ChangeKind, int] = {
        "part appears": int((later == 0).sum()),
        "part vanishes": int((earlier == 0).sum()),
        "parts join": int((later[later > 1] - 1).sum()),
        "part splits": int((earlier[earlier > 1] - 1).sum()),
    }
    opened = (count_second - euler(other.inside)) - (count_first - euler(one.inside))
    counts["handle opens" if opened > 0 else "handle closes"] = abs(opened)
    middle = 0.5 * (alphas[0] + alphas[1])
    return [
        TopologyChange(alpha=middle, kind=kind, count=count)
        for kind, count in counts.items()
        if count
    ]


def euler(inside: Bool[np.ndarray, "n n n"]) -> int:
    """Parts minus handles plus cavities of the solid whose voxels touch face to face."""
    total = 0
    for axes in range(8):
        block = inside
        for axis in range(3):
            if axes >> axis & 1:
                side = np.moveaxis(block, axis, 0)
                block = np.moveaxis(side[1:] & side[:-1], 0, axis)
        total += (-1) ** axes.bit_count() * int(block.sum())
    return total

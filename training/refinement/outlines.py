"""Outlines of a rasterized mesh, mixed by where they cross the pixels (A26).

A pixel sees one triangle or another: without more, no gradient moves an outline. So the two pixels
on either side of one are mixed by where it crosses the line between their centres, as Laine et al.
2020 do. They look for the crossing in the triangle that a pixel sees; here every edge of an outline
looks for the pixels that it parts, so that triangles may be smaller than pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.atlas.rasterize import ranges
from backend.surface.topology import Faces, half_edges, twins

from ..rendering.rasterize import Screen, Visible, cross

SAME = 0.02
"""What an outline hides is farther away than it by at least this share."""


class Edges:
    """A mesh's undirected edges, and the triangles beside them."""

    def __init__(self, faces: Faces) -> None:
        start, end = half_edges(faces)
        twin = twins(faces)
        chosen = np.flatnonzero((twin < 0) | (twin > np.arange(len(twin))))
        other = np.where(twin[chosen] < 0, chosen, twin[chosen])
        self.ends = torch.from_numpy(
            np.stack([start[chosen], end[chosen]], axis=1).astype(np.int64)
        )
        """Vertices at both ends."""
        self.faces = torch.from_numpy(np.stack([chosen // 3, other // 3], axis=1))
        """Triangles on both sides; at a border the same one twice."""

    def to(self, device: torch.device) -> None:
        """Move there, if not there yet."""
        self.ends, self.faces = self.ends.to(device), self.faces.to(device)


def antialias(
    image: Float[Tensor, "pixels n"],
    screen: Screen,
    seen: Visible,
    faces: Int[Tensor, "faces 3"],
    edges: Edges,
    size: int,
) -> Float[Tensor, "pixels n"]:
    """``image`` with outlines mixed by where they cross, differentiable in the screen's places."""
    a, b, c = screen.place.detach()[faces].unbind(1)
    front = cross(b - a, c - a) < 0  # counter-clockwise from outside, and y points down
    one, other = edges.faces.T
    outline = (front[one] != front[other]) | (one == other)
    chosen = outline.nonzero()[:, 0]
    ends, sides = edges.ends[chosen], edges.faces[chosen]
    # The triangle to look at: the one that shows its front.
    inside = torch.where(front[sides[:, 0]], sides[:, 0], sides[:, 1])
    total = image
    steep = _is_steep(screen.place.detach()[ends])
    for axis, kept in ((0, steep), (1, ~steep)):
        pixels, mix = _crossings(
            screen, seen.closeness, ends[kept], faces[inside[kept]], axis=axis, size=size
        )
        inner, outer = pixels
        # Positive: the outline covers a part of the outer pixel; negative: it leaves some of the
        # inner one to what is behind.
        change = image[inner] - image[outer]
        total = total.index_add(0, outer, mix.clamp_min(0.0)[:, None] * change)
        total = total.index_add(0, inner, mix.clamp_max(0.0)[:, None] * change)
    return total


def _crossings(
    screen: Screen,
    closeness: Float[Tensor, " pixels"],
    ends: Int[Tensor, "edges 2"],
    inside: Int[Tensor, "edges 3"],
    *,
    axis: int,
    size: int,
) -> tuple[tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]], Float[Tensor, " pairs"]]:
    """Pairs of neighbours along ``axis`` (0: x) that an outline parts: the pixel that it belongs
    to, the one it hides, and the outline's place past the middle between them."""
    across = 1 - axis
    place, near = screen.place[ends], screen.closeness.detach()[ends]
    low, high = place.detach()[..., across].aminmax(dim=1)
    first = (low - 0.5).ceil().long().clamp(0, size)
    lines = (high - 0.5).ceil().long().clamp(0, size) - first
    edge, offset = (
        torch.from_numpy(part).to(ends.device) for part in ranges(lines.clamp_min(0).cpu().numpy())
    )
    line = first[edge] + offset
    a, b = place[edge].unbind(1)
    rise = b[:, across] - a[:, across]
    share = (line + 0.5 - a[:, across]) / torch.where(rise.abs() < 1e-9, 1e-9, rise)
    crossing = a[:, axis] + share * (b[:, axis] - a[:, axis])
    at = near[edge, 0] + share.detach() * (near[edge, 1] - near[edge, 0])

    before = (crossing.detach() - 0.5).floor().long()
    inner_first = _is_before(screen.place.detach(), ends, inside, axis)[edge]
    ok = (before >= 0) & (before < size - 1)
    before, line, crossing, at, inner_first = (
        each[ok] for each in (before, line, crossing, at, inner_first)
    )
    stride = (1, size)[axis], (size, 1)[axis]
    one = before * stride[0] + line * stride[1]
    other = one + stride[0]
    inner = torch.where(inner_first, one, other)
    outer = torch.where(inner_first, other, one)
    # In sight: where it belongs there is something, and what it hides is behind it.
    sure = (closeness[inner] > 0) & (closeness[outer] < at * (1 - SAME))
    inner, outer = inner[sure], outer[sure]
    from_inner = torch.where(inner_first, crossing - before - 0.5, before + 1.5 - crossing)[sure]
    last = _last_of_each(inner * 2 + (outer > inner), from_inner.detach())
    return (inner[last], outer[last]), from_inner[last] - 0.5


def _last_of_each(
    key: Int[Tensor, " pairs"], value: Float[Tensor, " pairs"]
) -> Int[Tensor, " chosen"]:
    """Keep of the entries with the same key the one of largest value: an outline of small triangles
    zigzags, and its outermost edge counts."""
    order = value.argsort()
    order = order[key[order].argsort(stable=True)]
    ordered = key[order]
    last = torch.ones(min(1, len(key)), dtype=torch.bool, device=key.device)
    return order[torch.cat([ordered[1:] != ordered[:-1], last])]


def _is_before(
    place: Float[Tensor, "vertices 2"],
    ends: Int[Tensor, "edges 2"],
    inside: Int[Tensor, "edges 3"],
    axis: int,
) -> Bool[Tensor, " edges"]:
    """Whether an edge's triangle lies on its side of smaller coordinates along ``axis``."""
    a, b = place[ends].unbind(1)
    middle = place[inside].mean(1)
    along, across = b - a, 1 - axis
    slope = along[:, axis] / torch.where(along[:, across].abs() < 1e-9, 1e-9, along[:, across])
    return middle[:, axis] < a[:, axis] + (middle[:, across] - a[:, across]) * slope


def _is_steep(place: Float[Tensor, "edges 2 2"]) -> Bool[Tensor, " edges"]:
    along = (place[:, 1] - place[:, 0]).abs()
    return along[:, 1] >= along[:, 0]

"""Rasterization of a triangle mesh: which point of which triangle a pixel sees (A26).

The point is differentiable in the vertices while the triangle stays the same one; what happens
where triangles come into sight is ``outlines``' matter.

Conventions: those of ``backend.rendering.cameras``; screen coordinates in pixels, x right, y down.
Closeness is 1 / depth, which is affine on the screen; where nothing is seen it is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.atlas.rasterize import nearest
from backend.rendering.cameras import Cameras

NEAR = 1e-3
"""Least depth, metres: nothing is ever behind a camera outside the bounding ball."""


@dataclass(frozen=True)
class Screen:
    """A mesh's vertices as one camera sees them."""

    place: Float[Tensor, "vertices 2"]
    """Where each vertex is seen, pixels."""
    closeness: Float[Tensor, " vertices"]
    """Inverse of each vertex's depth, 1 / metre."""


@dataclass(frozen=True)
class Visible:
    """What the pixels of one view see."""

    pixel: Int[Tensor, " hits"]
    """Pixels, row by row, that see the mesh."""
    face: Int[Tensor, " hits"]
    weights: Float[Tensor, "hits 3"]
    """Weights of the triangle's corners at the point that is seen; differentiable."""
    closeness: Float[Tensor, " pixels"]
    """Closeness of every pixel; not differentiable."""

    def interpolate(
        self, values: Float[Tensor, "vertices n"], faces: Int[Tensor, "faces 3"]
    ) -> Float[Tensor, "hits n"]:
        """Values of the vertices at the points that are seen."""
        return torch.einsum("hk,hkn->hn", self.weights, values[faces[self.face]])


def project(vertices: Float[Tensor, "vertices 3"], cameras: Cameras, size: int) -> list[Screen]:
    """The vertices on the screen of each camera, ``size`` pixels wide and high."""
    away = vertices[None] - cameras.position[:, None]
    right, up, forward = (torch.einsum("vpk,vk->vp", away, axis) for axis in cameras.axes())
    closeness = 1.0 / forward.clamp_min(NEAR)
    scale = cameras.focal[:, None] * closeness
    place = size * torch.stack([0.5 + scale * right, 0.5 - scale * up], dim=-1)
    return [Screen(*each) for each in zip(place, closeness, strict=True)]


def visible(screen: Screen, faces: Int[Tensor, "faces 3"], size: int) -> Visible:
    """The nearest triangle at every pixel's centre."""
    place, closeness = screen.place[faces], screen.closeness[faces]
    corners = place.detach().cpu().double().numpy()
    near = closeness.detach().cpu().double().numpy()
    seen, shown = nearest(corners, near, size)
    hit = np.flatnonzero(seen >= 0)

    device = place.device
    pixel, face = torch.from_numpy(hit).to(device), torch.from_numpy(seen[hit]).to(device)
    centre = torch.stack([pixel % size, pixel // size], dim=1).to(place.dtype) + 0.5
    a, b, c = (place[face] - centre[:, None]).unbind(1)
    areas = torch.stack([cross(b, c), cross(c, a), cross(a, b)], dim=1)
    weights = areas * closeness[face]
    total = weights.sum(1, keepdim=True)
    weights = weights / torch.where(total.abs() < 1e-12, torch.full_like(total, 1e-12), total)
    return Visible(pixel, face, weights, torch.from_numpy(shown).to(place))


def cross(a: Float[Tensor, "n 2"], b: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
    """z of the cross products."""
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]

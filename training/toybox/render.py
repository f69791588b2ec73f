"""Pictures of assets by sphere tracing: one camera an asset.

A ray stops half a pixel inside the surface, so that its smallest distance, in pixels, is the
coverage of its pixel: alpha is anti-aliased with one ray a pixel. Cones through tiles of pixels
march first; the rays of a tile start where its cone first comes near something.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.rendering.cameras import Cameras
from backend.rendering.lighting import Shading, headlight, shade

from .kernels import planar_color, planar_distance
from .table import AssetBatch

BOUND = 0.96
"""Radius of the ball that holds every toy."""
TILE = 4
CONE_STEPS = 14
RAY_STEPS = (4, 4, 6, 8, 12)
"""Steps between compactions: rays that are done leave the batch."""
SAFETY = 0.9
"""Part of the distance that a step covers: distances are first-order, not exact bounds."""
PROBE = 2e-3
"""Arm of the tetrahedron that normals are measured on, metres."""


@dataclass(frozen=True)
class Renders:
    """Pictures of ``views`` assets, ``size`` pixels square, the top row first."""

    rgb: Float[Tensor, "views size size 3"]
    """Shaded and over the background."""
    albedo: Float[Tensor, "views size size 3"]
    """Unlit color, not multiplied by alpha; 0 where alpha is 0."""
    alpha: Float[Tensor, "views size size"]
    depth: Float[Tensor, "views size size"]
    """Distance from the camera along the ray, metres; 0 where alpha is 0."""
    normals: Float[Tensor, "views size size 3"]
    """Unit normals in the toy's frame; 0 where alpha is 0."""


@dataclass
class _Rays:
    """Rays with their state; ``pixel`` says where each came from."""

    pixel: Int[Tensor, "views rays"]
    directions: Float[Tensor, "views 3 rays"]
    t: Float[Tensor, "views rays"]
    best: Float[Tensor, "views rays"]
    """Smallest distance so far, in pixels."""
    best_t: Float[Tensor, "views rays"]
    live: Bool[Tensor, "views rays"]

    def keep(self, wanted: Bool[Tensor, "views rays"]) -> _Rays:
        """Wanted rays of each view first, and as few others as a rectangle needs."""
        order = _front(wanted)
        return _Rays(
            self.pixel.gather(1, order),
            self.directions.gather(2, order[:, None].expand(-1, 3, -1)),
            self.t.gather(1, order),
            self.best.gather(1, order),
            self.best_t.gather(1, order),
            (self.live & wanted).gather(1, order),
        )


def _front(wanted: Bool[Tensor, "views rays"]) -> Int[Tensor, "views kept"]:
    """Indices of the wanted entries of each row, padded with unwanted ones to equal length."""
    count = int(wanted.sum(1).max())
    return wanted.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :count]


def _march_tiles(
    batch: AssetBatch,
    origins: Float[Tensor, "views 3"],
    directions: Float[Tensor, "views 3 tiles"],
    slope: Float[Tensor, "views 1"],
    first: Float[Tensor, "views 1"],
    last: Float[Tensor, "views 1"],
    compiled: bool,
) -> Float[Tensor, "views tiles"]:
    """Where each cone first comes near the surface; beyond ``last`` if nowhere."""
    t = first.expand(-1, directions.shape[2]).clone()
    for _ in range(CONE_STEPS):
        points = origins[:, :, None] + t[:, None] * directions
        gap = SAFETY * planar_distance(batch, points, compiled) - slope * t
        t = t + torch.where(t < last, gap.clamp_min(0.0) / (1 + slope), torch.zeros_like(gap))
    return t


def _march_rays(
    batch: AssetBatch,
    origins: Float[Tensor, "views 3"],
    rays: _Rays,
    pixel_slope: Float[Tensor, "views 1"],
    last: Float[Tensor, "views 1"],
    compiled: bool,
) -> tuple[Float[Tensor, "views pixels"], Float[Tensor, "views pixels"]]:
    """Smallest distance of each ray in pixels, and where along it."""
    best, best_t = rays.best.clone(), rays.best_t.clone()
    rays = rays.keep(rays.live)
    for steps in RAY_STEPS:
        if rays.pixel.shape[1] == 0:
            break
        for _ in range(steps):
            footprint = pixel_slope * rays.t
            points = origins[:, :, None] + rays.t[:, None] * rays.directions
            signed = planar_distance(batch, points, compiled)
            ratio = signed / footprint
            nearer = (ratio < rays.best) & rays.live
            rays.best = torch.where(nearer, ratio, rays.best)
            rays.best_t = torch.where(nearer, rays.t, rays.best_t)
            rays.live = rays.live & (ratio > -0.5) & (rays.t < last)
            step = (SAFETY * signed + 0.5 * footprint).clamp_min(0.02 * footprint)
            rays.t = torch.where(rays.live, rays.t + step, rays.t)
        best.scatter_(1, rays.pixel, rays.best)
        best_t.scatter_(1, rays.pixel, rays.best_t)
        rays = rays.keep(rays.live)
    return best, best_t


def surface_normals(
    batch: AssetBatch, points: Float[Tensor, "assets 3 points"], compiled: bool
) -> tuple[Float[Tensor, "assets 3 points"], Float[Tensor, "assets points"]]:
    """Unit gradient of the distance, and the distance, from four probes around each point."""
    arms = points.new_tensor([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]]) * PROBE
    probes = torch.cat([points + arm[None, :, None] for arm in arms], dim=2)
    values = planar_distance(batch, probes, compiled).unflatten(1, (4, -1))
    gradient = torch.einsum("akn,kc->acn", values, arms) / (4 * PROBE**2)
    length = gradient.norm(dim=1, keepdim=True).clamp_min(1e-3)
    return gradient / length, values.mean(1) / length[:, 0]


def render(
    batch: AssetBatch,
    cameras: Cameras,
    size: int,
    *,
    lights: Float[Tensor, "views 3"] | None = None,
    shading: Shading = "full",
    background: Float[Tensor, "views 3"] | None = None,
    compiled: bool = True,
) -> Renders:
    """Render each asset of ``batch`` with the camera of the same row.

    ``lights`` are point lights in metres (default: each camera's headlight), ``background`` solid
    colors (default: white). Multiples of 4 are the quickest sizes.
    """
    device = batch.device
    views = len(batch)
    lights = headlight(cameras) if lights is None else lights
    origins, flat = cameras.rays(size)
    directions = flat.transpose(1, 2).contiguous()
    away = origins.norm(dim=1, keepdim=True)
    first, last = (away - BOUND).clamp_min(0.02), away + BOUND
    pixel_slope = 1.0 / (cameras.focal[:, None] * size)

    tile = TILE if size % TILE == 0 else 1
    coarse = size // tile
    _, tiles = cameras.rays(coarse)
    # A cone holds its tile's pixels and half a pixel around them, to the corners.
    slope = pixel_slope * (tile + 1) / 2 * 2**0.5
    tile_t = _march_tiles(
        batch, origins, tiles.transpose(1, 2).contiguous(), slope, first, last, compiled
    )
    grid = tile_t.view(views, coarse, 1, coarse, 1).expand(-1, -1, tile, -1, tile)
    t = grid.reshape(views, size * size)
    pixels = torch.arange(size * size, device=device).expand(views, -1)
    rays = _Rays(pixels, directions, t, torch.full_like(t, 1e3), t, t < last)
    best, best_t = _march_rays(batch, origins, rays, pixel_slope, last, compiled)

    alpha = (0.5 - best).clamp(0.0, 1.0)
    hit = _front(alpha > 0)
    planes = hit[:, None].expand(-1, 3, -1)
    along, forward = best_t.gather(1, hit), directions.gather(2, planes)
    points = origins[:, :, None] + along[:, None] * forward
    normals, signed = surface_normals(batch, points, compiled)
    points = points - normals * signed[:, None]
    colors = planar_color(batch, points, compiled)
    covered = alpha.gather(1, hit)[..., None] > 0
    # Back along the ray to the surface, but not far where the ray only grazes it.
    facing = -(normals * forward).sum(1)
    depth = (along + signed / facing.clamp_min(0.3))[..., None]
    placed = points.transpose(1, 2)
    lit = shade(colors, normals.transpose(1, 2), placed, lights[:, None].expand_as(placed), shading)

    def image(values: Float[Tensor, "views hits c"]) -> Float[Tensor, "views size size c"]:
        channels = values.shape[2]
        canvas = values.new_zeros(views, size * size, channels)
        canvas.scatter_(1, hit[..., None].expand(-1, -1, channels), values * covered)
        return canvas.view(views, size, size, channels)

    opacity = alpha.view(views, size, size)
    backdrop = lit.new_ones(views, 3) if background is None else background
    rgb = image(lit) * opacity[..., None]
    rgb = rgb + (1 - opacity[..., None]) * backdrop[:, None, None]
    return Renders(
        rgb, image(colors), opacity, image(depth)[..., 0], image(normals.transpose(1, 2))
    )

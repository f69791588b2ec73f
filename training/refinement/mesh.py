"""The second stage's mesh: contoured before, trained, and unwrapped and painted after (A26).

Vertices move by ``(I + stiffness * L)^-1 u`` with L the mesh's Laplacian and u the parameter
(Nicolet et al. 2021): a gradient on a few vertices moves their neighbourhood with them, so that
what is seen from one side only stays smooth. Colors stay those of the model's field, with a
learned offset on the grid as in fine-tuning (A25).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import diags, identity
from scipy.sparse.linalg import SuperLU, splu
from torch import Tensor, nn

from backend.accelerator import TorchField
from backend.atlas.bake import paint
from backend.atlas.texels import texel_map
from backend.atlas.unwrap import unwrap
from backend.field_reader import Reader
from backend.mesh_pipeline import PipelineConfig, surface
from backend.model.att3d import ATT3D, Objects, OutputOffset
from backend.model.field import Field
from backend.progress import CancelToken, Stages
from backend.protocol.options import MeshOptions
from backend.surface.topology import Faces, Vertices, links
from backend.textured_mesh import GeneratedMesh


def contoured(field: Field, options: MeshOptions) -> tuple[Vertices, Faces]:
    """The object's surface, as a mesh without UVs.

    Raises:
        BadRequest: the field has no surface, or too few faces for it.
    """
    reader = Reader(TorchField(field), CancelToken())
    vertices, faces, _ = surface(reader, options, PipelineConfig(), Stages())
    return vertices, faces


def painted(field: Field, vertices: Vertices, faces: Faces, texture_size: int) -> GeneratedMesh:
    """The mesh with UVs and the field's colors where the mesh is, not where the field's surface
    is."""
    reader = Reader(TorchField(field), CancelToken())
    uvs = unwrap(vertices, faces, texture_size, reader.cancel).uvs
    texels = texel_map(vertices, faces, uvs, texture_size)
    position = texels.read(texels.subdivided(vertices, faces))
    return GeneratedMesh(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uvs=uvs,
        texture=paint(reader.color(position), texels, texels.gutter()),
    )


REACH = 0.02
"""Metres that a vertex moves for one unit of u that all its neighbours share: optimizer rates then
mean about the same as on the grid."""


@dataclass(frozen=True)
class SurfaceObjects(Objects):
    """Views of one mesh; every object's colors, on the common vertices."""

    vertices: Float[Tensor, "vertices 3"]


class RefinedSurface(OutputOffset):
    """The parameters of the second stage. Starts as the mesh and the colors that were there."""

    base: Float[Tensor, "vertices 3"]
    move: Float[Tensor, "vertices 3"]

    def __init__(
        self, model: ATT3D, vertices: Vertices, faces: Faces, *, stiffness: float = 20.0
    ) -> None:
        super().__init__(model)
        start = torch.from_numpy(vertices.astype(np.float32)).to(self.values.device)
        self.register_buffer("base", start)
        self.move = nn.Parameter(torch.zeros_like(start))
        self._smoother = Smoother(len(vertices), faces, stiffness)

    @property
    def vertices(self) -> Float[Tensor, "vertices 3"]:
        return self.base + REACH * self._smoother(self.move)

    def forward(self, objects: Objects) -> SurfaceObjects:
        """The objects with the offset, on the moved vertices."""
        tuned = super().forward(objects)
        return SurfaceObjects(tuned.latent, tuned.values, self.vertices)


class Smoother:
    """``(I + stiffness * L)^-1``, factored once."""

    def __init__(self, count: int, faces: Faces, stiffness: float) -> None:
        joined = links(faces, count)
        laplacian = diags(np.asarray(joined.sum(axis=1))[:, 0]) - joined
        self._factors: SuperLU = splu((identity(count) + stiffness * laplacian).tocsc())

    def __call__(self, u: Float[Tensor, "vertices n"]) -> Float[Tensor, "vertices n"]:
        return _Solve.apply(u, self._factors)  # type: ignore[no-any-return]


class _Solve(torch.autograd.Function):
    """The solution of a symmetric system; its gradient is a solution of the same system."""

    @staticmethod
    def forward(ctx: Any, right: Tensor, factors: SuperLU) -> Tensor:
        ctx.factors = factors
        return _solved(right, factors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _solved(gradients[0], ctx.factors), None


def _solved(right: Tensor, factors: SuperLU) -> Tensor:
    solution = factors.solve(right.detach().cpu().double().numpy())
    return torch.from_numpy(solution).to(right)

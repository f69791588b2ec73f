"""The second stage's mesh, before and after: contoured, unwrapped and painted as ever (A26)."""

from __future__ import annotations

import numpy as np

from backend.accelerator import TorchField
from backend.atlas.bake import paint, texel_map
from backend.atlas.unwrap import unwrap
from backend.field_reader import Reader
from backend.mesh_pipeline import PipelineConfig, surface
from backend.model.field import Field
from backend.progress import CancelToken, Stages
from backend.protocol.options import MeshOptions
from backend.surface.topology import Faces, Vertices
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
    """The mesh with UVs and the field's colours where the mesh is, not where the field's surface
    is."""
    reader = Reader(TorchField(field), CancelToken())
    uvs = unwrap(vertices, faces, texture_size, reader.cancel).uvs
    texels = texel_map(vertices, faces, uvs, texture_size)
    position = texels.read(texels.subdivided(vertices, faces))
    return GeneratedMesh(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uvs=uvs,
        texture=paint(reader, position, texels, texels.gutter()),
    )

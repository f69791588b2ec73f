"""A field becomes a textured mesh."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .bake import bake
from .clean import CleanConfig, drop_specks_and_cavities, smooth
from .contour import contour
from .fit import fit_faces
from .options import MeshOptions
from .reader import MeshableField, Reader
from .result import GeneratedMesh
from .simplify import decimate
from .snap import relax, snap_vertices
from .stages import Stages
from .topology import Faces, Vertices
from .unwrap import unwrap


@dataclass(frozen=True)
class PipelineConfig:
    """Everything about the way from a field to a mesh that a person does not choose."""

    coarse_share: float = 0.5
    """Samples per axis of the first look, as a share of the resolution."""
    margin: float = 20.0
    """Pre-density that may change within a cell of the first look (see ``Field.near_surface``)."""
    clean: CleanConfig = field(default_factory=CleanConfig)
    snap_rounds: int = 2
    relax_rounds: int = 1
    snap_reach: float = 1.5
    """How far a vertex may move to find the surface, in cells of the grid."""


def surface(
    reader: Reader, options: MeshOptions, config: PipelineConfig, stages: Stages
) -> tuple[Vertices, Faces, list[str]]:
    """The object's surface within the face budget, and notes about what was dropped."""
    source = reader.field
    cell = 2.0 * source.bound / (options.resolution - 1)
    with stages.stage("density"):
        coarse = max(16, round(config.coarse_share * options.resolution))
        grid = source.near_surface(options.resolution, coarse, config.margin)
        values = np.array(grid.cpu().numpy(), dtype=np.float32)
    with stages.stage("contour"):
        vertices, faces = contour(values, source.level, source.bound, stages.cancel)
    with stages.stage("clean"):
        vertices, faces, specks, hidden = drop_specks_and_cavities(
            vertices, faces, config.clean, stages.cancel
        )
        vertices = smooth(vertices, faces, config.clean.smoothing_rounds)
    with stages.stage("decimate"):
        vertices, faces = decimate(vertices, faces, options.faces, stages.cancel)
        reach = config.snap_reach * cell
        vertices = snap_vertices(reader, vertices, faces, config.snap_rounds, reach)
        vertices = relax(vertices, faces, config.relax_rounds)
        vertices = snap_vertices(reader, vertices, faces, 1, reach)
        vertices = fit_faces(reader, vertices, faces, reach)
    return vertices, faces, _notes(specks, hidden)


def field_to_mesh(
    source: MeshableField,
    options: MeshOptions,
    stages: Stages | None = None,
    config: PipelineConfig | None = None,
) -> GeneratedMesh:
    """Contour, clean, decimate, unwrap and bake.

    Raises:
        BadRequest: the field has no surface, or too few faces for it.
        Cancelled: asked to stop.
    """
    stages = stages or Stages()
    reader = Reader(source, stages.cancel)
    vertices, faces, notes = surface(reader, options, config or PipelineConfig(), stages)
    with stages.stage("uv"):
        uvs = unwrap(vertices, faces, options.texture_size, stages.cancel).uvs
    with stages.stage("bake"):
        texture, normal_map = bake(
            reader, vertices, faces, uvs, options.texture_size, with_normals=options.normal_map
        )
    stages.done()
    return GeneratedMesh(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uvs=uvs,
        texture=texture,
        normal_map=normal_map,
        timings=stages.timings,
        notes=notes,
    )


def _notes(specks: int, hidden: int) -> list[str]:
    notes = []
    if specks:
        notes.append(f"dropped {specks} floating speck{'s' if specks > 1 else ''}")
    if hidden:
        notes.append(f"dropped {hidden} hidden inner surface{'s' if hidden > 1 else ''}")
    return notes

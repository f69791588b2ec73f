"""A field becomes a textured mesh."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from .atlas.bake import bake
from .atlas.detail import texel_scale
from .atlas.finish import Coat
from .atlas.unwrap import unwrap
from .field_reader import Field, Reader
from .progress import Stages
from .prompts.materials import PLAIN, Finish
from .protocol.options import MeshOptions
from .surface.clean import CleanConfig, drop_specks_and_cavities
from .surface.contour import contour
from .surface.curved import split_curved
from .surface.face_fit import fit_faces
from .surface.flips import flip_edges
from .surface.quads import remesh
from .surface.refine import finer_grid, near_surface
from .surface.simplify import decimate
from .surface.topology import Polygons, Vertices, triangulated
from .textured_mesh import GeneratedMesh


@dataclass(frozen=True)
class PipelineConfig:
    """Everything about the way from a field to a mesh that a person does not choose."""

    looks: tuple[float, float, float] = (0.375, 0.5, 1.0)
    """Samples per axis of the three looks at the field, each near what the one before it found, as
    shares of the resolution. Contoured is the last."""
    finest: int = 288
    """Samples per axis to which the third look goes at most; a larger resolution goes without."""
    margin: float = 20.0
    """Pre-density that may change within a cell of the first look (see ``near_surface``)."""
    clean: CleanConfig = field(default_factory=CleanConfig)
    split_share: float = 0.2
    """Share of the contour's edges that are split before decimation, where the surface bends."""
    flip_rounds: int = 1
    fit_reach: float = 1.0
    """How far a vertex may move at once to fit the surface, in cells of the resolution."""
    quads_from: int = 8000
    """Quads are laid over a surface of this many triangles at least."""


def surface(
    reader: Reader, options: MeshOptions, config: PipelineConfig, stages: Stages
) -> tuple[Vertices, Polygons, list[str]]:
    """The object's surface within the face budget, and notes about what was dropped."""
    vertices, faces, notes = _decimated(reader, options, config, stages)
    if options.topology == "triangles":
        vertices = _fitted(reader, vertices, faces, options, config)
    return vertices, faces, notes


def _decimated(
    reader: Reader, options: MeshOptions, config: PipelineConfig, stages: Stages
) -> tuple[Vertices, Polygons, list[str]]:
    """As :func:`surface`, but triangles are not yet fitted."""
    source = reader.field
    first, second, third = (max(16, round(share * options.resolution)) for share in config.looks)
    third = max(options.resolution, min(third, config.finest))
    with stages.stage("density"):
        grid = near_surface(reader, second, first, config.margin)
        values = finer_grid(reader, grid, third)
    with stages.stage("contour"):
        vertices, faces = contour(values, source.level, source.bound, stages.cancel)
    with stages.stage("clean"):
        vertices, faces, specks, hidden = drop_specks_and_cavities(
            vertices, faces, config.clean, stages.cancel
        )
    with stages.stage("decimate"):
        quads = options.topology == "quads"
        most = max(options.faces, config.quads_from) if quads else options.faces
        if len(faces) > most:
            cell = 2.0 * source.bound / (third - 1)
            vertices, faces = split_curved(reader, vertices, faces, config.split_share, cell / 2)
        vertices, faces = decimate(vertices, faces, most, stages.cancel)
        faces = flip_edges(reader, vertices, faces, config.flip_rounds)
        if quads:
            vertices = _fitted(reader, vertices, faces, options, config)
            vertices, faces = remesh(reader, vertices, faces, options.faces // 2)
    return vertices, faces, _notes(specks, hidden)


def _fitted(
    reader: Reader,
    vertices: Vertices,
    faces: Polygons,
    options: MeshOptions,
    config: PipelineConfig,
) -> Vertices:
    """The vertices of triangles, moved so that these lie on the surface."""
    reach = config.fit_reach * 2.0 * reader.field.bound / (options.resolution - 1)
    return fit_faces(reader, vertices, faces, reach)


def field_to_mesh(
    source: Field,
    options: MeshOptions,
    stages: Stages | None = None,
    config: PipelineConfig | None = None,
    finish: Finish = PLAIN,
    coats: Sequence[Coat] = (),
) -> GeneratedMesh:
    """Contour, clean, decimate, unwrap and bake.

    Args:
        finish: Metal and roughness of the object ...
        coats: ... and of its parts.

    Raises:
        BadRequest: the field has no surface, or too few faces for it.
        MissingDependency: what lays quads, or xatlas, is not installed.
        Cancelled: asked to stop.
    """
    stages = stages or Stages()
    reader, config = Reader(source, stages.cancel), config or PipelineConfig()
    vertices, faces, notes = _decimated(reader, options, config, stages)
    with stages.stage("uv"), ThreadPoolExecutor(1) as other:
        # The fit moves vertices by less than a cell, so the layout of before it serves as well.
        fitting = None
        if options.topology == "triangles":
            fitting = other.submit(_fitted, reader, vertices, faces, options, config)
        size, way = options.texture_size, options.unwrap
        scale = texel_scale(reader, vertices, faces)
        uvs = unwrap(vertices, faces, size, stages.cancel, way, scale).uvs
        if fitting is not None:
            vertices = fitting.result()
    with stages.stage("bake"):
        texture, normal_map, finish_map = bake(
            reader,
            vertices,
            triangulated(faces),
            triangulated(uvs),
            options.texture_size,
            with_normals=options.normal_map,
            finish=finish,
            coats=coats,
        )
    stages.done()
    return GeneratedMesh(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uvs=uvs,
        texture=texture,
        normal_map=normal_map,
        finish=finish,
        finish_map=finish_map,
        timings=stages.timings,
        notes=notes,
    )


def _notes(specks: int, hidden: int) -> list[str]:
    notes = []
    if specks:
        notes.append(f"{_count(specks, 'tiny loose piece')} left out")
    if hidden:
        notes.append(f"{_count(hidden, 'surface')} hidden inside left out")
    return notes


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' if number > 1 else ''}"

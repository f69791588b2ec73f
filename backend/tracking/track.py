"""A chain becomes one mesh whose vertices and texture change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..atlas.detail import scale_of_slopes, squared_slopes
from ..atlas.texels import texel_map
from ..atlas.unwrap import unwrap
from ..progress import Stages
from ..protocol.chain_quality import AlphaQuality
from ..protocol.options import ChainOptions
from ..shapes import Float
from ..surface.topology import triangulated
from .chain import FieldChain, key_name
from .chain_reader import FINEST, INTERVALS, ChainReader
from .joined import Joined
from .key_shapes import Segment
from .painting import around_moments, baked
from .quality import diagonal, drift, measure
from .segments import make_tracker, one_segment, several_segments
from .solids import extract
from .tracked_mesh import TrackedMesh
from .vertex_tracker import STEPS

SHARES = {
    "text": 0.03,
    "fields": 0.2,
    "template": 0.05,
    "keys": 0.2,
    "segments": 0.17,
    "uv": 0.05,
    "bake": 0.15,
    "quality": 0.15,
}
"""Rough share of the time of each stage, in order. Where objects are unlike, ``segments`` takes
most of it; else there is none."""
COARSE = 2 * INTERVALS
"""As finely as this a chain is read, between neighbours that differ, for few keys."""
BETWEEN = 4
"""Alphas measured between two prompts, besides the keys."""
SEED = 0
"""Seed of those alphas, which are random, so that a run is measured the same way each time."""


def track(
    chain: FieldChain, options: ChainOptions | None = None, stages: Stages | None = None
) -> TrackedMesh:
    """One topology and UV layout for the whole chain; positions and a texture for every key.

    Raises:
        BadRequest: somewhere along the chain there is nothing, or too few faces for it.
        Cancelled: asked to stop.
    """
    options = options or ChainOptions()
    stages = stages or Stages(shares=SHARES)
    source = ChainReader(chain, options.resolution, stages.cancel)
    with stages.stage("fields"):
        finest = FINEST if options.keys > STEPS + 1 else COARSE
        everything, changes = source.survey(lambda done: stages.within("fields", done), finest)
    with stages.stage("template"):
        whole = make_tracker(source, everything, options.faces, options)
    with stages.stage("keys"):
        alone = one_segment(whole, options, lambda done: stages.within("keys", done))
    segments = [] if alone is None else [alone]
    if alone is None:
        with stages.stage("segments"):
            segments = several_segments(
                source, options, lambda done: stages.within("segments", done)
            )
    mesh = Joined(segments, stages.cancel)
    vertices, faces, positions = mesh.vertices, mesh.faces, mesh.positions
    alphas = sorted(positions)
    with stages.stage("uv"):
        slopes = np.concatenate([_slopes(segment) for segment in segments])
        scale = scale_of_slopes(slopes, vertices, faces)
        size, way = options.texture_size, options.unwrap
        uvs = unwrap(vertices, mesh.polygons, size, stages.cancel, way, scale).uvs
    with stages.stage("bake"):
        texels = texel_map(vertices, faces, triangulated(uvs), options.texture_size)
        gutter = texels.gutter()

        def within(done: float) -> None:
            stages.within("bake", done)

        textures = baked(source, mesh, texels, gutter, within)
        textures |= around_moments(textures, mesh.moments, faces, texels, gutter)
        painted = sorted(textures)
    result = TrackedMesh(
        prompts=list(chain.prompts),
        alphas=np.array(alphas, dtype=np.float32),
        names=[key_name(chain.prompts, alpha) for alpha in alphas],
        faces=mesh.polygons.astype(np.int32),
        uvs=uvs,
        positions=np.stack([positions[alpha] for alpha in alphas]),
        textures=np.stack([textures[alpha] for alpha in painted]),
        texture_alphas=np.array(painted, dtype=np.float32),
        changes=changes,
        timings=stages.timings,
        notes=_notes(segments),
    )
    if options.quality:
        with stages.stage("quality"):
            _measure(result, source, stages)
    stages.done()
    return result


def _notes(segments: Sequence[Segment]) -> list[str]:
    if len(segments) == 1:
        return []
    most = max(len(segment.tracker.polygons) for segment in segments)
    return [
        f"the objects on this way are too unlike for one surface: there are {len(segments)} of at "
        f"most {most} faces each, of which one shows at a time"
    ]


def _slopes(segment: Segment) -> Float[np.ndarray, " vertices"]:
    """Squared slopes of the colors at the segment's prompts, or its ends, their mean."""
    tracker, (first, last) = segment.tracker, segment.ends
    prompts = [float(alpha) for alpha in range(math.ceil(first), math.floor(last) + 1)]
    found = [
        squared_slopes(tracker.source.reader(alpha), segment.positions[alpha], tracker.faces)
        for alpha in prompts or segment.ends
    ]
    return np.mean(found, axis=0)


def measure_at(
    mesh: TrackedMesh,
    source: ChainReader,
    alphas: Sequence[float],
    progress: Callable[[float], None] = lambda _: None,
) -> list[AlphaQuality]:
    """How well the mesh shows the chain's object at each alpha, against fresh extractions.

    Raises:
        Cancelled: asked to stop.
    """
    found = []
    for done, alpha in enumerate(alphas):
        progress(done / len(alphas))
        truth = extract(source.solid(alpha), source.cancel)
        found.append(
            measure(
                source.reader(alpha),
                alpha,
                mesh.at(alpha),
                mesh.triangles,
                truth,
                triangulated(mesh.uvs),
                mesh.texture_at(alpha),
            )
        )
    return found


def _measure(result: TrackedMesh, source: ChainReader, stages: Stages) -> None:
    """Fill in what :class:`TrackedMesh` says about its quality."""
    generator = np.random.default_rng(SEED)
    pairs = len(result.prompts) - 1
    between = np.arange(BETWEEN * pairs) / BETWEEN + generator.random(BETWEEN * pairs) / BETWEEN
    keys = [float(alpha) for alpha in result.alphas]
    wanted = [*keys, *(float(alpha) for alpha in between)]
    found = measure_at(result, source, wanted, lambda done: stages.within("quality", done))
    result.quality, result.between = found[: len(keys)], found[len(keys) :]
    size = max(diagonal(extract(source.solid(alpha), source.cancel)[0]) for alpha in keys)
    result.drift_pct = drift(list(result.positions), result.triangles, size)

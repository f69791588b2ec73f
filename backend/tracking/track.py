"""A chain becomes one mesh whose vertices and texture change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..atlas.detail import scale_of_slopes, squared_slopes
from ..atlas.texels import texel_map
from ..atlas.unwrap import unwrap
from ..progress import Stages
from ..protocol.chain_quality import AlphaQuality
from ..protocol.options import ChainOptions
from ..surface.topology import Vertices, triangulated
from .backfaces import tuck
from .chain import FieldChain, key_name
from .chain_reader import FINEST, INTERVALS, ChainReader
from .islands import Islands
from .keys import choose_keys, sudden_changes
from .painting import around_moments, baked
from .quality import diagonal, drift, measure
from .solids import extract
from .strands import together
from .sudden import at
from .tracked_mesh import TrackedMesh
from .vertex_tracker import STEPS, Tracker, make_template

SHARES = {
    "text": 0.03,
    "fields": 0.2,
    "template": 0.05,
    "keys": 0.37,
    "uv": 0.05,
    "bake": 0.15,
    "quality": 0.15,
}
"""Rough share of the time of each stage, in order."""
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
        islands = Islands(everything, source.alphas, source.solid)
        layers = make_template(everything, islands, options.faces, stages.cancel, options.topology)
        tracker = Tracker(source, islands, layers)
        vertices, faces = tracker.vertices, tracker.faces
    with stages.stage("keys"):
        tracker.track_all(lambda done: stages.within("keys", done))
        places = choose_keys(tracker, options.keys)
        positions: dict[float, Vertices] = {}
        strands = None
        for alpha in places:
            tucked = tuck(tracker.positions[alpha], faces, stages.cancel)
            strands = tracker.strands(alpha, tucked, strands)
            positions[alpha] = tracker.drawn_in(alpha, together(tucked, strands))
        tracker.positions |= positions
        moments = sudden_changes(tracker, places, positions, options.keys)
        for ends, own in moments.items():
            both = positions[ends[0]], positions[ends[1]]
            positions |= {
                side: at(side, ends, both, own) for moment in own for side in moment.sides
            }
        alphas = sorted(positions)
    with stages.stage("uv"):
        slopes = np.mean(
            [
                squared_slopes(source.reader(float(alpha)), positions[alpha], faces)
                for alpha in range(len(chain.prompts))
            ],
            axis=0,
        )
        scale = scale_of_slopes(slopes, vertices, faces)
        size, way = options.texture_size, options.unwrap
        uvs = unwrap(vertices, tracker.polygons, size, stages.cancel, way, scale).uvs
    with stages.stage("bake"):
        texels = texel_map(vertices, faces, triangulated(uvs), options.texture_size)
        gutter = texels.gutter()

        def within(done: float) -> None:
            stages.within("bake", done)

        textures = baked(source, positions, places, faces, texels, gutter, within)
        textures |= around_moments(textures, moments, faces, texels, gutter)
        painted = sorted(textures)
    result = TrackedMesh(
        prompts=list(chain.prompts),
        alphas=np.array(alphas, dtype=np.float32),
        names=[key_name(chain.prompts, alpha) for alpha in alphas],
        faces=tracker.polygons.astype(np.int32),
        uvs=uvs,
        positions=np.stack([positions[alpha] for alpha in alphas]),
        textures=np.stack([textures[alpha] for alpha in painted]),
        texture_alphas=np.array(painted, dtype=np.float32),
        changes=changes,
        timings=stages.timings,
    )
    if options.quality:
        with stages.stage("quality"):
            _measure(result, source, stages)
    stages.done()
    return result


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

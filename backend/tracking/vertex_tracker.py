"""Positions of one mesh's vertices at any alpha of a chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..field_reader import Reader
from ..mesh_pipeline import PipelineConfig
from ..progress import CancelToken
from ..protocol.options import Topology as Polygon
from ..shapes import Bool, Float, Int
from ..surface.face_fit import fit_faces
from ..surface.geometry import face_areas, vertex_normals
from ..surface.quads import remesh
from ..surface.simplify import decimate
from ..surface.topology import Faces, NewFaces, Polygons, Vertices, triangulated
from .appearance import AREA
from .chain_reader import INTERVALS, ChainReader
from .collapse import parts_of, shrink
from .islands import Islands, near
from .quality import diagonal
from .relaxation import SAMPLES, Surface, Topology
from .solids import GridField, Solid, extract
from .strands import strand_groups, together
from .sudden import Moment, at, moments
from .template_fit import Fit, Fitter

STEPS = INTERVALS
"""Alphas at which the mesh is tracked in any case are multiples of 1 / STEPS."""
COMING = 1.01 / STEPS
"""How far from an alpha at which it is an island a part is laid where it will come out."""
APART = 0.004
"""Distance at which the two sides of a sheet without thickness are kept, metres."""
INSET = 0.002
"""How deep what is hidden lies inside, metres."""
SPANNING = 1.5
"""Voxels from the object's surface beyond which the middle of a face spans a gap."""
WIDEST = 0.1
"""Size of what can be drawn to a point, as a share of the template's diagonal."""
LOOSE = 0.01
"""Distance from the object, as a share of the template's diagonal, from which on what is left of a
key's fit is put on the object."""
FEWEST = 60
"""Faces with which islands can be drawn."""


@dataclass(frozen=True)
class Layer:
    """A closed surface of which every alpha shows what it has."""

    whole: Solid
    """The solid that the layer is the surface of."""
    vertices: Vertices
    polygons: Polygons

    @property
    def faces(self) -> NewFaces:
        """Triangles, which are fitted; quads are cut in two."""
        return triangulated(self.polygons)

    @property
    def area(self) -> float:
        return float(face_areas(self.vertices, self.faces).sum())


def make_template(
    everything: Solid,
    islands: Islands,
    budget: int,
    cancel: CancelToken,
    polygon: Polygon = "triangles",
) -> list[Layer]:
    """The surface of the union of the whole chain, and that of all islands if there are any,
    together within the face budget; a quad counts as two triangles.

    Raises:
        BadRequest: the budget is too small.
        Cancelled: asked to stop.
        MissingDependency: what lays quads is not installed.
        TooThin: the union cannot be covered with so few quads.
    """
    wholes = [everything] if islands.all is None else [everything, islands.all]
    raw = [extract(whole, cancel) for whole in wholes]
    area = np.array([float(face_areas(*surface).sum()) for surface in raw])
    budgets = np.floor(budget * area / area.sum()).astype(int)
    if budgets[-1] < FEWEST:
        wholes, budgets = wholes[:1], np.array([budget])
    make = _quads if polygon == "quads" else _triangles
    return [
        make(whole, *surface, int(most), cancel)
        for whole, surface, most in zip(wholes, raw, budgets, strict=False)
    ]


def _triangles(
    whole: Solid, vertices: Vertices, faces: Faces, budget: int, cancel: CancelToken
) -> Layer:
    return Layer(whole, *decimate(vertices, faces, budget, cancel))


def _quads(
    whole: Solid, vertices: Vertices, faces: Faces, budget: int, cancel: CancelToken
) -> Layer:
    most = max(budget, PipelineConfig().quads_from)
    vertices, faces = decimate(vertices, faces, most, cancel)
    return Layer(whole, *remesh(Reader(GridField(whole), cancel), vertices, faces, budget // 2))


class Tracker:
    """Fits the template to the object at any alpha.

    Args:
        source: The chain.
        islands: Its islands.
        layers: The template.
    """

    def __init__(self, source: ChainReader, islands: Islands, layers: list[Layer]) -> None:
        self.source = source
        self.islands = islands
        self.fitters = [
            Fitter(
                Topology(layer.vertices, layer.faces, int(SAMPLES * layer.area / layers[0].area)),
                layer.whole,
                source.cancel,
            )
            for layer in layers
        ]
        self.vertices = np.concatenate([layer.vertices for layer in layers])
        first = np.cumsum([0, *(len(layer.vertices) for layer in layers)])
        self.polygons = np.concatenate(
            [layer.polygons + start for layer, start in zip(layers, first, strict=False)]
        )
        self.faces = triangulated(self.polygons)
        self.size = diagonal(self.vertices)
        self.positions: dict[float, Float[np.ndarray, "vertices 3"]] = {}
        self.absent: dict[float, Bool[np.ndarray, " vertices"]] = {}
        """Vertices of whole parts that the object does not have."""
        self.hidden: dict[float, Bool[np.ndarray, " vertices"]] = {}
        """Vertices of the second layer where it is no island."""
        self._moments: dict[tuple[float, float], list[Moment]] = {}
        """As precisely as the survey read ..."""
        self._precise_moments: dict[tuple[float, float], list[Moment]] = {}
        """... and more so."""

    def track(self, alpha: float) -> None:
        """Find the positions at ``alpha`` and keep them.

        Raises:
            BadRequest: there is nothing at ``alpha``.
            Cancelled: asked to stop.
        """
        solid = self.source.solid(alpha)
        reader = self.source.reader(alpha)
        if len(self.fitters) == 1:
            fit = _shown(self.fitters[0], reader, solid, self.source.surface(alpha))
            hidden = np.zeros(len(fit.absent), dtype=bool)
        else:
            rest, second, islands = self.islands.split(solid)
            first = _shown(self.fitters[0], reader, rest)
            other = self._second(second, alpha)
            inside = ~near(solid, islands, other.positions) & ~other.absent
            fit = Fit(*(np.concatenate(pair) for pair in zip(first, other, strict=True)))
            hidden = np.concatenate([np.zeros(len(first.absent), dtype=bool), inside])
        inwards = -INSET * vertex_normals(fit.positions, self.faces)
        positions = np.where(hidden[:, None], fit.positions + inwards, fit.positions)
        self.positions[alpha] = positions.astype(np.float32)
        self.absent[alpha], self.hidden[alpha] = fit.absent, hidden

    def track_all(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """Track at every multiple of 1 / :data:`STEPS`.

        Raises:
            BadRequest: somewhere there is nothing.
            Cancelled: asked to stop.
        """
        for done, alpha in enumerate(self.source.regular, start=1):
            if alpha not in self.positions:
                self.track(alpha)
            progress(done / len(self.source.regular))
        self._shrink()
        for alpha, positions in self.positions.items():
            self.positions[alpha] = self.folded(alpha, positions)

    def add(self, alpha: float) -> None:
        """Track at one more alpha, after :meth:`track_all`; raises as :meth:`track` does."""
        if alpha not in self.positions:
            self.track(alpha)
            self._shrink()
            self.positions[alpha] = self.folded(alpha, self.positions[alpha])

    def folded(
        self, alpha: float, positions: Float[np.ndarray, "vertices 3"]
    ) -> Float[np.ndarray, "vertices 3"]:
        """Positions at ``alpha`` whose strands across gaps of the object have no area."""
        return together(positions, self.strands(alpha, positions))

    def strands(
        self,
        alpha: float,
        positions: Float[np.ndarray, "vertices 3"],
        before: Int[np.ndarray, " vertices"] | None = None,
    ) -> Int[np.ndarray, " vertices"]:
        """Which vertices of strands across gaps of the object become one at ``alpha``; ``before``:
        those at the key before it."""
        surface = self.source.surface(alpha)
        off, _ = surface.tree.query(positions[self.faces].mean(axis=1))
        spanning = off > SPANNING * self.source.solid(alpha).voxel
        return strand_groups(positions, self.faces, spanning, WIDEST * self.size, before)

    def drawn_in(
        self, alpha: float, positions: Float[np.ndarray, "vertices 3"]
    ) -> Float[np.ndarray, "vertices 3"]:
        """Positions at ``alpha`` of which what is still far from the object lies on it, if then the
        farthest place is nearer."""
        surface = self.source.surface(alpha)
        best, least = positions, self.farthest(alpha, positions, centres=True)
        while least > LOOSE * self.size:
            seen = np.unique(self.faces[face_areas(best, self.faces) > AREA])
            off, nearest = surface.tree.query(best)
            # Vertices in one place, of strands without area, go together.
            _, place = np.unique(best, axis=0, return_inverse=True)
            far = np.isin(place, place[seen[off[seen] > LOOSE * self.size]])
            moved = np.where(far[:, None], surface.points[nearest], best).astype(best.dtype)
            farthest = self.farthest(alpha, moved, centres=True)
            if farthest >= least:
                break
            best, least = moved, farthest
        return best

    def farthest(self, alpha: float, positions: Vertices, *, centres: bool) -> float:
        """Largest distance, metres, from a corner, and the centre if asked for, of a face with an
        area to the object's surface at ``alpha``."""
        seen = self.faces[face_areas(positions, self.faces) > AREA]
        points = positions[np.unique(seen)]
        if centres:
            points = np.concatenate([points, positions[seen].mean(axis=1)])
        off, _ = self.source.surface(alpha).tree.query(points)
        return float(off.max(initial=0.0))

    def moments(self, before: float, after: float) -> list[Moment]:
        """What comes or goes at once between two keys, whose positions stay as they are; rising,
        precisely."""
        keys = before, after
        if keys not in self._precise_moments:
            self._precise_moments[keys] = self._find_moments(before, after, precise=True)
        return self._precise_moments[keys]

    def blend(self, before: float, after: float, alpha: float) -> Vertices:
        """What keys at two tracked alphas show at one between them that the survey read."""
        keys = before, after
        if keys not in self._moments:
            self._moments[keys] = self._find_moments(before, after, precise=False)
        positions = self.positions[before], self.positions[after]
        return at(alpha, keys, positions, self._moments[keys])

    def _find_moments(self, before: float, after: float, *, precise: bool) -> list[Moment]:
        positions = self.positions[before], self.positions[after]
        return moments((before, after), positions, self.faces, self.source, self.size, precise)

    def _second(self, solid: Solid, alpha: float) -> Fit:
        """The second layer on what it is to show, or nowhere if none of that is about to come
        out."""
        topology = self.fitters[1].topology
        out = any(abs(other - alpha) <= COMING for other in self.islands.alphas)
        if not out or not solid.inside.any():
            return Fit(topology.vertices, np.ones(topology.count, dtype=bool))
        return _shown(self.fitters[1], Reader(GridField(solid), self.source.cancel), solid)

    def _shrink(self) -> None:
        """Give parts that are absent, or hidden and not about to come out, no area, where they are
        at the nearest alpha at which they are needed."""
        alphas = sorted(self.positions)
        for own, faces in parts_of(self.faces, len(self.vertices)):
            there = {alpha for alpha in alphas if not self.absent[alpha][own].any()}
            out = np.array([alpha for alpha in there if not self.hidden[alpha][own].all()])
            needed = [alpha for alpha in there if (np.abs(out - alpha) <= COMING).any()]
            if not needed:
                continue
            shrunk: dict[float, Vertices] = {}
            for alpha in set(alphas).difference(needed):
                nearest = min(needed, key=lambda other: (abs(other - alpha), other))
                if nearest not in shrunk:
                    shrunk[nearest] = shrink(self.positions[nearest][own], faces)
                self.positions[alpha][own] = shrunk[nearest]


def _shown(fitter: Fitter, reader: Reader, solid: Solid, surface: Surface | None = None) -> Fit:
    """A layer on a solid, whose surface may be given."""
    fit, surface = fitter.fit(reader, solid, surface)
    topology = fitter.topology
    found, absent = fit.positions, fit.absent
    fitted = fit_faces(reader, found, topology.faces, solid.voxel)
    off, _ = surface.tree.query(found[topology.faces].mean(axis=1))
    spanning = np.zeros(len(found), dtype=bool)
    spanning[topology.faces[off > SPANNING * solid.voxel]] = True
    # A sheet that the object does not have lies on itself; its sides must not show through.
    aside = found + APART * topology.normals
    positions = np.where(spanning[:, None], aside, fitted)
    return Fit(np.where(absent[:, None], found, positions), absent)

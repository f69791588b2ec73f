"""The meshes of a chain's segments as one mesh, of which the segment that shows has an area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..progress import CancelToken
from ..shapes import Bool, Int
from ..surface.topology import NewFaces, Polygons, Vertices, triangulated
from .collapse import parts_of, shrink
from .key_shapes import Positions, Segment
from .sudden import INSTANT, Moment


@dataclass(frozen=True)
class Joined:
    """The meshes of all segments as one, whose vertices and faces follow each other.

    A segment takes over :data:`~.sudden.INSTANT` after the one before it has given way.
    """

    segments: Sequence[Segment]
    cancel: CancelToken

    @cached_property
    def vertices(self) -> Vertices:
        return np.concatenate([segment.tracker.vertices for segment in self.segments])

    @cached_property
    def polygons(self) -> Polygons:
        return np.concatenate(
            [
                segment.tracker.polygons + first
                for segment, first in zip(self.segments, self._first_vertices, strict=False)
            ]
        )

    @cached_property
    def faces(self) -> NewFaces:
        return triangulated(self.polygons)

    @cached_property
    def segment_of_vertex(self) -> Int[np.ndarray, " vertices"]:
        return np.repeat(np.arange(len(self.segments)), np.diff(self._first_vertices))

    def vertices_of(self, number: int) -> slice:
        """A segment's own vertices."""
        first, last = self._first_vertices[number : number + 2]
        return slice(int(first), int(last))

    @property
    def segment_of_face(self) -> Int[np.ndarray, " faces"]:
        return self.segment_of_vertex[self.faces[:, 0]]

    @cached_property
    def positions(self) -> Positions:
        """Positions of all vertices, by alpha."""
        if len(self.segments) == 1:
            return self.segments[0].positions
        found: Positions = {}
        gone = [_gone(segment) for segment in self.segments]
        for number in range(len(self.segments)):
            self.cancel.check()
            shapes = [last if other < number else first for other, (first, last) in enumerate(gone)]
            for alpha, own in self.segments[number].positions.items():
                shapes[number] = own
                found[self.place(number, alpha)] = np.concatenate(shapes)
        return found

    @property
    def _turns(self) -> list[float]:
        """Where each segment but the last gives way to the next."""
        return [segment.ends[1] for segment in self.segments[:-1]]

    @cached_property
    def places(self) -> dict[float, int]:
        """The keys with a texture, and the segment that each shows."""
        return {
            self.place(number, alpha): number
            for number, segment in enumerate(self.segments)
            for alpha in segment.places
        }

    @cached_property
    def moments(self) -> dict[tuple[float, float], list[Moment]]:
        found = {}
        for number, segment in enumerate(self.segments):
            for (first, last), own in segment.moments.items():
                ends = self.place(number, first), self.place(number, last)
                found[ends] = [
                    Moment(moment.alpha, self._padded(number, moment.own)) for moment in own
                ]
        return found

    def place(self, number: int, alpha: float) -> float:
        """Where a segment's key stands in the chain."""
        begins = number > 0 and alpha == self._turns[number - 1]
        return alpha + INSTANT if begins else alpha

    @cached_property
    def _first_vertices(self) -> Int[np.ndarray, " ends"]:
        return np.cumsum([0, *(len(segment.tracker.vertices) for segment in self.segments)])

    def _padded(self, number: int, own: Bool[np.ndarray, " some"]) -> Bool[np.ndarray, " all"]:
        result = np.zeros(len(self.vertices), dtype=bool)
        result[self.segment_of_vertex == number] = own
        return result


def _gone(segment: Segment) -> tuple[Vertices, Vertices]:
    """The mesh without area where it is at the segment's two ends."""
    tracker = segment.tracker
    found = []
    for end in segment.ends:
        positions = segment.positions[end].copy()
        for own, faces in parts_of(tracker.faces, len(tracker.vertices)):
            positions[own] = shrink(positions[own], faces)
        found.append(positions)
    return found[0], found[1]

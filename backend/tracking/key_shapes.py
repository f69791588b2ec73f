"""The shapes of a tracked mesh at its keys, and around the moments between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..shapes import Int
from ..surface.topology import Vertices
from .backfaces import tuck
from .keys import choose_keys, excess, keys_at_moments, room, shows, sudden_changes
from .strands import together
from .sudden import Moment, at
from .vertex_tracker import Tracker

Positions = dict[float, Vertices]
Strands = Int[np.ndarray, " vertices"]


@dataclass(frozen=True)
class Segment:
    """The keys of a part of the chain, and the mesh that shows them."""

    tracker: Tracker
    places: Sequence[float]
    """The keys with a texture of their own object ..."""
    positions: Positions
    """... and the positions at these and around moments."""
    moments: Mapping[tuple[float, float], Sequence[Moment]]

    @property
    def ends(self) -> tuple[float, float]:
        return self.places[0], self.places[-1]


def with_keys(tracker: Tracker, most: int) -> Segment:
    """What a tracker that has tracked all shows at its keys.

    Args:
        most: Keys from one prompt to the next, both included.

    Raises:
        Cancelled: asked to stop.
    """
    shapes = _Shapes(tracker)
    places = further = choose_keys(tracker, most)
    while True:
        for alpha in further:
            shapes.fit(alpha)
        moments = sudden_changes(tracker, places, shapes.positions, most)
        further = keys_at_moments(tracker, places, moments, most)
        if not further:
            break
        places = sorted([*places, *further])
    for span in tracker.source.spans:
        left = room(span, places, moments, most)
        for ends, own in moments.items():
            if span[0] <= ends[0] < span[-1]:
                left -= shapes.around_moments(ends, own, left)
    return Segment(tracker, places, shapes.positions, moments)


class _Shapes:
    """Positions by alpha, of which each is the tracker's, finished."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.positions: Positions = {}
        self._strands: dict[float, Strands] = {}

    def fit(self, alpha: float) -> Vertices:
        """Fit the mesh to the object, push behind what shows from behind, and fold strands as at
        the key before."""
        tracker = self.tracker
        tracker.add(alpha)
        tucked = tuck(tracker.positions[alpha], tracker.faces, tracker.source.cancel)
        before = max((key for key in self._strands if key < alpha), default=None)
        earlier = None if before is None else self._strands[before]
        self._strands[alpha] = tracker.strands(alpha, tucked, earlier)
        found = tracker.drawn_in(alpha, together(tucked, self._strands[alpha]))
        tracker.positions[alpha] = found
        # A copy: the tracker goes on moving parts without area.
        self.positions[alpha] = found.copy()
        return self.positions[alpha]

    def around_moments(
        self, ends: tuple[float, float], moments: Sequence[Moment], most: int
    ) -> int:
        """Set the positions just before and just after moments between two keys.

        Where a blend is far from the object there, the mesh is fitted to it. A further key keeps
        what waits in its place until then, or what has gone away from then on. Without it all
        goes straight from the one key or to the other, if that is nearer to the object.

        Args:
            most: Further keys.

        Returns:
            How many there are.
        """
        tracker, positions, further = self.tracker, self.positions, 0
        both = positions[ends[0]], positions[ends[1]]
        for moment in moments:
            sides = zip(ends, moment.sides, moment.around(ends), strict=True)
            for end, side, aside in sides:
                blend = positions[side] = at(side, ends, both, moments)
                waiting = at(aside, ends, both, moments)
                waits = shows(tracker, waiting, aside, ends)
                if waits and shows(tracker, blend, side, ends):
                    continue
                self.fit(side)
                if waits and aside != end and further < most:
                    further += 1
                    positions[aside] = waiting
                else:
                    way = min(end, side), max(end, side)
                    straight = positions[way[0]], positions[way[1]]
                    seen = [alpha for alpha in tracker.source.alphas if way[0] < alpha < way[1]]
                    fitted = {alpha: at(alpha, way, straight, []) for alpha in (side, *seen)}
                    blended = {alpha: at(alpha, ends, both, moments) for alpha in (side, *seen)}
                    if self._worst(blended, ends) < self._worst(fitted, ends):
                        positions[side] = blend
        return further

    def _worst(self, shapes: Positions, ends: tuple[float, float]) -> float:
        """How far these are from the object where they are farthest, in what is allowed."""
        return max(excess(self.tracker, shape, alpha, ends) for alpha, shape in shapes.items())

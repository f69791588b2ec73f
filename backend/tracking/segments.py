"""A chain whose objects are too unlike for one surface: several, of which one shows at a time.

The template of a chain is the surface of all that any alpha has. A chair has next to nothing of
the surface of a barrel: it would all have to lie in the chair's hollows, and does not. Then the
chain is cut into segments, each with a template of its own, the surface of the union of that
segment alone. Within its segment it shows the object; elsewhere it is drawn together until it has
no area. Where one segment ends and the next begins both show the same object.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scipy.ndimage import binary_dilation

from ..protocol.options import ChainOptions
from ..surface.topology import Vertices
from .backfaces import tuck
from .chain_reader import FINEST, ChainReader
from .islands import Islands
from .keys import choose_keys, sudden_changes
from .relaxation import SAMPLES
from .solids import Solid, border_voxels
from .strands import together
from .sudden import Moment, at
from .template_fit import FAR, distances
from .vertex_tracker import STEPS, Tracker, make_template

WRONG = 0.05
"""Share of either surface that is wrong from which on one template does not do."""
DEEP = 3
"""Voxels from the object beyond which the union's surface shows what the object has not."""
UNLIKE = 0.25
"""Share of the union's surface that does so from which on a segment is cut."""
MOST = 8
"""Segments from one prompt to the next. Each has all the faces that are asked for, as one shows at
a time; with more than this in all they share as many as this many would have ..."""
FEWEST = 500
"""... but for these, or as many as are asked for."""
CLOSEST = 2 * FINEST
"""Objects that are unlike also change more at once: of their way this part is looked at."""

Positions = dict[float, Vertices]


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


def track_segments(
    whole: Tracker, options: ChainOptions, progress: Callable[[float], None] = lambda _: None
) -> list[Segment]:
    """The chain in as many segments as it takes: one, if its objects are alike, if there are to be
    few keys, or if faces are quads, of which thin objects cannot be covered with few.

    Args:
        whole: The mesh for all of the chain.

    Raises:
        BadRequest: somewhere there is nothing, or too few faces.
        Cancelled: asked to stop.
    """
    source = whole.source
    one = options.keys <= STEPS + 1 or options.topology == "quads"
    if one or _follows(whole, lambda done: progress(0.5 * done)):
        whole.track_all(progress if one else lambda _: None)
        return [_with_keys(whole, options.keys)]
    source.survey_closer(CLOSEST, lambda done: progress(0.5 + 0.1 * done))
    spans = _spans(source, min(MOST, options.keys // 4))
    parts = [source.segment(*ends) for ends in spans]
    most = options.keys - max(_taken(spans, span[0]) for span in source.spans)
    shared = options.faces * MOST // len(parts)
    faces = min(options.faces, max(shared, FEWEST))
    found = []
    for part in parts:
        tracker = make_tracker(part, part.everything(), faces, options)
        tracker.track_all()
        found.append(_with_keys(tracker, most))
        progress(0.6 + 0.4 * len(found) / len(parts))
    return found


def make_tracker(source: ChainReader, union: Solid, faces: int, options: ChainOptions) -> Tracker:
    """A mesh for what ``source`` reads, of which ``union`` is the union, that tracks nothing yet.

    Raises:
        BadRequest: too few faces.
        Cancelled: asked to stop.
    """
    islands = Islands(union, source.alphas, source.solid)
    layers = make_template(union, islands, faces, source.cancel, options.topology)
    return Tracker(source, islands, layers)


def _with_keys(tracker: Tracker, most: int) -> Segment:
    """What a tracker that has tracked all shows at its keys.

    Raises:
        Cancelled: asked to stop.
    """
    places = choose_keys(tracker, most)
    positions: Positions = {}
    strands = None
    for alpha in places:
        tucked = tuck(tracker.positions[alpha], tracker.faces, tracker.source.cancel)
        strands = tracker.strands(alpha, tucked, strands)
        positions[alpha] = tracker.drawn_in(alpha, together(tucked, strands))
    tracker.positions |= positions
    moments = sudden_changes(tracker, places, positions, most)
    for ends, own in moments.items():
        both = positions[ends[0]], positions[ends[1]]
        positions |= {side: at(side, ends, both, own) for moment in own for side in moment.sides}
    return Segment(tracker, places, positions, moments)


def _follows(whole: Tracker, progress: Callable[[float], None]) -> bool:
    """Whether one mesh shows the object at all alphas; tracks until it does not."""
    alphas = whole.source.regular
    # The prompts first: between them objects are more like the union.
    order = sorted(alphas, key=lambda alpha: abs(alpha - round(alpha)))
    for done, alpha in enumerate(order):
        progress(done / len(order))
        whole.track(alpha)
        if _wrong(whole, alpha) > WRONG:
            return False
    return True


def _wrong(tracker: Tracker, alpha: float) -> float:
    """The share of the mesh or of the object, whichever is larger, that is far from the other."""
    surface, far = tracker.source.surface(alpha), FAR * tracker.source.solid(alpha).voxel
    both = distances(tracker.positions[alpha], tracker.faces, surface, SAMPLES)
    return max(float((one > far).mean()) for one in both)


def _spans(source: ChainReader, most: int) -> list[tuple[float, float]]:
    """Where the segments begin and end: the one whose objects are most unlike is cut, until all
    are alike. Neighbours that are unlike, between which nothing was read, are the end of one and
    the beginning of the next, unless one of them is a prompt, which has to be shown.

    Args:
        most: Segments from one prompt to the next.
    """
    ends = [source.first, source.last]
    unlike: dict[tuple[float, float], float] = {}
    cuts: dict[tuple[float, float], float] = {}
    while True:
        spans = list(itertools.pairwise(ends))
        for span in spans:
            if span not in unlike:
                part = source.segment(*span)
                unlike[span] = _unlike(part)
                if unlike[span] > UNLIKE and len(part.alphas) > 2:
                    cuts[span] = _cut(part)
        full = {pair for pair in map(math.floor, ends[1:-1]) if _within(ends, pair) >= most}
        cuttable = [span for span in spans if span in cuts and math.floor(cuts[span]) not in full]
        if not cuttable:
            break
        ends = sorted([*ends, cuts[max(cuttable, key=lambda span: unlike[span])]])
    return [
        span
        for span in spans
        if unlike[span] <= UNLIKE or span in cuts or any(end.is_integer() for end in span)
    ]


def _taken(spans: Sequence[tuple[float, float]], prompt: float) -> int:
    """Keys that changes of the segment take from a prompt to the next: the two ends of either, and
    two more where one does not begin where the one before ends."""
    turns = [
        (one[1], other[0])
        for one, other in itertools.pairwise(spans)
        if prompt < one[1] and other[0] < prompt + 1
    ]
    return sum(2 if end == start else 4 for end, start in turns)


def _within(ends: Sequence[float], pair: int) -> int:
    """How many segments there are from a prompt to the next."""
    return 1 + sum(pair < end < pair + 1 for end in ends)


def _unlike(source: ChainReader) -> float:
    """The largest share of the union's surface that is not at one of the objects."""
    border = border_voxels(source.everything().inside)
    shares = []
    for alpha in source.alphas:
        source.cancel.check()
        near = binary_dilation(source.solid(alpha).inside, iterations=DEEP)
        shares.append(1.0 - float(near[border].mean()))
    return max(shares)


def _cut(source: ChainReader) -> float:
    """The alpha that leaves least in the unions on its two sides that an object has not."""

    def volumes(alphas: Sequence[float]) -> list[int]:
        union = source.solid(alphas[0]).inside
        found = [int(union.sum())]
        for alpha in alphas[1:]:
            union = union | source.solid(alpha).inside
            found.append(int(union.sum()))
        return found

    alphas = source.alphas
    before, after = volumes(alphas), volumes(alphas[::-1])[::-1]
    count = len(alphas)
    left = {i: before[i] * (i + 1) + after[i] * (count - i) for i in range(1, count - 1)}
    return alphas[min(left, key=lambda i: left[i])]

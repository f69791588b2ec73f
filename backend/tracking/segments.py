"""A chain whose objects are too unlike for one surface: several, of which one shows at a time.

The template of a chain is the surface of all that any alpha has. A chair has next to nothing of
the surface of a barrel: it would all have to lie in the chair's hollows, and does not. Then the
chain is cut into segments, each with a template of its own, the surface of the union of that
segment alone. Within its segment it shows the object; elsewhere it is drawn together until it has
no area. Where one segment ends and the next begins both show the same object.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import binary_dilation

from ..protocol.options import ChainOptions
from .chain_reader import FINEST, ChainReader
from .islands import Islands
from .key_shapes import Segment, with_keys
from .relaxation import SAMPLES
from .solids import Solid, border_voxels, cavities
from .sudden import INSTANT
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


def one_segment(
    whole: Tracker, options: ChainOptions, progress: Callable[[float], None] = lambda _: None
) -> Segment | None:
    """The chain as one segment, if its objects are alike, if there are to be few keys, or if faces
    are quads, of which thin objects cannot be covered with few; else None.

    Args:
        whole: The mesh for all of the chain.

    Raises:
        BadRequest: somewhere there is nothing.
        Cancelled: asked to stop.
    """
    one = options.keys <= STEPS + 1 or options.topology == "quads"
    if not one and not _follows(whole, progress):
        return None
    whole.track_all(progress if one else lambda _: None)
    return with_keys(whole, options.keys)


def several_segments(
    source: ChainReader, options: ChainOptions, progress: Callable[[float], None] = lambda _: None
) -> list[Segment]:
    """The chain in as many segments as it takes.

    Raises:
        BadRequest: somewhere there is nothing, or too few faces.
        Cancelled: asked to stop.
    """
    source.survey_closer(CLOSEST, lambda done: progress(0.1 * done))
    spans = _spans(source, min(MOST, options.keys // 4))
    parts = [source.segment(*ends) for ends in spans]
    most = options.keys - max(_taken(spans, span[0]) for span in source.spans)
    shared = options.faces * MOST // len(parts)
    faces = min(options.faces, max(shared, FEWEST))
    found = []
    for part in parts:
        tracker = make_tracker(part, part.everything(), faces, options)
        tracker.track_all()
        found.append(with_keys(tracker, most))
        progress(0.1 + 0.9 * len(found) / len(parts))
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
    are alike. Between neighbours that are unlike, between which nothing was read, one ends when the
    object begins to be more like the second, and the next begins then.

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
    jumps = [span for span in spans if unlike[span] > UNLIKE and span not in cuts]
    turns = [_turn(source, *span) for span in jumps]
    turns += [(end, end) for end in ends[1:-1] if not any(end in span for span in jumps)]
    turns.sort()
    firsts, lasts = [second for _, second in turns], [first for first, _ in turns]
    return list(zip([source.first, *firsts], [*lasts, source.last], strict=True))


def _turn(source: ChainReader, before: float, after: float) -> tuple[float, float]:
    """The last alpha at which the object is more like the one before than like the one after, and
    the next; a segment that ends or begins there has a length."""
    first, last = before + INSTANT, after - 2.0 * INSTANT
    ends = [source.inside(alpha) for alpha in (before, after)]
    while after - before > INSTANT:
        source.cancel.check()
        middle = 0.5 * (before + after)
        here = source.inside(middle)
        one, other = ((here ^ end).sum() for end in ends)
        before, after = (middle, after) if one <= other else (before, middle)
    turn = min(max(before, first), last)
    return turn, turn + INSTANT


def _taken(spans: Sequence[tuple[float, float]], prompt: float) -> int:
    """Keys that changes of the segment take from a prompt to the next: the two ends of either."""
    return 2 * sum(prompt <= start < prompt + 1 for start, _ in spans[1:])


def _within(ends: Sequence[float], pair: int) -> int:
    """How many segments there are from a prompt to the next."""
    return 1 + sum(pair < end < pair + 1 for end in ends)


def _unlike(source: ChainReader) -> float:
    """The largest share of the union's surface that is not at one of the objects."""
    whole = functools.reduce(np.logical_or, map(source.inside, source.alphas))
    border = border_voxels(whole | cavities(whole))
    shares = []
    for alpha in source.alphas:
        source.cancel.check()
        near = binary_dilation(source.inside(alpha), iterations=DEEP)
        shares.append(1.0 - float(near[border].mean()))
    return max(shares)


def _cut(source: ChainReader) -> float:
    """The alpha that leaves least in the unions on its two sides that an object has not."""

    def volumes(alphas: Sequence[float]) -> list[int]:
        unions = itertools.accumulate(map(source.inside, alphas), np.logical_or)
        return [int(union.sum()) for union in unions]

    alphas = source.alphas
    before, after = volumes(alphas), volumes(alphas[::-1])[::-1]
    count = len(alphas)
    left = {i: before[i] * (i + 1) + after[i] * (count - i) for i in range(1, count - 1)}
    return alphas[min(left, key=lambda i: left[i])]

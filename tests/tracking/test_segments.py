"""Objects that are too unlike for one surface are shown by several, one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from backend.progress import CancelToken
from backend.protocol.options import ChainOptions
from backend.surface.geometry import face_areas
from backend.surface.topology import label_parts
from backend.tracking.chain_reader import ChainReader
from backend.tracking.segments import CLOSEST, MOST, make_tracker, one_segment
from backend.tracking.sudden import INSTANT
from backend.tracking.track import track
from backend.tracking.tracked_mesh import TrackedMesh
from tests.surface.analytic import Ball
from tests.tracking.worlds import BallsChain, growing

FACES = 1200
OPTIONS = ChainOptions(FACES, 64, 48, keys=16, quality=True)


def ring_to_ball(alpha: float) -> list[Ball]:
    """A ring, which is in the ball that it becomes at once at alpha .55."""
    turns = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    if alpha < 0.55:
        return [(0.5 * np.cos(turn), 0.5 * np.sin(turn), 0.0, 0.15) for turn in turns]
    return [(0.0, 0.0, 0.0, 0.7)]


@pytest.fixture(scope="module")
def ring() -> TrackedMesh:
    return track(BallsChain(ring_to_ball), OPTIONS)


def visible_parts(mesh: TrackedMesh, alpha: float) -> set[int]:
    _, part = label_parts(mesh.triangles, mesh.positions.shape[1])
    return set(part[face_areas(mesh.at(alpha), mesh.triangles) > 1e-10].tolist())


def test_each_prompt_is_shown_as_it_is(ring: TrackedMesh) -> None:
    """One surface of both would be a ball at the ring's end as well, or a sheet in its hole."""
    first, last = ring.quality[0], ring.quality[-1]
    for quality in (first, last):
        assert quality.silhouette_iou > 0.97
        assert quality.farthest_pct < 1.5
        assert quality.missing_pct < 3.0


def test_one_of_the_surfaces_shows_at_a_time(ring: TrackedMesh) -> None:
    shown = [visible_parts(ring, alpha) for alpha in (0.0, 0.3, 0.8, 1.0)]
    assert shown[0] == shown[1]
    assert shown[2] == shown[3]
    assert not shown[0] & shown[2]


def test_where_one_ends_the_next_shows_the_same_an_instant_later(ring: TrackedMesh) -> None:
    ends = [
        (one, other)
        for one, other in zip(ring.alphas, ring.alphas[1:], strict=False)
        if not visible_parts(ring, float(one)) & visible_parts(ring, float(other))
    ]
    assert ends
    for one, other in ends:
        assert float(other - one) == pytest.approx(INSTANT)
        before, after = (
            next(q for q in ring.quality if q.alpha == float(alpha)) for alpha in (one, other)
        )
        assert before.silhouette_iou > 0.95
        assert after.silhouette_iou > 0.95


def test_each_has_the_faces_that_were_asked_for_and_a_note_says_so(ring: TrackedMesh) -> None:
    count, part = label_parts(ring.triangles, ring.positions.shape[1])
    assert 1 < count <= MOST
    assert np.bincount(part).max() <= FACES
    assert len(ring.notes) == 1
    assert f"there are {count} of" in ring.notes[0]


def test_there_are_no_more_keys_than_were_asked_for(ring: TrackedMesh) -> None:
    assert len(ring.alphas) <= OPTIONS.keys


def test_what_does_not_show_keeps_its_colors(ring: TrackedMesh) -> None:
    """Its texels are the same at all keys at which it does not show, so that where textures cannot
    be mixed the first one has its colors."""
    _, part = label_parts(ring.triangles, ring.positions.shape[1])
    hidden = visible_parts(ring, 1.0).pop()
    middle = ring.uvs[part == hidden].mean(axis=1)
    size = ring.textures.shape[1]
    column, row = (np.stack([middle[:, 0], 1.0 - middle[:, 1]]) * size).astype(int)
    shown = [
        texture[row, column]
        for alpha, texture in zip(ring.texture_alphas, ring.textures, strict=True)
        if hidden not in visible_parts(ring, float(alpha))
    ]
    assert len(shown) > 1
    for colors in shown[1:]:
        np.testing.assert_array_equal(colors, shown[0])


def test_alike_objects_have_one() -> None:
    found = track(BallsChain(growing), OPTIONS)
    assert found.notes == []
    assert label_parts(found.triangles, found.positions.shape[1])[0] == 1


def test_few_keys_are_of_one_surface() -> None:
    source = ChainReader(BallsChain(ring_to_ball), 48, CancelToken())
    everything, _ = source.survey()
    few = ChainOptions(FACES, 64, 48, keys=5)
    whole = make_tracker(source, everything, few.faces, few)
    assert one_segment(whole, few) is not None


def test_unlike_objects_are_looked_at_more_closely_where_they_change() -> None:
    source = ChainReader(BallsChain(ring_to_ball), 32, CancelToken())
    source.survey()
    before = source.alphas
    source.survey_closer(CLOSEST)
    further = sorted(set(source.alphas) - set(before))
    assert further == [0.546875]
    source.survey_closer(CLOSEST)
    assert source.alphas == sorted([*before, *further])


def test_every_prompt_is_shown_however_short_it_is_there() -> None:
    def flash(alpha: float) -> list[Ball]:
        return ring_to_ball(1.0 if abs(alpha - 1.0) < 0.01 else 0.0)

    chain = BallsChain(flash, ("one", "two", "three"))
    found = track(chain, ChainOptions(600, 64, 32, keys=16, quality=True))
    assert {0.0, 1.0, 2.0} <= {float(alpha) for alpha in found.alphas}
    assert {0.0, 1.0, 2.0} <= {float(alpha) for alpha in found.texture_alphas}
    whole = {quality.alpha: quality.silhouette_iou for quality in found.quality}
    assert min(whole[0.0], whole[1.0], whole[2.0]) > 0.95


def test_a_segment_reads_what_lies_between_its_ends() -> None:
    source = ChainReader(BallsChain(growing, ("one", "two", "three")), 32, CancelToken())
    assert source.regular == [step / 8 for step in range(17)]
    assert [(span[0], span[-1]) for span in source.spans] == [(0.0, 1.0), (1.0, 2.0)]
    part = source.segment(0.3125, 1.5)
    assert part.regular == [0.3125, *(step / 8 for step in range(3, 13))]
    assert [(span[0], span[-1]) for span in part.spans] == [(0.3125, 1.0), (1.0, 1.5)]
    assert source.first == 0.0
    read: list[float] = []
    field = source.chain.field
    source.chain.field = lambda alpha: read.append(alpha) or field(alpha)  # type: ignore[method-assign]
    assert np.array_equal(part.solid(0.5).values, source.solid(0.5).values)
    assert read == [0.5], "what is kept is shared"

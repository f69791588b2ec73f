"""What comes or goes at once waits for its moment: a stick whose moment is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from backend.progress import CancelToken
from backend.protocol.options import ChainOptions
from backend.tracking.appearance import farthest
from backend.tracking.chain_reader import FINEST, ChainReader
from backend.tracking.islands import Islands
from backend.tracking.solids import extract
from backend.tracking.sudden import INSTANT, Moment, at
from backend.tracking.track import track
from backend.tracking.tracked_mesh import TrackedMesh
from backend.tracking.vertex_tracker import Tracker, make_template
from tests.surface.analytic import Ball
from tests.tracking.worlds import BODY, BallsChain, growing

GONE = 0.43
"""The stick's moment."""
STICK = [(0.35 + 0.06 * step, 0.0, -0.2, 0.08) for step in range(9)]


def holding(alpha: float) -> Sequence[Ball]:
    """A body that holds a stick until :data:`GONE`."""
    return [BODY, *STICK] if alpha < GONE else [BODY]


@pytest.fixture(scope="module")
def stick() -> TrackedMesh:
    return track(BallsChain(holding), ChainOptions(1500, 64, 48))


def off(mesh: TrackedMesh, alpha: float) -> float:
    """Largest distance from the mesh to the true surface, voxels."""
    source = ChainReader(BallsChain(holding), 48, CancelToken())
    true = extract(source.solid(alpha), source.cancel)
    return farthest(mesh.at(alpha), mesh.faces, *true) / source.solid(alpha).voxel


def test_a_stick_stays_until_its_moment_and_then_is_gone(stick: TrackedMesh) -> None:
    for alpha in np.linspace(0.0, 1.0, 41):
        if abs(alpha - GONE) > 1.0 / FINEST:
            assert off(stick, float(alpha)) < 1.0
    length = [float(np.ptp(stick.at(alpha)[:, 0])) for alpha in (0.0, GONE - 0.04, GONE + 0.04)]
    assert length[0] == pytest.approx(length[1], abs=0.05)
    assert length[2] < length[0] - 0.3


def test_it_takes_an_instant(stick: TrackedMesh) -> None:
    moving = np.linalg.norm(np.diff(stick.positions, axis=0), axis=-1).max(axis=1) > 0.3
    assert moving.sum() == 1
    assert np.diff(stick.alphas)[moving][0] == pytest.approx(INSTANT, abs=1e-6)


def test_what_waits_keeps_its_own_color(stick: TrackedMesh) -> None:
    """The color depends on the place, so that of the body at the next key is another."""
    own = (stick.positions[0][:, 0] > 0.6)[stick.faces].all(axis=1)
    u, v = (64 * stick.uvs[own].mean(axis=1)).astype(int).clip(0, 63).T

    def shown(alpha: float) -> np.ndarray:
        return stick.texture_at(alpha)[63 - v, u].astype(float)

    for alpha in (0.2, GONE - 0.03):
        assert np.abs(shown(alpha) - shown(0.0)).mean() < 1.0
    assert np.abs(shown(1.0) - shown(0.0)).mean() > 10.0
    assert set(stick.texture_alphas.tolist()) <= set(stick.alphas.tolist())


def test_what_changes_as_quickly_does_not_wait_for_the_moment() -> None:
    """A ball grows, all of it between two alphas that the survey reads, and a stick goes while it
    does: at that moment the ball has the size of neither."""

    def burst(alpha: float) -> Sequence[Ball]:
        radius = float(np.interp(alpha, (0.505, 0.5145), (0.3, 0.55)))
        stick = [(0.0, 0.0, 0.3 + 0.02 * step, 0.05) for step in range(30)]
        return [(0.0, 0.0, 0.0, radius), *(stick if alpha < 0.516 else [])]

    found = track(BallsChain(burst), ChainOptions(1200, 64, 48, keys=16, quality=True))
    # It would be 12 if the ball waited.
    assert max(quality.chamfer_mean_pct for quality in found.quality) < 0.5
    # What does not change then is shown as before: between keys, but for the step of the survey.
    for quality in found.between:
        if not 0.5 < quality.alpha < 0.5 + 1.0 / FINEST:
            assert quality.chamfer_mean_pct < 0.5
    few = track(BallsChain(burst), ChainOptions(1200, 64, 48, keys=4))
    assert len(few.alphas) <= 4
    # Where no key is left to keep it until then, the nearer of two ways is gone. It was 10.
    scarce = track(BallsChain(burst), ChainOptions(1200, 64, 48, keys=5, quality=True))
    assert max(quality.chamfer_mean_pct for quality in scarce.quality) < 0.5


def test_few_keys_leave_no_room_for_moments() -> None:
    made = track(BallsChain(holding), ChainOptions(1500, 64, 48, keys=3))
    assert len(made.alphas) <= 3


class EverywhereReader(ChainReader):
    """The slow way: every solid that is asked for is read and cleaned as a whole."""

    def holds(self, alpha: float, places: np.ndarray) -> np.ndarray:
        self.solid(alpha)
        return super().holds(alpha, places)


def crumbling(alpha: float) -> Sequence[Ball]:
    """A stick of which a speck outlives the rest."""
    return [*holding(alpha), (0.85, 0.0, -0.2, 0.05 if alpha < 0.8 else 0.0)]


def precise_moments(reader: type[ChainReader], balls: Callable) -> list[Moment]:
    source = reader(BallsChain(balls), 48, CancelToken())
    everything, _ = source.survey()
    islands = Islands(everything, source.alphas, source.solid)
    tracker = Tracker(source, islands, make_template(everything, islands, 1500, source.cancel))
    for alpha in (0.0, 0.25, 0.75, 1.0):
        tracker.track(alpha)
    return [*tracker.moments(0.0, 1.0), *tracker.moments(0.25, 0.75)]


@pytest.mark.parametrize("balls", [holding, crumbling])
def test_boxes_around_what_goes_tell_the_same_as_whole_solids(balls: Callable) -> None:
    found, slow = (precise_moments(reader, balls) for reader in (ChainReader, EverywhereReader))
    assert len(found) == len(slow) >= 2
    for one, other in zip(found, slow, strict=True):
        assert one.alpha == other.alpha
        np.testing.assert_array_equal(one.own, other.own)


def test_what_blends_show_where_the_survey_read_needs_no_precise_moments() -> None:
    source = ChainReader(BallsChain(holding), 48, CancelToken())
    everything, _ = source.survey()
    islands = Islands(everything, source.alphas, source.solid)
    tracker = Tracker(source, islands, make_template(everything, islands, 1500, source.cancel))
    ends = 0.0, 1.0
    for alpha in ends:
        tracker.track(alpha)
    positions = tracker.positions[0.0], tracker.positions[1.0]
    for alpha in source.alphas[1:-1]:
        precise = at(alpha, ends, positions, tracker.moments(*ends))
        np.testing.assert_array_equal(tracker.blend(*ends, alpha), precise)


def test_what_moves_steadily_has_no_moment() -> None:
    source = ChainReader(BallsChain(growing), 40, CancelToken())
    everything, _ = source.survey()
    islands = Islands(everything, source.alphas, source.solid)
    tracker = Tracker(source, islands, make_template(everything, islands, 600, source.cancel))
    tracker.track_all()
    assert tracker.moments(0.0, 1.0) == []
    assert tracker.moments(0.25, 0.5) == []


def test_between_keys_only_what_waits_is_not_blended() -> None:
    first = np.zeros((3, 3), np.float32)
    second = np.ones((3, 3), np.float32)
    found = [Moment(0.25, np.array([True, False, False]))]
    for alpha in (0.1, 0.25 - INSTANT, 0.25, 0.25 + INSTANT, 0.4):
        shown = at(alpha, (0.0, 0.5), (first, second), found)
        np.testing.assert_allclose(shown[1:], 2 * alpha, rtol=1e-6)
        np.testing.assert_allclose(shown[0], 0.5 + 0.5 * np.sign(alpha - 0.25), atol=1e-6)

"""The template of a chain, and its vertices at every alpha."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from backend.progress import CancelToken
from backend.protocol.errors import BadRequest, Cancelled
from backend.surface.geometry import face_areas
from backend.surface.topology import is_closed, label_parts
from backend.tracking.chain_reader import ChainReader
from backend.tracking.islands import Islands
from backend.tracking.vertex_tracker import FEWEST, STEPS, Tracker, make_template
from tests.surface.analytic import Ball
from tests.tracking.test_islands import FAR, breaking
from tests.tracking.worlds import BODY, BallsChain, eared, joined


def tracker_of(chain: BallsChain, budget: int = 800) -> Tracker:
    source = ChainReader(chain, 40, CancelToken())
    everything, _ = source.survey()
    islands = Islands(everything, [step / STEPS for step in range(STEPS + 1)], source.solid)
    return Tracker(source, islands, make_template(everything, islands, budget, source.cancel))


@pytest.fixture(scope="module")
def ear() -> Tracker:
    tracker = tracker_of(BallsChain(eared))
    tracker.track_all()
    return tracker


@pytest.fixture(scope="module")
def part() -> Tracker:
    tracker = tracker_of(BallsChain(joined))
    tracker.track_all()
    return tracker


def off(balls: Sequence[Ball], points: np.ndarray) -> np.ndarray:
    field = BallsChain(lambda _: balls).field(0.0)
    return field.distance(np.asarray(points, np.float32))


@pytest.mark.parametrize("budget", [300, 800])
def test_the_template_is_closed_and_within_the_budget(budget: int) -> None:
    tracker = tracker_of(BallsChain(eared), budget)
    assert is_closed(tracker.faces)
    assert 0.8 * budget < len(tracker.faces) <= budget


def test_what_breaks_off_has_a_layer_of_its_own_if_the_budget_allows() -> None:
    chain = BallsChain(breaking)
    tracker = tracker_of(chain)
    assert len(tracker.fitters) == 2
    count, part_of_face = label_parts(tracker.faces, len(tracker.vertices))
    assert count == 2
    assert np.bincount(part_of_face).min() >= FEWEST
    assert len(tracker_of(chain, 2 * FEWEST).fitters) == 1


def test_it_tracks_every_eighth(ear: Tracker) -> None:
    assert sorted(ear.positions) == [step / STEPS for step in range(STEPS + 1)]
    for positions in ear.positions.values():
        assert positions.shape == ear.vertices.shape
        assert positions.dtype == np.float32


def test_vertices_lie_on_the_object_at_every_alpha(ear: Tracker) -> None:
    for alpha, positions in ear.positions.items():
        assert np.percentile(np.abs(off(eared(alpha), positions)), 99) < 0.015


def test_neighbouring_alphas_are_near_each_other(ear: Tracker) -> None:
    """The ear moves by .23 in all; vertices that are not of it hardly move."""
    alphas = sorted(ear.positions)
    for one, other in itertools.pairwise(alphas):
        moved = np.linalg.norm(ear.positions[other] - ear.positions[one], axis=1)
        assert moved.max() < 0.2
        assert np.percentile(moved[ear.vertices[:, 2] < -0.1], 99) < 0.01


def test_a_part_that_is_not_there_has_no_area_and_what_is_there_has(part: Tracker) -> None:
    own = (part.vertices[:, 0] > 0.42)[part.faces].all(axis=1)
    for alpha, positions in part.positions.items():
        area = face_areas(positions, part.faces)[own]
        if alpha <= 0.375:
            assert part.absent[alpha].any()
            assert area.max() == 0.0
        elif alpha >= 0.75:
            assert not part.absent[alpha].any()
            assert area.sum() == pytest.approx(4 * np.pi * (0.3 * (alpha - 0.4)) ** 2, rel=0.2)


def test_an_island_is_hidden_just_inside_before_it_comes_out() -> None:
    """The bridge of a ball to the body is gone from .45 on."""
    tracker = tracker_of(BallsChain(breaking))
    tracker.track_all()
    second = np.arange(len(tracker.vertices)) >= len(tracker.fitters[0].topology.vertices)
    np.testing.assert_array_equal(tracker.hidden[1.0], False)
    assert np.abs(off([FAR], tracker.positions[1.0][second])).max() < 0.02
    before = [alpha for alpha, hidden in tracker.hidden.items() if hidden.any()]
    assert before
    for alpha in before:
        assert alpha < 0.45
        own = tracker.hidden[alpha]
        assert not own[~second].any()
        assert (
            off(breaking(alpha), tracker.positions[alpha][own]).max() < 0.0125
        )  # a quarter of a voxel


def test_nothing_is_refused_with_its_place() -> None:
    chain = BallsChain(lambda alpha: [(*BODY[:3], 0.4 if alpha < 0.5 else -1.0)])
    with pytest.raises(BadRequest, match="draws nothing"):
        tracker_of(chain)


def test_progress_rises_to_one_and_a_cancel_is_heard() -> None:
    tracker = tracker_of(BallsChain(eared), 300)
    seen: list[float] = []

    def report(done: float) -> None:
        seen.append(done)
        if len(seen) == 3:
            tracker.source.cancel.cancel()

    with pytest.raises(Cancelled):
        tracker.track_all(report)
    assert seen == [step / (STEPS + 1) for step in (1, 2, 3)]

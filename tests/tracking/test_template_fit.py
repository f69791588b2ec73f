"""One template on many objects: on analytic solids, where every distance is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled
from backend.surface.simplify import decimate
from backend.tracking.relaxation import Topology
from backend.tracking.solids import Solid, union
from backend.tracking.template_fit import Fit, Fitter
from tests.surface.analytic import AnalyticField, Ball
from tests.tracking.worlds import BODY, eared, mesh_of, solid_of

EAR = eared(1.0)
APART: Ball = (0.7, 0.0, -0.2, 0.15)
"""Beside the body, and touches it nowhere."""


def fitter_of(balls: Sequence[Ball], token: CancelToken | None = None) -> Fitter:
    mesh = decimate(*mesh_of(balls), 1000, CancelToken())
    return Fitter(Topology(*mesh, 5000), solid_of(balls), token or CancelToken())


def fit(fitter: Fitter, balls: Sequence[Ball]) -> Fit:
    field = AnalyticField(balls=balls, blend=0.02)
    return fitter.fit(Reader(field, CancelToken()), solid_of(balls))[0]


def off(balls: Sequence[Ball], points: np.ndarray) -> np.ndarray:
    field = AnalyticField(balls=balls, blend=0.02)
    return np.abs(field.distance(np.asarray(points, np.float32)))


def normals(balls: Sequence[Ball], points: np.ndarray) -> np.ndarray:
    """Unit normals of the true surface near ``points``."""
    field, step = AnalyticField(balls=balls, blend=0.02), 1e-3 * np.eye(3, dtype=np.float32)
    at = np.asarray(points, np.float32)
    slope = [field.distance(at + along) - field.distance(at - along) for along in step]
    return np.stack(slope, axis=1) / np.linalg.norm(slope, axis=0)[:, None]


def test_on_itself_the_template_stays() -> None:
    """Decimation leaves vertices unevenly spread. The first fit spreads them along the surface, by
    as much as decimation left to do; a template that is spread stays where it is."""
    fitter = fitter_of(EAR)
    first = fit(fitter, EAR)
    assert not first.absent.any()
    before = fitter.topology.vertices
    lifted = np.abs(np.sum((first.positions - before) * normals(EAR, before), axis=1))
    assert np.percentile(lifted, 95) < 0.003
    settled = Topology(first.positions, fitter.topology.faces, fitter.topology.samples)
    again = fit(Fitter(settled, solid_of(EAR), CancelToken()), EAR)
    moved = np.linalg.norm(again.positions - first.positions, axis=1)
    assert np.percentile(moved, 95) < 0.02  # half a voxel


def test_a_part_that_the_object_lacks_lies_on_what_it_has() -> None:
    fitter = fitter_of(EAR)
    found = fit(fitter, [BODY])
    assert not found.absent.any()
    assert off([BODY], found.positions).max() < 0.01


def test_a_whole_part_that_the_object_lacks_is_a_point() -> None:
    fitter = fitter_of([BODY, APART])
    found = fit(fitter, [BODY])
    own = fitter.topology.vertices[:, 0] > 0.5
    np.testing.assert_array_equal(found.absent, own)
    assert np.ptp(found.positions[own], axis=0).max() < 1e-6
    np.testing.assert_allclose(found.positions[own][0], APART[:3], atol=0.02)


def test_it_follows_what_grows() -> None:
    everything = union(solid_of(EAR), solid_of(eared(0.5)))
    mesh = decimate(*mesh_of(EAR), 1000, CancelToken())
    fitter = Fitter(Topology(*mesh, 5000), everything, CancelToken())
    for alpha in (0.25, 0.5, 0.75):
        assert np.percentile(off(eared(alpha), fit(fitter, eared(alpha)).positions), 99) < 0.01


def test_a_cancel_is_heard_in_the_potential() -> None:
    token = CancelToken()
    fitter = fitter_of(EAR, token)
    token.cancel()
    with pytest.raises(Cancelled):
        fit(fitter, [BODY])


def test_solids_of_one_size_are_needed() -> None:
    fitter = fitter_of(EAR)
    small = solid_of([BODY], 24)
    with pytest.raises(ValueError, match="broadcast"):
        fitter.fit(Reader(AnalyticField(balls=[BODY]), CancelToken()), Solid(small.values, 1.0))

"""Connectivity: what is closed, what hangs together, and the repair of what decimation breaks."""

from __future__ import annotations

import numpy as np
import pytest

from backend.surface.geometry import signed_volumes, winding_number
from backend.surface.topology import is_closed, label_parts, repair, twins

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def two_tetrahedra(shared: int) -> tuple[np.ndarray, np.ndarray]:
    """Two that touch at the first ``shared`` vertices: at a point (1) or along an edge (2)."""
    mirrored = CORNERS * [1, -1, -1]
    faces = TETRAHEDRON.copy()
    index = np.r_[np.arange(shared), np.arange(4, 8 - shared)]
    return np.concatenate([CORNERS, mirrored[shared:]]), np.concatenate([faces, index[faces]])


def test_twins_are_each_other_s_and_run_the_other_way():
    twin = twins(TETRAHEDRON)
    assert (twin[twin] == np.arange(12)).all()
    start, end = TETRAHEDRON.reshape(-1), np.roll(TETRAHEDRON, -1, 1).reshape(-1)
    assert (start[twin] == end).all()


def test_a_tetrahedron_is_closed_and_one_without_a_face_is_not():
    assert is_closed(TETRAHEDRON)
    assert not is_closed(TETRAHEDRON[:3])
    assert not is_closed(np.concatenate([TETRAHEDRON[:3], TETRAHEDRON[3:, ::-1]]))
    assert signed_volumes(CORNERS, TETRAHEDRON).sum() == pytest.approx(1 / 6)


@pytest.mark.parametrize("shared", [1, 2])
def test_parts_that_only_touch_are_cut_apart(shared: int):
    vertices, faces = two_tetrahedra(shared)
    fixed_vertices, fixed = repair(vertices, faces)
    assert is_closed(fixed)
    assert len(fixed) == 8 and len(fixed_vertices) == 8
    assert label_parts(fixed, 8)[0] == 2
    assert signed_volumes(fixed_vertices, fixed).sum() == pytest.approx(2 / 6)


def test_faces_back_to_back_cancel():
    flap = np.array([[0, 1, 4], [0, 4, 1]])
    vertices = np.concatenate([CORNERS, [[0.5, -1, 0]]])
    fixed_vertices, fixed = repair(vertices, np.concatenate([TETRAHEDRON, flap]))
    assert is_closed(fixed) and len(fixed) == 4 and len(fixed_vertices) == 4


def test_a_sheet_that_pinches_itself_along_an_edge_becomes_manifold():
    """A ring of tetrahedra whose first and last share an edge: that edge has four faces."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        vertices, faces = two_tetrahedra(2)
        bridge = generator.permutation(len(vertices))
        relabelled = np.argsort(bridge)[faces]
        _, fixed = repair(vertices[bridge], relabelled)
        assert is_closed(fixed)


def test_a_closed_mesh_stays_as_it_is():
    fixed_vertices, fixed = repair(CORNERS, TETRAHEDRON)
    assert len(fixed) == 4 and len(fixed_vertices) == 4


def test_nothing_is_left_of_a_flat_pillow():
    assert len(repair(CORNERS, np.array([[0, 1, 2], [0, 2, 1]]))[1]) == 0


def test_the_winding_number_tells_inside_from_outside():
    assert winding_number(np.array([0.2, 0.2, 0.2]), CORNERS, TETRAHEDRON) == pytest.approx(1.0)
    assert winding_number(np.array([1.0, 1.0, 1.0]), CORNERS, TETRAHEDRON) == pytest.approx(0.0)

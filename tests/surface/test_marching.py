"""The two libraries that find triangles in a block of samples give the same surface."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from backend.protocol.errors import MissingDependency
from backend.surface import marching


@pytest.fixture
def torus() -> np.ndarray:
    """Positive inside a ring around the z axis."""
    x, y, z = np.meshgrid(*[np.linspace(-1.3, 1.3, 40, dtype=np.float32)] * 3, indexing="ij")
    return 0.35 - np.hypot(np.hypot(x, y) - 0.8, z)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    return float(np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6)


def test_both_libraries_find_the_same_vertices_and_the_same_outside(torus: np.ndarray) -> None:
    first, second = marching.marching_cubes(torus, 0.0), marching._by_scikit_image(torus, 0.0)
    ours, theirs = (np.unique(v.round(3), axis=0) for v, _ in (first, second))
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    volumes = [volume(*one) for one in (first, second)]
    assert volumes[0] > 0, "counter-clockwise seen from outside"
    assert volumes[1] == pytest.approx(volumes[0], rel=1e-3)


def test_the_other_library_is_used_where_the_first_is_not(
    torus: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = marching._by_scikit_image(torus, 0.0)
    monkeypatch.setitem(sys.modules, "mcubes", None)
    found = marching.marching_cubes(torus, 0.0)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_neither_library_is_one_clear_line(
    torus: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcubes", None)
    monkeypatch.setitem(sys.modules, "skimage.measure", None)
    with pytest.raises(MissingDependency, match="PyMCubes nor scikit-image"):
        marching.marching_cubes(torus, 0.0)

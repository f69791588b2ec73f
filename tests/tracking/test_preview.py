"""The slider's quick mesh: where its vertices are, what color they have, and by which library."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from backend.surface.geometry import signed_volumes
from backend.surface.topology import is_closed
from backend.tracking.preview import preview_mesh
from tests.surface.analytic import AnalyticField

BALL = AnalyticField(balls=((0.1, 0.0, -0.2, 0.5),))


def test_its_vertices_lie_on_the_surface_and_its_faces_look_outwards() -> None:
    mesh = preview_mesh(BALL, 40)
    distance = np.linalg.norm(mesh.vertices - [0.1, 0.0, -0.2], axis=1) - 0.5
    assert np.abs(distance).max() < 0.01
    assert is_closed(mesh.faces)
    volume = signed_volumes(mesh.vertices, mesh.faces).sum()
    assert volume == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.02)


def test_its_colors_are_the_fields() -> None:
    mesh = preview_mesh(BALL, 32)
    expected = np.clip(BALL.color(mesh.vertices), 0, 1) * 255
    assert np.abs(mesh.colors - expected).max() <= 0.5 + 1e-4


def test_what_leaves_the_box_is_closed_there() -> None:
    mesh = preview_mesh(AnalyticField(balls=((0.9, 0.0, 0.0, 0.5),)), 32)
    assert is_closed(mesh.faces)
    assert mesh.vertices.max() <= 1.0


@pytest.mark.parametrize("radius", [-1.0, 0.001])
def test_nothing_is_a_mesh_without_faces(radius: float) -> None:
    mesh = preview_mesh(AnalyticField(balls=((0.01, 0.0, 0.0, radius),)), 24)
    assert mesh.vertices.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)
    assert mesh.colors.shape == (0, 3)


def test_the_engine_needs_no_pymcubes() -> None:
    """Python 3.13 has no wheels of it: the surface is then found by scikit-image."""
    program = """
import sys
sys.modules["mcubes"] = None
import backend.engine
from backend.tracking.preview import preview_mesh
from tests.surface.analytic import AnalyticField
print(len(preview_mesh(AnalyticField(), 24).faces) > 100, "skimage" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr

"""Marching cubes on one block of samples, by the library that this Python has wheels of.

PyMCubes is published for Python up to 3.12; later ones (Blender 5.1 has 3.13) use scikit-image.
Both find the same vertices on the grid's edges; a test compares them.
"""

from __future__ import annotations

import numpy as np

from ..protocol.errors import MissingDependency
from ..shapes import Float, Int


def marching_cubes(
    grid: Float[np.ndarray, "a b c"], level: float
) -> tuple[Float[np.ndarray, "v 3"], Int[np.ndarray, "f 3"]]:
    """The triangles where ``grid`` crosses ``level``, counter-clockwise seen from the lower side.

    Returns:
        vertices in units of samples, indexed as the grid is, and faces i64.

    Raises:
        MissingDependency: neither library is installed.
    """
    try:
        import mcubes
    except ModuleNotFoundError:
        return _by_scikit_image(grid, level)
    vertices, faces = mcubes.marching_cubes(grid, level)
    return vertices, faces.astype(np.int64)


def _by_scikit_image(
    grid: Float[np.ndarray, "a b c"], level: float
) -> tuple[Float[np.ndarray, "v 3"], Int[np.ndarray, "f 3"]]:
    try:
        from skimage.measure import marching_cubes as contour
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "Neither PyMCubes nor scikit-image is installed: no surface can be found."
        ) from error
    vertices, faces, _, _ = contour(
        grid, level, gradient_direction="ascent", allow_degenerate=True, method="lorensen"
    )
    return vertices.astype(np.float64), faces.astype(np.int64)

"""What lies on itself does not show through itself."""

from __future__ import annotations

import numpy as np

from backend.progress import CancelToken
from backend.surface.topology import Faces, Vertices
from backend.tracking.backfaces import TuckConfig, tuck
from backend.tracking.quality import visible_backfaces
from backend.tracking.visibility import directions, look
from tests.tracking.worlds import BODY, mesh_of


def sheet(thickness: float, size: int = 12) -> tuple[Vertices, Faces]:
    """A closed square; a negative thickness turns its sides inside out."""
    across = np.linspace(-0.5, 0.5, size)
    x, y = np.meshgrid(across, across, indexing="ij")
    number = np.arange(size * size).reshape(size, size)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    top = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    flat = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    rise = np.where((np.abs(flat[:, :2]) < 0.49).all(axis=1), 0.5 * thickness, 0.0)
    up = flat + rise[:, None] * [0.0, 0.0, 1.0]
    down = flat - rise[:, None] * [0.0, 0.0, 1.0]
    return np.concatenate([up, down]), np.concatenate([top, top[:, ::-1] + size * size])


def test_sides_that_show_through_are_moved_apart() -> None:
    vertices, faces = sheet(-0.004)
    token = CancelToken()
    assert visible_backfaces(vertices, faces, token) > 50.0
    moved = tuck(vertices, faces, token)
    # A rim without a wall still shows a little.
    assert visible_backfaces(moved, faces, token) < 2.0
    assert np.linalg.norm(moved - vertices, axis=1).max() <= TuckConfig().reach + 1e-6


def test_all_views_may_show_something_and_be_cured_at_once() -> None:
    """Then there is no view that showed nothing before, and is to be looked at again."""
    vertices, faces = sheet(0.01, size=24)
    dent = (np.abs(vertices[:, :2]) < 0.3).all(axis=1)
    vertices[dent, 2] *= -0.2
    config = TuckConfig(views=2, size=24)

    def seen(positions: Vertices) -> list[int]:
        views = directions(config.views)
        return [int(look(positions, faces, view, config.size).behind.sum()) for view in views]

    assert min(seen(vertices)) > 0
    assert seen(tuck(vertices, faces, CancelToken(), config)) == [0, 0]


def test_what_is_well_stays_as_it_is() -> None:
    vertices, faces = mesh_of([BODY])
    np.testing.assert_array_equal(tuck(vertices, faces, CancelToken()), vertices)

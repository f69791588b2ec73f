"""How well a model was caught, as a person sees it: pictures of both from eight sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..field_reader import Field, Reader
from ..progress import CancelToken
from ..shapes import Float
from ..surface.contour import contour
from ..surface.topology import NewFaces, NewVertices
from ..tracking.visibility import View, directions, look
from .colored_mesh import ColoredMesh

VIEWS = 8
SIZE = 256
"""Pixels of a view; pictures are half as large, each pixel the mean of four."""
RESOLUTION = 112
"""Samples along each axis from which the field's surface is made."""


@dataclass(frozen=True)
class Likeness:
    """How alike two things look."""

    psnr: float
    """PSNR of unlit pictures on white, dB, the mean over the views."""
    iou: float
    """Intersection over union of the silhouettes of all views."""


def likeness(field: Field, model: ColoredMesh, cancel: CancelToken) -> Likeness:
    """The field's object beside the model, which is placed in the checkpoint's world.

    Raises:
        Cancelled: asked to stop.
    """
    reader = Reader(field, cancel)
    grid = reader.dense(RESOLUTION)
    if not (grid[1:-1, 1:-1, 1:-1] > field.level).any():
        return Likeness(0.0, 0.0)
    vertices, faces = contour(grid, field.level, field.bound, cancel)
    vertices = vertices.astype(np.float64)
    errors, both, either = [], 0, 0
    for direction in directions(VIEWS):
        cancel.check()
        views = (
            _look(vertices, faces, direction, field.bound),
            _look(model.vertices, model.faces, direction, field.bound),
        )
        own, real = views
        place = own.read(vertices[faces])
        pictures = [
            _halved(_picture(own, reader.color(place.astype(np.float32)))),
            _halved(_picture(real, _model_colors(real, model))),
        ]
        errors.append(float(np.mean((pictures[0] - pictures[1]) ** 2)))
        both += int((own.covered & real.covered).sum())
        either += int((own.covered | real.covered).sum())
    psnr = -10.0 * np.log10(np.maximum(errors, 1e-10))
    return Likeness(float(psnr.mean()), both / max(either, 1))


def _look(
    vertices: NewVertices, faces: NewFaces, direction: Float[np.ndarray, "3"], bound: float
) -> View:
    return look(vertices, faces, direction, SIZE, np.zeros(3), bound)


def _model_colors(view: View, model: ColoredMesh) -> Float[np.ndarray, "pixels 3"]:
    corners = np.broadcast_to(np.eye(3), (len(model.faces), 3, 3))
    shares = view.read(corners).clip(0.0, 1.0)
    return model.color(view.face[view.covered], shares / shares.sum(axis=1, keepdims=True))


def _picture(view: View, colors: Float[np.ndarray, "pixels 3"]) -> Float[np.ndarray, "_ _ 3"]:
    picture = np.ones((*view.face.shape, 3))
    picture[view.covered] = colors
    return picture


def _halved(picture: Float[np.ndarray, "_ _ 3"]) -> Float[np.ndarray, "_ _ 3"]:
    half = SIZE // 2
    return picture.reshape(half, 2, half, 2, 3).mean(axis=(1, 3))

"""Closed meshes whose truth is a formula."""

import numpy as np

from backend.atlas.texels import refine


def ball(radius: float = 0.5, rounds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """An octahedron refined and drawn onto the sphere; ``8 * 4**rounds`` faces."""
    vertices = np.concatenate([np.eye(3), -np.eye(3)])
    faces = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2]])
    faces = np.concatenate([faces, np.array([[1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]])])
    for _ in range(rounds):
        vertices, faces, _ = refine(vertices, faces, np.zeros((len(faces), 3, 0)))
        vertices = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    return radius * vertices, faces


def two_balls() -> tuple[np.ndarray, np.ndarray]:
    """One in front of the other, seen from the front."""
    near, far = ball(0.25, 3), ball(0.4, 3)
    vertices = np.concatenate([near[0] - [0.1, 0.5, 0.0], far[0] + [0.1, 0.4, 0.0]])
    return vertices, np.concatenate([near[1], far[1] + len(near[0])])

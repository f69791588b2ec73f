"""Pictures of a mesh, with the first stage's cameras, lights, shadings and backgrounds (A26)."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from backend.rendering.cameras import CameraConfig, Cameras
from backend.surface.topology import Faces

from ..guidance.pictures import halved
from ..rendering.config import RenderConfig
from ..rendering.rasterize import project, visible
from ..rendering.renderer import TrainingRenderer
from ..rendering.scene import Lighting, Scene, Step, TrainingViews
from .mesh import SurfaceObjects
from .outlines import Edges, antialias


class MeshRenderer(TrainingRenderer):
    """Draws a step's ``SurfaceObjects``, four pixels for each of the picture's; a ``Renderer`` for
    any guidance.

    Gradients reach the vertices through outlines and light, the colors through what is seen of
    them: colors do not pull vertices about. The regularizers of density have nothing to say of a
    mesh and are left out.
    """

    def __init__(
        self, faces: Faces, config: RenderConfig, cameras: CameraConfig | None = None
    ) -> None:
        super().__init__(config, cameras)
        self._faces = torch.from_numpy(faces.astype(np.int64))
        self._edges = Edges(faces)

    def render(self, step: Step, scene: Scene) -> TrainingViews:
        """The mesh as ``scene`` has it."""
        device = step.objects.values.device
        cameras, lights = scene.cameras.to(device), scene.lights.to(device)
        # Places on the screen: never in half precision.
        with torch.autocast(device.type, enabled=False):
            layers = self._layers(step, scene, cameras, lights, 2 * self.config.size)
        layers = halved(layers).flatten(1, 2)
        directions = cameras.rays(self.config.size)[1]
        seen, alpha = layers[..., :3], layers[..., 3].clamp(0.0, 1.0)
        return self._over_background(step, scene, lights, directions, seen, alpha, {})

    def _layers(
        self,
        step: Step,
        scene: Scene,
        cameras: Cameras,
        lights: Float[Tensor, "views 3"],
        size: int,
    ) -> Float[Tensor, "views size size 4"]:
        """Color premultiplied by alpha, and alpha."""
        objects = cast(SurfaceObjects, step.objects)
        vertices = objects.vertices
        faces = self._faces.to(vertices.device)
        self._edges.to(vertices.device)
        normals = vertex_normals(vertices, faces)
        screens = project(vertices, cameras, size)
        hits = [visible(screen, faces, size) for screen in screens]
        owner = torch.cat([torch.full_like(hit.face, view) for view, hit in enumerate(hits)])
        points = torch.cat([hit.interpolate(vertices, faces) for hit in hits])
        normal = torch.cat([hit.interpolate(normals, faces) for hit in hits])
        color = step.model.sample_owned(objects, points.detach(), owner)[1].float()
        lighting = Lighting(scene, lights, step.conditions)
        normal = functional.normalize(normal, dim=-1)
        color = lighting.shade(color, self._light(normal, points, lighting.position[owner]), owner)
        shown = torch.cat([color, torch.ones_like(color[:, :1])], dim=1)
        pictures = []
        for screen, hit, part in zip(
            screens, hits, shown.split([len(hit.face) for hit in hits]), strict=True
        ):
            flat = shown.new_zeros(size * size, 4).index_put((hit.pixel,), part)
            flat = antialias(flat, screen, hit, faces, self._edges, size)
            pictures.append(flat.view(size, size, 4))
        return torch.stack(pictures)


def vertex_normals(
    vertices: Float[Tensor, "vertices 3"], faces: Int[Tensor, "faces 3"]
) -> Float[Tensor, "vertices 3"]:
    """Unit normals, out of the matter: sums over the faces around, by area."""
    a, b, c = vertices[faces].unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices).index_add(
        0, faces.flatten(), normal.repeat_interleave(3, dim=0)
    )
    return functional.normalize(total, dim=-1)

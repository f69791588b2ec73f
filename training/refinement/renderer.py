"""Pictures of a mesh, with the first stage's cameras, lights, shadings and backgrounds (A26)."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from backend.mesh.topology import Faces
from backend.rendering.cameras import CameraConfig, Cameras
from backend.rendering.lighting import lambert

from ..guidance import Step
from ..rendering import RenderConfig, Scene, TrainingRenderer, TrainingViews
from .outlines import Edges, antialias
from .rasterize import project, visible
from .surface import SurfaceObjects

FINER = 2
"""Pixels drawn for each of the picture's, along each axis: parts thinner than one flicker."""


class MeshRenderer(TrainingRenderer):
    """Draws a step's ``SurfaceObjects``; a ``Renderer`` for any guidance.

    Gradients reach the vertices through outlines and light, the colours through what is seen of
    them: colours do not pull vertices about. The regularizers of density have nothing to say of a
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
        fine = FINER * self.config.size
        # Places on the screen: never in half precision.
        with torch.autocast(device.type, enabled=False):
            layers = self._layers(step, scene, cameras, lights, fine).movedim(-1, 1)
        layers = functional.avg_pool2d(layers, FINER).flatten(2).transpose(1, 2)
        seen, alpha = layers[..., :3], layers[..., 3].clamp(0.0, 1.0)
        behind = scene.color.to(device)[:, None].expand_as(seen)
        if step.model.environment is not None:
            around = step.model.background(step.objects, cameras.rays(self.config.size)[1]).float()
            behind = torch.where(scene.solid.to(device)[:, None, None], behind, around)
        image = (seen + behind * (1.0 - alpha)[..., None]).clamp(0.0, 1.0)
        shape = (len(cameras), self.config.size, self.config.size)
        return TrainingViews(
            images=image.view(*shape, 3),
            alpha=alpha.view(shape),
            cameras=cameras,
            lights=lights,
            shadings=scene.shadings,
            regularizers={},
        )

    def _layers(
        self,
        step: Step,
        scene: Scene,
        cameras: Cameras,
        lights: Float[Tensor, "views 3"],
        size: int,
    ) -> Float[Tensor, "views size size 4"]:
        """Colour premultiplied by alpha, and alpha."""
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
        light = lambert(functional.normalize(normal, dim=-1), points, lights[owner])[:, None]
        lit = torch.tensor([s != "albedo" for s in scene.shadings], device=owner.device)[owner]
        white = torch.tensor([s == "textureless" for s in scene.shadings], device=owner.device)
        color = torch.where(white[owner][:, None], 1.0, color)
        color = torch.where(lit[:, None], (color * light).clamp(0.0, 1.0), color)
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

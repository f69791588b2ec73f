"""What a guidance sees of a step's objects: random cameras, lights, shadings and backgrounds.

One view an object, each object with its own grid (A12). Rays that miss the bounding ball cost
nothing: the others of all objects are one flat list, and so are their samples. All randomness
comes from the step's generator.

Samples where a coarse look finds nothing are not read (``RenderConfig.negligible``). On a GPU that
has a price: how many are left must be known, and the host waits for it. With
``RenderConfig.fixed_shapes`` everything is read and nothing waits.

Normals are wanted for lit shadings only. ``normals_at="surface"`` takes one a ray, at its expected
depth; ``"samples"`` takes one a sample and shades before compositing, as DreamFusion does, which
makes a lit picture several times as expensive.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.model.att3d import ATT3D, Objects
from backend.model.occupancy import Occupancy
from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig, intersect_ball, sample_cameras
from backend.rendering.lighting import (
    lambert,
    sample_lights,
)
from backend.rendering.volume import EMPTY, sample_weights

from .config import REGULARIZERS, Regularizer, RenderConfig
from .scene import SHADINGS, Lighting, Scene, Step, TrainingViews


@dataclass(frozen=True)
class _Rays:
    """Rays that meet the bounding ball, of all objects."""

    origin: Float[Tensor, "rays 3"]
    direction: Float[Tensor, "rays 3"]
    owner: Int[Tensor, " rays"]
    pixel: Int[Tensor, " rays"]
    alpha: Float[Tensor, " rays"]


class TrainingRenderer:
    """Draws a step's objects (A13-A15, A17) and their regularizers (A19)."""

    def __init__(self, config: RenderConfig, cameras: CameraConfig | None = None) -> None:
        """``cameras`` are A13's by default."""
        self.config = config
        self.cameras = cameras or CameraConfig()

    def __call__(self, step: Step) -> TrainingViews:
        """Random views of the step's objects.

        Raises:
            TrainingError: the background should be the environment map, and the model has none.
        """
        scene = self.scene(len(step.objects), step.generator, step.done)
        return self.render(step, scene)

    def scene(self, count: int, generator: torch.Generator, done: float = 1.0) -> Scene:
        """Cameras, lights, shadings and backgrounds of ``count`` pictures, when a share ``done`` of
        the run is over."""
        config = self.config
        whole = dataclasses.replace(self.cameras, close=0.0)
        cameras = self.cameras if done >= config.close_from else whole
        cameras = sample_cameras(count, cameras, generator)
        lights = sample_lights(cameras, config.lights, generator)
        shares = torch.tensor([config.full, config.textureless, config.albedo], dtype=torch.float32)
        drawn = torch.multinomial(shares, count, replacement=True, generator=generator)
        share = {"environment": 0.0, "random": 1.0, "mix": config.solid_share}[config.background]
        return Scene(
            cameras=cameras,
            lights=lights,
            shadings=[SHADINGS[i] for i in drawn.tolist()],
            solid=torch.rand(count, generator=generator) < share,
            color=torch.rand(count, 3, generator=generator),
            amount=torch.rand(count, generator=generator) if config.soft else None,
        )

    def render(self, step: Step, scene: Scene) -> TrainingViews:
        """The step's objects as ``scene`` has them."""
        model, objects, config = step.model, step.objects, self.config
        device = objects.values.device
        cameras, lights = scene.cameras.to(device), scene.lights.to(device, non_blocking=True)
        origins, directions = cameras.rays(config.size)
        near, far = intersect_ball(origins, directions, model.config.bound)
        # Rays through the ball, of all objects, as one list.
        through = self._chosen((far - near > 1e-6).flatten())
        owner, pixel = through // near.shape[1], through % near.shape[1]
        direction = directions[owner, pixel]
        near, length = near[owner, pixel], (far - near)[owner, pixel] / config.samples
        draw = _on(device, step.generator)
        jitter = torch.rand(len(owner), config.samples, generator=draw, device=device)
        place = torch.arange(config.samples, device=device) + jitter
        distance = near[:, None] + length[:, None] * place
        points = origins[owner][:, None] + direction[:, None] * distance[..., None]
        read = self._worth_reading(model, objects, points, owner)
        ray = read // config.samples
        points = points.view(-1, 3)[read]
        pre_density, color = self._sample(model, objects, points, owner[ray])
        heights = distance.new_full((distance.numel(),), EMPTY)
        heights = heights.index_put((read,), pre_density.float()).view(distance.shape)
        weights = sample_weights(heights, length)
        alpha = weights.sum(-1).clamp_max(1.0)  # the sum may round to a little more
        each = weights.flatten()[read]
        rays = _Rays(origins[owner], direction, owner, pixel, alpha)
        lights_of = Lighting(scene, lights, step.conditions)
        if config.normals_at == "samples":
            color, away = self._light_samples(
                model, objects, lights_of, rays, points, ray, color.float()
            )
            facing = alpha.new_zeros(len(alpha)).index_add(0, ray, each.detach() * away)
            seen = alpha.new_zeros(len(alpha), 3).index_add(0, ray, each[:, None] * color)
        else:
            seen = alpha.new_zeros(len(alpha), 3).index_add(0, ray, each[:, None] * color.float())
            depth = (weights * distance).sum(-1).detach() / alpha.detach().clamp_min(1e-6)
            seen, facing = self._light_surface(model, objects, lights_of, rays, depth, seen)
        return self._views(step, scene, lights, directions, rays, seen, facing)

    def _chosen(self, worth: Bool[Tensor, " items"]) -> Int[Tensor, " chosen"]:
        """Where ``worth`` holds; everywhere with fixed shapes."""
        if self.config.fixed_shapes:
            return torch.arange(len(worth), device=worth.device)
        return worth.nonzero()[:, 0]

    def _sample(
        self,
        model: ATT3D,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Pre-density and color at points that come object by object."""
        if not self.config.fixed_shapes:
            return model.sample_owned(objects, points, owner)
        pre_density, color = model.sample(objects, points.unflatten(0, (len(objects), -1)))
        return pre_density.flatten(), color.flatten(0, 1)

    def _pre_density(
        self,
        model: ATT3D,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> Float[Tensor, " points"]:
        if not self.config.fixed_shapes:
            return model.pre_density_owned(objects, points, owner)
        return model.pre_density(objects, points.unflatten(0, (len(objects), -1))).flatten()

    def _worth_reading(
        self,
        model: ATT3D,
        objects: Objects,
        points: Float[Tensor, "rays samples 3"],
        owner: Int[Tensor, " rays"],
    ) -> Int[Tensor, " read"]:
        """Indices into the flat list of samples."""
        if self.config.negligible == 0.0:
            return torch.arange(points[..., 0].numel(), device=points.device)
        occupancy = Occupancy(model, objects, negligible=self.config.negligible)
        occupied = occupancy(points, owner[:, None].expand(points.shape[:2]))
        return occupied.flatten().nonzero()[:, 0]

    def _light_samples(
        self,
        model: ATT3D,
        objects: Objects,
        lighting: Lighting,
        rays: _Rays,
        points: Float[Tensor, "read 3"],
        ray: Int[Tensor, " read"],
        color: Float[Tensor, "read 3"],
    ) -> tuple[Float[Tensor, "read 3"], Float[Tensor, " read"]]:
        """Lit colors of samples, and how much their normals look away, squared."""
        away = color.new_zeros(len(color))
        owner = rays.owner[ray]
        worth = lighting.lit[owner]
        chosen = self._chosen(worth)
        if len(chosen) == 0:
            return color, away
        points, owner, worth = points[chosen], owner[chosen], worth[chosen]
        normals = self._normals(model, objects, points, owner)
        light = self._light(normals, points, lighting.position[owner])
        shaded = lighting.shade(color[chosen], light, owner)
        color = color.index_put((chosen,), torch.where(worth[:, None], shaded, color[chosen]))
        facing = _facing_away(normals, rays.direction[ray[chosen]])
        return color, away.index_put((chosen,), torch.where(worth, facing, 0.0))

    def _light_surface(
        self,
        model: ATT3D,
        objects: Objects,
        lighting: Lighting,
        rays: _Rays,
        depth: Float[Tensor, " rays"],
        seen: Float[Tensor, "rays 3"],
    ) -> tuple[Float[Tensor, "rays 3"], Float[Tensor, " rays"]]:
        """Lit colors of rays, premultiplied, and how much their normals look away, squared."""
        facing = seen.new_zeros(len(seen))
        # A ray that sees next to nothing has next to no color to be lit.
        worth = lighting.lit[rays.owner] & (rays.alpha > 1e-3)
        chosen = self._chosen(worth)
        if len(chosen) == 0:
            return seen, facing
        owner, direction, worth = rays.owner[chosen], rays.direction[chosen], worth[chosen]
        ends = rays.origin[chosen] + direction * depth[chosen, None]
        normals = self._normals(model, objects, ends, owner)
        light = self._light(normals, ends, lighting.position[owner])
        shaded = lighting.shade(seen[chosen], light, owner, rays.alpha[chosen, None])
        seen = seen.index_put((chosen,), torch.where(worth[:, None], shaded, seen[chosen]))
        away = rays.alpha[chosen].detach() * _facing_away(normals, direction)
        return seen, facing.index_put((chosen,), torch.where(worth, away, 0.0))

    def _light(
        self,
        normals: Float[Tensor, "points 3"],
        points: Float[Tensor, "points 3"],
        lights: Float[Tensor, "points 3"],
    ) -> Float[Tensor, " points"]:
        return lambert(normals, points, lights, self.config.ambient, self.config.diffuse)

    def _views(
        self,
        step: Step,
        scene: Scene,
        lights: Float[Tensor, "objects 3"],
        directions: Float[Tensor, "objects pixels 3"],
        rays: _Rays,
        seen: Float[Tensor, "rays 3"],
        facing: Float[Tensor, " rays"],
    ) -> TrainingViews:
        """Rays back in their pictures, over their backgrounds."""
        count, size = len(scene.cameras), self.config.size
        place = (rays.owner, rays.pixel)
        image = seen.new_zeros(count, size * size, 3).index_put(place, seen)
        opacity = seen.new_zeros(count, size * size).index_put(place, rays.alpha)
        losses = self._regularizers(step, opacity, rays.owner, facing)
        return self._over_background(step, scene, lights, directions, image, opacity, losses)

    def _over_background(
        self,
        step: Step,
        scene: Scene,
        lights: Float[Tensor, "objects 3"],
        directions: Float[Tensor, "objects pixels 3"],
        seen: Float[Tensor, "objects pixels 3"],
        opacity: Float[Tensor, "objects pixels"],
        regularizers: dict[str, Float[Tensor, ""]],
    ) -> TrainingViews:
        """What is seen, premultiplied by its opacity, over the scene's backgrounds."""
        solid = scene.solid.to(seen.device, non_blocking=True)
        behind = scene.color.to(seen.device, non_blocking=True)[:, None].expand_as(seen)
        # Even if no picture of this step shows it: processes that train together must agree on
        # which parameters get a gradient, be it zero.
        if step.model.environment is not None:
            around = step.model.background(step.objects, directions).float()
            behind = torch.where(solid[:, None, None], behind, around)
        elif not all(scene.solid.tolist()):
            raise TrainingError(
                "pictures over the environment map need a model that has one",
                "set the model's environment to true, or the rendering's background to random",
            )
        image = (seen + behind * (1.0 - opacity)[..., None]).clamp(0.0, 1.0)
        shape = (len(scene.cameras), self.config.size, self.config.size)
        return TrainingViews(
            images=image.view(*shape, 3),
            alpha=opacity.view(shape),
            cameras=scene.cameras,
            lights=lights,
            shadings=scene.shadings,
            regularizers=regularizers,
        )

    def _regularizers(
        self,
        step: Step,
        opacity: Float[Tensor, "objects pixels"],
        owner: Int[Tensor, " rays"],
        facing: Float[Tensor, " rays"],
    ) -> dict[str, Float[Tensor, ""]]:
        """Means over all pixels of all objects, each object by its weight.

        Pictures without light add nothing to the orientation loss, so that a batch in two halves
        has the same sum as the whole.
        """
        losses: dict[str, Tensor] = {}
        for name in REGULARIZERS:
            settings = cast(Regularizer, getattr(self.config, name))
            given = step.conditions.get(f"{name}_weight")
            if settings.weight == 0.0 and given is None:
                continue
            if name == "orientation":
                each = facing.new_zeros(len(opacity)).index_add(0, owner, facing)
                each = each / opacity.shape[1]
            elif name == "opacity":
                each = (opacity.square() + 0.01).sqrt().mean(1)
            else:
                share = opacity.clamp(1e-5, 1.0 - 1e-5)
                bits = share * share.log2() + (1.0 - share) * (1.0 - share).log2()
                each = -bits.mean(1)
            weight = settings.weight if given is None else given.to(each)
            losses[name] = (weight * settings.factor(step.done) * each).mean()
        return losses

    def _normals(
        self,
        model: ATT3D,
        objects: Objects,
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> Float[Tensor, "points 3"]:
        """Unit normals, out of the matter; differentiable in the objects, not in the points."""
        points = points.detach()
        # Differences of large numbers: never in half precision.
        with torch.autocast(points.device.type, enabled=False):
            if self.config.normals == "analytic":
                with torch.enable_grad():
                    points = points.requires_grad_()
                    height = self._pre_density(model, objects, points, owner)
                    (slope,) = torch.autograd.grad(height.sum(), points, create_graph=True)
            else:
                step = self.config.normal_step * model.config.bound
                steps = step * torch.cat([torch.eye(3), -torch.eye(3)])
                steps = steps.to(points.device, non_blocking=True)
                around = (points[:, None] + steps).flatten(0, 1)
                height = self._pre_density(model, objects, around, owner.repeat_interleave(6))
                height = height.view(-1, 2, 3)
                slope = (height[:, 0] - height[:, 1]) / (2.0 * step)
        return -torch.nn.functional.normalize(slope, dim=-1, eps=1e-6)


def _facing_away(
    normals: Float[Tensor, "rays 3"], directions: Float[Tensor, "rays 3"]
) -> Float[Tensor, " rays"]:
    """``max(0, n . d)^2``: what Ref-NeRF's orientation loss sums."""
    return (normals * directions).sum(-1).clamp_min(0.0).square()


def _on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """A generator on ``device``, seeded by one on the CPU."""
    if device.type == "cpu":
        return generator
    seed = int(torch.randint(2**62, (1,), generator=generator).item())
    return torch.Generator(device).manual_seed(seed)

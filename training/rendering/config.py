"""How a guidance's pictures are drawn: sizes, lights, shadings, backgrounds, regularizers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from backend.protocol.errors import TrainingError
from backend.rendering.lighting import AMBIENT, DIFFUSE, LightConfig

Background = Literal["environment", "random", "mix"]
Normals = Literal["analytic", "differences"]
NormalsAt = Literal["surface", "samples"]


@dataclass(frozen=True)
class Regularizer:
    """A regularizer's weight over a run.

    A step's condition of the same name (``orientation_weight``, ``opacity_weight``,
    ``entropy_weight``) replaces the weight of each object (A31); the ramp stays.
    """

    weight: float = 0.0
    """Paper: 1e-3 .. 1e-1 for orientation and opacity (A19); 0 turns it off."""
    first: float = 1.0
    """Factor on the weight before the ramp; after it the factor is one."""
    ramp: tuple[float, float] = (0.0, 1.0)
    """Shares of the run between which the factor goes from ``first`` to one, linearly."""

    def factor(self, done: float) -> float:
        """The ramp's factor when a share ``done`` of the run is over."""
        start, end = self.ramp
        over = 1.0 if done >= end else max(0.0, (done - start) / (end - start))
        return self.first + (1.0 - self.first) * over


@dataclass(frozen=True)
class RenderConfig:
    """How a guidance's pictures are drawn. Defaults are the paper's where it has one."""

    size: int = 64
    """Pixels of a picture's side (A17)."""
    samples: int = 32
    """Samples a ray (A17)."""
    close_from: float = 0.0
    """Share of the run after which there are close-ups, where the cameras have them: what is small
    is seen when what is large is there."""
    lights: LightConfig = field(default_factory=LightConfig)
    full: float = 0.4
    """Share of the pictures with albedo and light (A15; the shares are our choice)."""
    textureless: float = 0.2
    """Share of the pictures with light on white."""
    albedo: float = 0.4
    """Share of the pictures with albedo alone."""
    soft: bool = False
    """Soft shading (B.1.7): textureless pictures keep a random share of their color, and albedo
    pictures a random share of their light. Otherwise neither keeps anything."""
    ambient: float = AMBIENT
    """Light everywhere; DreamFusion has 0.1."""
    diffuse: float = DIFFUSE
    """Light that falls straight on a surface, beside the ambient; DreamFusion has 0.9."""
    background: Background = "environment"
    """``environment``: the model's own map (A10); ``random``: one random color a picture."""
    solid_share: float = 0.5
    """Share of a mix's pictures over a random color; the others are over the map."""
    normals: Normals = "differences"
    """Central differences, or the trilinear field's own gradient, which jumps at every cell.
    Against the toys' true normals: median 3.5 degrees at step 0.02, and 6.6 by the gradient, at
    the same cost (benchmarks/normals.py)."""
    normals_at: NormalsAt = "surface"
    normal_step: float = 0.02
    """Step of the differences, in radii of the bounding ball."""
    negligible: float = 1e-3
    """Density, per metre, below which samples are not read and get no gradient; 0 reads all.
    A ray of 2 m loses at most 0.002 of its alpha."""
    fixed_shapes: bool = False
    """Read every ray and sample and light every picture, whether it counts or not: the host never
    waits for a GPU. Needs ``negligible`` 0."""
    orientation: Regularizer = field(default_factory=Regularizer)
    """Normals of what is seen must not look away from the camera (Ref-NeRF, A19)."""
    opacity: Regularizer = field(default_factory=Regularizer)
    """Less matter: ``sqrt(alpha^2 + 0.01)`` (DreamFusion, A19)."""
    entropy: Regularizer = field(default_factory=Regularizer)
    """Less haze: binary entropy of alpha, in bits."""

    def __post_init__(self) -> None:
        shares = (self.full, self.textureless, self.albedo)
        if min(shares) < 0 or sum(shares) <= 0:
            raise _bad("the shares of the shadings must not be negative, nor all zero")
        if self.size < 1 or self.samples < 1:
            raise _bad("size and samples must be positive")
        for name in ("solid_share", "close_from"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise _bad(f"{name} must be from 0 to 1")
        if self.negligible < 0:
            raise _bad("negligible must not be negative")
        if self.fixed_shapes and self.negligible > 0:
            raise _bad("with fixed_shapes no sample can be left out: set negligible to 0")
        if min(self.ambient, self.diffuse) < 0:
            raise _bad("ambient and diffuse must not be negative")
        if self.normal_step <= 0:
            raise _bad("normal_step must be positive")
        for name in REGULARIZERS:
            ramp = getattr(self, name).ramp
            if not 0.0 <= ramp[0] <= ramp[1]:
                raise _bad(f"{name}.ramp must be two shares of the run, the smaller first")


REGULARIZERS = ("orientation", "opacity", "entropy")


def _bad(what: str) -> TrainingError:
    return TrainingError(f"the rendering's configuration is not valid: {what}")

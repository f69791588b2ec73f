"""Sizes and switches of a model; stored as JSON in every checkpoint.

Defaults are the paper's (research item ids in brackets).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ..protocol.errors import CheckpointError

Support = Literal["cube", "ball"]
PAPER_RESOLUTIONS = (9, 14, 22, 36, 58)


def paper_resolutions(levels: int) -> tuple[int, ...]:
    """Vertices per axis of each level: ``1 + floor(8 b^level)`` with ``b = 2^(5/7)`` (A1, A2)."""
    base = 2 ** (5 / 7)
    return tuple(1 + math.floor(8 * base**level) for level in range(levels))


@dataclass(frozen=True)
class GridConfig:
    """The multi-resolution feature grid (A1)."""

    resolutions: tuple[int, ...] = PAPER_RESOLUTIONS
    """Vertices per axis, coarse to fine."""
    features: int = 4
    """Features a vertex."""
    support: Support = "cube"
    """``ball`` keeps only the vertices of cells that touch the bounding ball: about half of them,
    and the half that is never read is neither stored nor computed."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build an untrained model of the same shape."""

    tokens: int = 77
    """Tokens of a text embedding (A4)."""
    width: int = 768
    """Width of a token."""
    latent: int = 32
    """v, the width of the mapping network's bottleneck (A8)."""
    grid: GridConfig = field(default_factory=GridConfig)
    hidden: tuple[int, ...] = (32,)
    """Widths of the NeRF MLP's hidden layers (A3)."""
    spectral_norm: bool = True
    """Spectral norm on every linear layer of the mapping network (A11)."""
    gain: float = 1.0
    """Factor on the mapping network's output. Spectral norm bounds a grid's size by that of v,
    so the default leaves the MLP to make up for a grid of about a million small numbers."""
    components: int = 0
    """Principal components of the text embeddings that the mapping network sees in training,
    whitened; 0: the embeddings as they are (the paper)."""
    bound: float = 2.0
    """Radius of the bounding ball, metres (A13)."""
    density_bias: float = 10.0
    """Height of the initial ball of density, ``bias (1 - |x| / radius)`` (A20)."""
    density_bias_radius: float = 0.5
    """Radius at which that bias is zero, metres."""
    density_scale: float = 1.0
    """Factor on the MLP's density output. Trilinear cells of some centimetres cannot change faster
    than the MLP lets them; with a factor of four the same cells hold an edge four times as sharp,
    and the density no longer reaches beyond the surface as a halo."""
    environment: bool = True
    """Whether there is an environment map (A10)."""
    surface_step: float = 0.05
    """A sample of this length, metres, is half opaque on the surface."""

    @property
    def plain(self) -> ModelConfig:
        """The same function without what only training needs: the shape of stored weights."""
        return dataclasses.replace(self, spectral_norm=False, components=0)

    @property
    def surface_level(self) -> float:
        """Pre-density on the surface: ``softplus(level) * surface_step = ln 2``."""
        return math.log(math.expm1(math.log(2.0) / self.surface_step))


def config_to_json(config: ModelConfig) -> dict[str, Any]:
    """A plain dictionary of ``config``."""
    return dataclasses.asdict(config)


def config_from_json(data: object) -> ModelConfig:
    """The configuration in ``data``; raises ``CheckpointError`` naming the field that is wrong."""

    def fail(what: str) -> CheckpointError:
        return CheckpointError(
            f"the checkpoint's model configuration is not valid: {what}",
            "use a checkpoint made by this version of ATT3D",
        )

    def build(cls: type, values: object, where: str) -> Any:
        if not isinstance(values, dict):
            raise fail(f"{where} is not an object")
        known = {f.name: f for f in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise fail(f"unknown field {where}.{name}")
        converted: dict[str, Any] = {}
        for name, value in values.items():
            default = getattr(cls(), name)
            if dataclasses.is_dataclass(default):
                converted[name] = build(type(default), value, f"{where}.{name}")
            elif isinstance(default, tuple):
                if not isinstance(value, list | tuple) or not all(
                    isinstance(x, int) and not isinstance(x, bool) and 0 < x <= 1024 for x in value
                ):
                    raise fail(f"{where}.{name} is not a list of integers from 1 to 1024")
                converted[name] = tuple(value)
            elif isinstance(default, bool | str):
                if type(value) is not type(default):
                    raise fail(f"{where}.{name} is not a {type(default).__name__}")
                if name == "support" and value not in get_args(Support):
                    raise fail(f"{where}.{name} is {value!r}")
                converted[name] = value
            else:
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise fail(f"{where}.{name} is not a number")
                if isinstance(default, int) and not isinstance(value, int):
                    raise fail(f"{where}.{name} is not an integer")
                if not math.isfinite(value) or value < 0:
                    raise fail(f"{where}.{name} is not a finite positive number")
                converted[name] = type(default)(value)
        return cls(**converted)

    config: ModelConfig = build(ModelConfig, data, "model")
    if not config.grid.resolutions or min(config.grid.resolutions) < 2:
        raise fail("grid.resolutions needs at least one level of two vertices")
    for name in (
        "tokens",
        "width",
        "latent",
        "bound",
        "surface_step",
        "density_bias_radius",
        "density_scale",
    ):
        if getattr(config, name) <= 0:
            raise fail(f"model.{name} must be positive")
    return config

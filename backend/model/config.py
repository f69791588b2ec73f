"""Sizes and switches of a model; stored as JSON in every checkpoint.

Defaults are the paper's (research item ids in brackets).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from ..protocol.errors import BadRequest, CheckpointError
from ..protocol.schema import decode

Support = Literal["cube", "ball"]
Mapping = Literal["linear", "deep", "attention", "concatenation"]


def paper_resolutions(levels: int) -> tuple[int, ...]:
    """Vertices per axis of each level: ``1 + floor(8 b^level)`` with ``b = 2^(5/7)`` (A1, A2)."""
    base = 2 ** (5 / 7)
    return tuple(1 + math.floor(8 * base**level) for level in range(levels))


PAPER_RESOLUTIONS = paper_resolutions(5)

QUIET, LOUD, LARGEST = 0.1, 0.35, 1.0
"""Logarithms of factors, as a text says them of proportions: up to the first, either way, they
count as 0, from the second on in full, and none is larger than the third. Words ask for .47 or
more; what is far below would be noise on every object."""


@dataclass(frozen=True)
class GridConfig:
    """The multi-resolution feature grid (A1)."""

    resolutions: tuple[int, ...] = PAPER_RESOLUTIONS
    """Vertices per axis, coarse to fine."""
    features: int = 4
    """Features of each vertex."""
    support: Support = "cube"
    """``ball`` keeps only the vertices of cells that touch the bounding ball: about half of them,
    and the half that is never read is neither stored nor computed. Not of hash levels."""
    hashed: tuple[int, ...] = ()
    """Vertices per axis of the hash levels that follow; the paper's are 96, 157, 257 (A2)."""
    table: int = 16
    """Each hash level has ``2**table`` rows. Instant-NGP's usual 19 would make the mapping network
    seven times as large; with 16 the paper's three levels hold about as much as its dense ones
    (196,608 rows beside 255,889 vertices)."""

    @property
    def levels(self) -> tuple[int, ...]:
        """Vertices per axis of all levels, hash levels last."""
        return self.resolutions + self.hashed


@dataclass(frozen=True)
class Condition:
    """A number that the mapping network sees beside the text, so that a run amortizes over it
    (A31)."""

    name: str = "guidance_weight"
    low: float = 0.0
    high: float = 1.0
    """The range it is drawn from in training; mapped to -1 .. 1."""
    default: float = 0.5
    """What the backend gives."""
    logarithmic: bool = False
    """Map its logarithm: for ranges over decades."""

    @classmethod
    def parse(cls, text: str) -> Condition:
        """What ``NAME:LOW:HIGH:DEFAULT`` says, with ``:log`` at the end for a logarithmic one.

        Whether such a condition can be is for :attr:`problem` to say.

        Raises:
            ValueError: it has another form.
        """
        name, *numbers = text.split(":")
        logarithmic = numbers[3:] == ["log"]
        try:
            low, high, default = (float(n) for n in (numbers[:3] if logarithmic else numbers))
        except ValueError:
            said = f"{text!r} is not NAME:LOW:HIGH:DEFAULT or NAME:LOW:HIGH:DEFAULT:log"
            raise ValueError(said) from None
        return cls(name, low, high, default, logarithmic)

    def normalised(self, value: float) -> float:
        """``value`` as the mapping network takes it: ``low`` is -1 and ``high`` is 1."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return 2.0 * (value - low) / (high - low) - 1.0

    def __str__(self) -> str:
        text = f"{self.name}:{self.low:g}:{self.high:g}:{self.default:g}"
        return text + ":log" * self.logarithmic

    @property
    def problem(self) -> str | None:
        """What is wrong with the condition, or None."""
        if not self.name.isidentifier():
            return f"the condition {self.name!r} is not a name"
        if not all(map(math.isfinite, (self.low, self.high, self.default))):
            return f"the condition {self.name} needs finite numbers"
        if not self.low < self.high:
            return f"the condition {self.name} needs low < high"
        if not self.low <= self.default <= self.high:
            return f"the default of the condition {self.name} is not between low and high"
        if self.logarithmic and self.low <= 0:
            return f"the condition {self.name} is logarithmic and needs low > 0"
        return None


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build an untrained model of the same shape."""

    tokens: int = 77
    """Tokens of a text embedding (A4)."""
    width: int = 768
    """Width of a token."""
    latent: int = 32
    """v, the width of the mapping network's bottleneck (A8)."""
    mapping: Mapping = "linear"
    """How a text embedding becomes a grid: ``linear`` (A4), ``deep`` (A5: more hidden layers),
    ``attention`` (A6: self-attention over the tokens, a hypernetwork per level), or
    ``concatenation`` (A7: one grid for all prompts, v joins the features at the NeRF MLP)."""
    mapping_hidden: tuple[int, ...] = (64, 64)
    """Widths of the hidden layers before v. Only of ``deep``."""
    attention: int = 64
    """Width of keys, queries and values. Only of ``attention``."""
    attention_layers: int = 0
    """Self-attention layers over the tokens, before a hypernetwork a level (B.1.3); 0: one learned
    query a level instead, with fewer parameters. Only of ``attention``."""
    conditions: tuple[Condition, ...] = ()
    """Further inputs of the mapping network (A31)."""
    grid: GridConfig = field(default_factory=GridConfig)
    hidden: tuple[int, ...] = (32,)
    """Widths of the NeRF MLP's hidden layers (A3)."""
    spectral_norm: bool = True
    """Spectral norm on every linear layer of the mapping network (A11)."""
    spectral_norm_decoder: bool = False
    """Spectral norm on the NeRF MLP and the environment map too (A11)."""
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
    environment_spectral_norm: bool = False
    """Spectral norm on its layer, as B.1.4 prints; B.1.5 calls it unnecessary."""
    environment_pi: bool = True
    """Whether its frequencies are ``2^k pi``; the paper prints ``2^k``, whose highest makes 41
    waves from -1 to 1 instead of 128."""
    surface_step: float = 0.05
    """A sample of this length, metres, is half opaque on the surface."""
    faint: float = 0.0
    """How far below the surface's pre-density, before ``density_scale``, a part may be that has
    nothing denser beside it, and be drawn whole all the same (``backend/faint_parts.py``)."""
    proportions: int = 0
    """Hidden units of the network that says how objects are stretched by text, which the paper does
    not have; 0: grids say it, like everything else."""
    ground: float = 0.6
    """How far below the origin, metres, the point lies that objects are stretched about."""
    offset: bool = False
    """Whether a learned offset is added to every object's grid: fine-tuned on one prompt (A25)."""

    @property
    def latents(self) -> int:
        """Numbers of an object's latent: v, or with ``attention`` a v for each level."""
        return self.latent * (len(self.grid.levels) if self.mapping == "attention" else 1)

    @property
    def plain(self) -> ModelConfig:
        """The same function without what only training needs: the shape of stored weights."""
        return dataclasses.replace(
            self,
            spectral_norm=False,
            spectral_norm_decoder=False,
            environment_spectral_norm=False,
            components=0,
        )

    @property
    def problem(self) -> str | None:
        """What is wrong with the configuration, or None."""
        grid = self.grid
        impossible = _out_of_range(self, "model")
        if impossible:
            return impossible
        if grid.features < 1:
            return "grid.features must be positive"
        if not grid.resolutions or min(grid.levels) < 2:
            return "grid.resolutions needs at least one level of two vertices"
        if grid.hashed and not 1 <= grid.table <= 24:
            return "grid.table must be from 1 to 24"
        for resolution in grid.hashed:
            if resolution**3 <= 2**grid.table:
                return (
                    f"grid.hashed has a level of {resolution} vertices an axis, which fit into"
                    f" 2**{grid.table} rows without hashing: put it into grid.resolutions"
                )
        for name in (
            "tokens", "width", "latent", "bound", "surface_step", "density_bias_radius",
            "density_scale",
        ):  # fmt: skip
            if getattr(self, name) <= 0:
                return f"model.{name} must be positive"
        if self.mapping == "deep" and not self.mapping_hidden:
            return "the deep mapping network needs model.mapping_hidden"
        if self.mapping == "attention" and (self.attention <= 0 or self.components):
            return (
                "the attention mapping network looks at single tokens: it needs a positive"
                " model.attention, and model.components must be 0"
            )
        if self.mapping == "concatenation" and not self.hidden:
            return "concatenation needs a hidden layer in the NeRF MLP (model.hidden)"
        names = [condition.name for condition in self.conditions]
        if len(set(names)) < len(names):
            return "two conditions have the same name"
        return next((c.problem for c in self.conditions if c.problem), None)

    @property
    def surface_level(self) -> float:
        """Pre-density on the surface: ``softplus(level) * surface_step = ln 2``."""
        return math.log(math.expm1(math.log(2.0) / self.surface_step))


def config_to_json(config: ModelConfig) -> dict[str, Any]:
    """A plain dictionary of ``config``."""
    return dataclasses.asdict(config)


def config_from_json(data: object) -> ModelConfig:
    """The configuration in ``data``; raises ``CheckpointError`` naming the field that is wrong.

    Fields that an older version did not have get their defaults, which mean what it did.
    """
    try:
        config = decode(ModelConfig, data, "model")
    except BadRequest as error:
        raise _wrong(error.message) from error
    if config.problem:
        raise _wrong(config.problem)
    return config


_LARGEST = 1024
"""The largest whole number in a list: of vertices an axis, of widths of layers."""
_WIDEST = 8192
"""Units of a hidden layer of the mapping network, at most: small beside the layer after v, and what
a library's thousand captions are said with."""
_MOST_CONDITIONS = 64


def _wrong(what: str) -> CheckpointError:
    return CheckpointError(
        f"the model's configuration is not valid: {what}",
        "use a model made by this version of ATT3D",
    )


def _out_of_range(config: ModelConfig | GridConfig, where: str) -> str | None:
    """What number of a file cannot be, before anything is computed with it."""
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        named = f"{where}.{entry.name}"
        if isinstance(value, GridConfig):
            inner = _out_of_range(value, named)
            if inner:
                return inner
        elif entry.name == "conditions":
            if len(value) > _MOST_CONDITIONS:
                return f"{named} has more than {_MOST_CONDITIONS} entries"
        elif isinstance(value, tuple):
            largest = _WIDEST if entry.name == "mapping_hidden" else _LARGEST
            if not all(0 < number <= largest for number in value):
                return f"{named} is not a list of integers from 1 to {largest}"
        elif not isinstance(value, str) and value < 0:
            return f"{named} is negative"
    return None

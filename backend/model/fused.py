"""The feature grid and the NeRF MLP by tiny-cuda-nn: CUDA kernels instead of torch's operations.

tiny-cuda-nn's modules own their parameters. Here an object's grid comes from the mapping network,
so the native module is called with parameters that are given, and their gradient flows back.

Layouts (tiny-cuda-nn's documentation and headers; ``tests/model/tiny_cuda_nn.py`` writes them out):

- A grid is a Composite of one-level grids, since no growth factor gives the paper's resolutions.
  A level of R vertices an axis reads a coordinate u in [0, 1] at ``u (R - 1) + 1/2``; we give
  ``u - 1/2 / (R - 1)``, so that vertices are where ours are. Rows of a dense level count its first
  coordinate fastest and are padded to a multiple of 8: we give z, y, x. A hash level's hash is
  ours: we give x, y, z. Levels follow one another.
- A network's weights are row-major matrices ``outputs x inputs``, one after the other, without
  biases; inputs and outputs are padded to multiples of 16, unused inputs are one. Our first bias is
  the weight of an input that is one, our last is added afterwards.

A call of the native module takes one set of parameters, so objects are read one after the other.
Where objects have different numbers of points, a read waits for the GPU to learn them.
Grids are in single precision, since sums of many small gradients at one coarse vertex are lost in
half; the MLP is in what tiny-cuda-nn was built for, usually half.

Not run on a GPU: :meth:`FusedKernels.check` compares with torch before anything is computed.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..protocol.errors import BadRequest
from .config import GridConfig, ModelConfig
from .decoder import RadianceMLP
from .grid import FeatureGrid

WIDTH_MULTIPLE = 16
"""Network inputs and outputs are padded to multiples of this."""
ROW_MULTIPLE = 8
"""Rows of a dense level are padded to a multiple of this."""
REMEDY = "choose --accelerator torch"


@runtime_checkable
class NativeModule(Protocol):
    """What tiny-cuda-nn's ``native_tcnn_module`` can do."""

    def n_params(self) -> int: ...
    def fwd(
        self, points: Float[Tensor, "points inputs"], params: Float[Tensor, " params"]
    ) -> tuple[Any, Float[Tensor, "points outputs"]]: ...
    def bwd(
        self,
        context: Any,
        points: Float[Tensor, "points inputs"],
        params: Float[Tensor, " params"],
        output: Float[Tensor, "points outputs"],
        gradient: Float[Tensor, "points outputs"],
    ) -> tuple[Tensor | None, Tensor | None]: ...


def unsupported(config: ModelConfig) -> str | None:
    """Why tiny-cuda-nn cannot compute such a model, or None."""
    if config.grid.features not in (1, 2, 4, 8):
        return f"tiny-cuda-nn has no grid of {config.grid.features} features a vertex"
    if len(config.hidden) != 1 or config.hidden[0] % WIDTH_MULTIPLE:
        return "tiny-cuda-nn is used for MLPs of one hidden layer of a multiple of 16 neurons"
    if config.mapping == "concatenation":
        return "tiny-cuda-nn is not used where v is joined to the features (concatenation)"
    return None


def encoding_config(config: GridConfig) -> dict[str, object]:
    """What ``tinycudann.Encoding`` is made from; three inputs a level."""
    nested = []
    for level, resolution in enumerate(config.levels):
        kind: dict[str, object] = {"type": "Dense"}
        if level >= len(config.resolutions):
            kind = {"type": "Hash", "log2_hashmap_size": config.table}
        nested.append(
            {
                "otype": "Grid",
                **kind,
                "n_dims_to_encode": 3,
                "n_levels": 1,
                "n_features_per_level": config.features,
                "base_resolution": resolution,
                "per_level_scale": 1.0,  # its default divides by zero for one dense level
                "interpolation": "Linear",
            }
        )
    return {"otype": "Composite", "nested": nested}


def network_config(hidden: int) -> dict[str, object]:
    """What ``tinycudann.Network`` is made from. The fully fused MLP cannot be trained with SiLU."""
    return {
        "otype": "CutlassMLP",
        "activation": "SiLU",
        "output_activation": "None",
        "n_neurons": hidden,
        "n_hidden_layers": 1,
    }


def grid_rows(grid: FeatureGrid) -> Int[Tensor, " rows"]:
    """Our row of each row of tiny-cuda-nn's parameters; ``grid.vertices`` where there is none."""
    config = grid.config
    parts = []
    for level, resolution in enumerate(config.levels):
        start = grid.offsets[level]
        if level >= len(config.resolutions):
            rows = start + torch.arange(2**config.table)
        elif config.support == "ball":
            slots = cast(Tensor, getattr(grid, f"slots{level}")).cpu()
            rows = torch.where(slots >= 0, start + slots, grid.vertices)
        else:
            rows = start + torch.arange(resolution**3)
        parts.append(nn.functional.pad(rows, (0, -len(rows) % ROW_MULTIPLE), value=grid.vertices))
    return torch.cat(parts)


def grid_inputs(
    config: GridConfig, points: Float[Tensor, "points 3"]
) -> Float[Tensor, "points inputs"]:
    """Points in [-1, 1]^3 as the levels of tiny-cuda-nn read them, three numbers a level."""
    unit = (points * 0.5 + 0.5).clamp(0.0, 1.0)
    reversed_unit = unit.flip(-1)
    return torch.cat(
        [
            (reversed_unit if level < len(config.resolutions) else unit) - 0.5 / (resolution - 1)
            for level, resolution in enumerate(config.levels)
        ],
        dim=1,
    )


def network_params(mlp: RadianceMLP) -> Float[Tensor, " params"]:
    """The MLP's two matrices as tiny-cuda-nn has them; the last bias is not among them."""
    first, head = cast(nn.Linear, mlp.body[0]), mlp.head
    joined = torch.cat([first.weight, first.bias[:, None]], dim=1)
    joined = nn.functional.pad(joined, (0, -joined.shape[1] % WIDTH_MULTIPLE))
    last = nn.functional.pad(head.weight, (0, 0, 0, -len(head.weight) % WIDTH_MULTIPLE))
    return torch.cat([joined.flatten(), last.flatten()])


class _NativeCall(torch.autograd.Function):
    """One call of a native module; differentiable once, in its inputs and its parameters."""

    @staticmethod
    def forward(
        ctx: Any,
        points: Float[Tensor, "points inputs"],
        params: Float[Tensor, " params"],
        module: NativeModule,
        loss_scale: float,
    ) -> Float[Tensor, "points outputs"]:
        context, output = module.fwd(points, params)
        ctx.save_for_backward(points, params, output)
        ctx.module, ctx.context, ctx.loss_scale = module, context, loss_scale
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, "points outputs"]) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        points, params, output = ctx.saved_tensors
        # Small gradients are nothing in half precision.
        scaled = (gradient * ctx.loss_scale).contiguous()
        found = ctx.module.bwd(ctx.context, points, params, output, scaled)
        return *(None if g is None else g / ctx.loss_scale for g in found), None, None


class FusedModule:
    """A native module, called with any number of points and with given parameters."""

    def __init__(self, module: Any, granularity: int) -> None:
        """``module``: ``tinycudann.Encoding`` or ``tinycudann.Network``, whose own parameters are
        not used. Calls take a multiple of ``granularity`` points."""
        self.native: NativeModule = module.native_tcnn_module
        self.dtype: torch.dtype = module.dtype
        self._loss_scale: float = module.loss_scale
        self._granularity = granularity

    def __call__(
        self, points: Float[Tensor, "points inputs"], params: Float[Tensor, " params"]
    ) -> Float[Tensor, "points outputs"]:
        count = len(points)
        padded = nn.functional.pad(points.float(), (0, 0, 0, -count % self._granularity))
        output = _NativeCall.apply(
            padded.contiguous(), params.to(self.dtype).contiguous(), self.native, self._loss_scale
        )
        return cast(Tensor, output)[:count]


class FusedGrid:
    """Reads points as :class:`~backend.model.grid.FeatureGrid` does."""

    def __init__(self, grid: FeatureGrid, module: FusedModule, device: torch.device) -> None:
        self._grid = grid
        self._module = module
        self._rows = grid_rows(grid).to(device)

    def read_owned(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "points 3"],
        owner: Int[Tensor, " points"],
    ) -> Float[Tensor, "points channels"]:
        """Features of the grid ``owner[p]`` at each point p of [-1, 1]^3."""
        order = torch.argsort(owner, stable=True)
        counts = torch.bincount(owner, minlength=len(values)).tolist()
        features = self._read(values, points[order], counts)
        return torch.empty_like(features).index_copy(0, order, features)

    def read(
        self, values: Float[Tensor, "objects size"], points: Float[Tensor, "objects points 3"]
    ) -> Float[Tensor, "objects points channels"]:
        """The same with as many points of every object; nothing waits for the GPU."""
        objects, count = points.shape[:2]
        return self._read(values, points.flatten(0, 1), [count] * objects).view(objects, count, -1)

    def _read(
        self,
        values: Float[Tensor, "objects size"],
        points: Float[Tensor, "points 3"],
        counts: list[int],
    ) -> Float[Tensor, "points channels"]:
        """Features of points that come object by object."""
        inputs = grid_inputs(self._grid.config, points).split(counts)
        read = [
            self._module(part, self.params(one)).float()
            for part, one in zip(inputs, values, strict=True)
            if len(part)
        ]
        return torch.cat(read) if read else points.new_zeros(0, self._grid.channels)

    def params(self, values: Float[Tensor, " size"]) -> Float[Tensor, " params"]:
        """One object's grid as tiny-cuda-nn has it."""
        rows = values.view(self._grid.vertices, -1)
        return torch.cat([rows, rows.new_zeros(1, rows.shape[1])])[self._rows].flatten()


class FusedMLP:
    """Computes what :class:`~backend.model.decoder.RadianceMLP` does, with its weights."""

    def __init__(self, mlp: RadianceMLP, module: FusedModule) -> None:
        self._mlp = mlp
        self._module = module

    def __call__(
        self, features: Float[Tensor, "*shape channels"], shift: Tensor | None = None
    ) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape 3"]]:
        """Pre-density without the bias of A20, and color in [0, 1]."""
        flat = features.flatten(0, -2)
        inputs = torch.cat([flat, flat.new_ones(len(flat), 1)], dim=1)
        out = self._module(inputs, network_params(self._mlp))[:, :4].float() + self._mlp.head.bias
        out = out.view(*features.shape[:-1], 4)
        return out[..., 0] * self._mlp.density_scale, torch.sigmoid(out[..., 1:])

    def pre_density(
        self, features: Float[Tensor, "*shape channels"], shift: Tensor | None = None
    ) -> Float[Tensor, "*shape"]:
        """The first output alone."""
        return self(features)[0]


class FusedKernels:
    """A model's grid and MLP on a GPU."""

    def __init__(self, grid: FeatureGrid, mlp: RadianceMLP, device: torch.device) -> None:
        """Raises ``BadRequest`` where the package is missing or too old."""
        package = _package()
        granularity = int(package.modules._C.batch_size_granularity())
        levels = len(grid.config.levels)
        try:
            encoding = package.Encoding(
                3 * levels, encoding_config(grid.config), dtype=torch.float32
            )
            network = package.Network(grid.channels + 1, 4, network_config(mlp.head.in_features))
        except RuntimeError as error:
            raise BadRequest(
                f"tinycudann cannot be used: {str(error).splitlines()[0]}",
                f"install its version of August 2025 or later (SiLU), or {REMEDY}",
            ) from error
        self.grid = FusedGrid(grid, FusedModule(encoding, granularity), device)
        self.mlp = FusedMLP(mlp, FusedModule(network, granularity))
        self._torch = (grid, mlp)
        self._device = device

    @torch.no_grad()
    def check(self) -> None:
        """Compare a thousand points with torch.

        Raises:
            BadRequest: they differ by more than half precision explains.
        """
        grid, mlp = self._torch
        seeded = torch.Generator().manual_seed(0)
        values = torch.randn(2, grid.size, generator=seeded).to(self._device)
        points = (2.0 * torch.rand(1000, 3, generator=seeded) - 1.0).to(self._device)
        owner = torch.arange(1000, device=self._device) % 2
        features, wanted = (
            reader.read_owned(values, points, owner) for reader in (self.grid, grid)
        )
        errors = [(features - wanted).abs().max() / wanted.abs().max()]
        for ours, theirs in zip(self.mlp(wanted), mlp(wanted), strict=True):
            errors.append((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-3))
        worst = torch.stack(errors).max().item()
        if not worst < 0.02:
            raise BadRequest(
                f"tinycudann computes something else than torch (relative difference {worst:.2g})",
                f"install another version of it, or {REMEDY}",
            )


def _package() -> Any:
    """The package, with its native modules."""
    try:
        package = importlib.import_module("tinycudann")
        importlib.import_module("tinycudann.modules")
    except (ImportError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadRequest(
            f"the accelerator tinycudann cannot be loaded: {reason}",
            f"install it (README.md, GPUs), or {REMEDY}",
        ) from error
    return package

"""tiny-cuda-nn's layouts written out in torch, after its documentation and headers, for the CPU.

A stand-in for the package ``tinycudann``: its native modules take points and parameters as the real
ones do. Nothing is shared with ``backend.model.fused``. A grid is read vertex by vertex:

    position = u * (R - 1) + 1/2          R: base_resolution, one level
    row      = (x + y R + z R^2)  mod rows, rows = R^3 rounded up to 8            dense
    row      = (x ^ 2654435761 y ^ 805459861 z  in 32 bits)  mod 2^log2_hashmap_size     hash

A network is ``W2 silu(W1 x)`` with row-major matrices, x filled up with ones and the outputs with
zeros to multiples of 16.
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import torch
from torch import Tensor

GRANULARITY = 256


class Grid:
    """One level."""

    def __init__(self, config: dict) -> None:
        assert config["otype"] == "Grid" and config["n_levels"] == 1
        assert config["per_level_scale"] > 0 and config["n_dims_to_encode"] == 3
        self.resolution = config["base_resolution"]
        self.features = config["n_features_per_level"]
        self.rows = (self.resolution**3 + 7) // 8 * 8
        self.hashed = config["type"] == "Hash"
        if self.hashed:
            self.rows = min(self.rows, 2 ** config["log2_hashmap_size"])

    def row(self, corner: Tensor) -> Tensor:
        x, y, z = corner.unbind(-1)
        if self.hashed and self.rows < self.resolution**3:
            mixed = x ^ (y * 2654435761 & 0xFFFFFFFF) ^ (z * 805459861 & 0xFFFFFFFF)
            return mixed % self.rows
        return (x + y * self.resolution + z * self.resolution**2) % self.rows

    def __call__(self, unit: Tensor, params: Tensor) -> Tensor:
        table = params.view(self.rows, self.features)
        position = unit * (self.resolution - 1) + 0.5
        low = position.floor()
        part = position - low
        result = torch.zeros(len(unit), self.features)
        for corner in itertools.product((0, 1), repeat=3):
            side = torch.tensor(corner)
            weight = torch.where(side == 1, part, 1.0 - part).prod(-1)
            result = result + weight[:, None] * table[self.row(low.long() + side)]
        return result


class Native:
    """A native module, whose gradients are autograd's."""

    inputs: int
    count: int

    def n_params(self) -> int:
        return self.count

    def compute(self, points: Tensor, params: Tensor) -> Tensor:
        raise NotImplementedError

    def fwd(self, points: Tensor, params: Tensor) -> tuple[object, Tensor]:
        assert points.dtype == torch.float32 and points.is_contiguous()
        assert points.shape[1] == self.inputs and len(points) % GRANULARITY == 0
        assert params.shape == (self.count,) and params.is_contiguous()
        return "context", self.compute(points, params).detach()

    def bwd(self, context, points, params, output, gradient):
        assert context == "context" and gradient.shape == output.shape
        with torch.enable_grad():
            asked = [t.detach().requires_grad_(t.requires_grad) for t in (points, params)]
            wanted = [t for t in asked if t.requires_grad]
            found = torch.autograd.grad(self.compute(*asked), wanted, gradient)
        given = iter(found)
        return tuple(next(given) if t.requires_grad else None for t in asked)


class NativeComposite(Native):
    def __init__(self, inputs: int, config: dict) -> None:
        assert config["otype"] == "Composite"
        self.levels = [Grid(one) for one in config["nested"]]
        self.inputs = inputs
        assert inputs == 3 * len(self.levels)
        self.count = sum(level.rows * level.features for level in self.levels)

    def compute(self, points: Tensor, params: Tensor) -> Tensor:
        parts = params.split([level.rows * level.features for level in self.levels])
        units = points.split(3, dim=1)
        return torch.cat(
            [
                level(unit, part)
                for level, unit, part in zip(self.levels, units, parts, strict=True)
            ],
            dim=1,
        )


class NativeNetwork(Native):
    def __init__(self, inputs: int, outputs: int, config: dict) -> None:
        assert (config["otype"], config["activation"]) == ("CutlassMLP", "SiLU")
        assert (config["n_hidden_layers"], config["output_activation"]) == (1, "None")
        self.inputs, self.hidden = inputs, config["n_neurons"]
        self.padded = (inputs + 15) // 16 * 16
        self.outputs = (outputs + 15) // 16 * 16
        self.count = self.hidden * (self.padded + self.outputs)

    def compute(self, points: Tensor, params: Tensor) -> Tensor:
        ones = points.new_ones(len(points), self.padded - self.inputs)
        first, last = params.split([self.hidden * self.padded, self.outputs * self.hidden])
        hidden = torch.cat([points, ones], 1) @ first.view(self.hidden, self.padded).T
        return (hidden * hidden.sigmoid()) @ last.view(self.outputs, self.hidden).T


def package(silu: bool = True) -> SimpleNamespace:
    """What ``import tinycudann`` gives; an old version without SiLU."""

    def module(native: Native) -> SimpleNamespace:
        return SimpleNamespace(native_tcnn_module=native, dtype=torch.float32, loss_scale=128.0)

    def encoding(inputs: int, config: dict, dtype: torch.dtype) -> SimpleNamespace:
        assert dtype == torch.float32
        return module(NativeComposite(inputs, config))

    def network(inputs: int, outputs: int, config: dict) -> SimpleNamespace:
        if not silu:
            raise RuntimeError("Invalid activation name: SiLU")
        return module(NativeNetwork(inputs, outputs, config))

    native = SimpleNamespace(batch_size_granularity=lambda: GRANULARITY)
    return SimpleNamespace(Encoding=encoding, Network=network, modules=SimpleNamespace(_C=native))

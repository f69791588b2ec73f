"""A checkpoint's tensors, checked against what its configuration asks for.

What makes up grids stays as small as it is stored: eight-bit rows are turned into floats block by
block inside the product that needs them, which costs no more time than a product of floats that
would have to come from memory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..model.checkpoint_file import broken
from ..protocol.errors import CheckpointError
from ..shapes import Float, Int

_BLOCK = 1 << 20
"""Numbers turned into floats at once: 4 MiB."""

Layer = tuple[Float[np.ndarray, "after before"], Float[np.ndarray, " after"]]


class StoredRows:
    """A matrix with a row for every number of a grid; or a column, which is a matrix of one.

    Args:
        weights: rows x v, of any type that a checkpoint may have.
        scale: factor of each vertex's rows, or None.
        vertices: the row of the table that each vertex is; the rest of the table gets nothing.
    """

    def __init__(
        self,
        weights: np.ndarray,
        scale: Float[np.ndarray, " vertices"] | None,
        vertices: Int[np.ndarray, " vertices"],
    ) -> None:
        self._weights = weights.reshape(len(weights), -1)
        self._scale = None if scale is None else scale.astype(np.float32)
        self._vertices = vertices

    def add_to(
        self,
        table: Float[np.ndarray, "rows features"],
        v: Float[np.ndarray, " v"] | None = None,
    ) -> None:
        """Add the matrix times ``v`` (times one for a column) to a grid's table."""
        factor = np.ones(1, dtype=np.float32) if v is None else v
        product = np.empty(len(self._weights), dtype=np.float32)
        step = max(1, _BLOCK // self._weights.shape[1])
        for first in range(0, len(product), step):
            block = self._weights[first : first + step].astype(np.float32, copy=False)
            np.dot(block, factor, out=product[first : first + step])
        rows = product.reshape(-1, table.shape[1])
        if self._scale is not None:
            rows *= self._scale[:, None]
        table[self._vertices] += rows

    def block(
        self, rows: Int[np.ndarray, " rows"], features: int
    ) -> Float[np.ndarray, "rows features v"]:
        """The part of the matrix that makes some rows of a grid's table; zero where a row is not
        stored."""
        order = np.argsort(self._vertices, kind="stable")
        found = np.searchsorted(self._vertices, rows, sorter=order)
        stored = order[found.clip(0, len(order) - 1)]
        there = self._vertices[stored] == rows
        numbers = stored[:, None] * features + np.arange(features)
        block = self._weights[numbers.reshape(-1)].astype(np.float32)
        block = block.reshape(len(rows), features, -1)
        if self._scale is not None:
            block *= self._scale[stored][:, None, None]
        block[~there] = 0.0
        return block


def check_floats(path: Path, name: str, tensor: np.ndarray) -> None:
    """Raises ``CheckpointError`` unless the tensor holds finite floats, 16 or 32 bits each."""
    if tensor.dtype not in (np.float16, np.float32):
        raise broken(path, f"the tensor {name} holds {tensor.dtype}, not floats")
    # The extremes keep a NaN, and need no array of truths.
    if tensor.size and not (np.isfinite(tensor.min()) and np.isfinite(tensor.max())):
        raise broken(path, f"the tensor {name} holds numbers that are not finite")


class StoredTensors:
    """Takes tensors out by name; each must be there once, of the right shape, and finite.

    Args:
        vertices: the row of a grid's table that each stored vertex is.
        features: numbers a vertex.
    """

    def __init__(
        self,
        path: Path,
        tensors: dict[str, np.ndarray],
        vertices: Int[np.ndarray, " vertices"],
        features: int,
    ) -> None:
        self._path = path
        self._tensors = dict(tensors)
        self._vertices = vertices
        self._features = features

    def linear(self, name: str, before: int, after: int) -> Layer:
        """Weight and bias of a linear layer, single precision."""
        weight, bias = (
            self.floats(f"{name}.weight", (after, before)),
            self.floats(f"{name}.bias", (after,)),
        )
        return weight.astype(np.float32), bias.astype(np.float32)

    def rows(self, name: str, shape: tuple[int, ...]) -> StoredRows:
        """What makes up a grid, floats or quantised."""
        short = name.removesuffix(".weight")
        integers = self._tensors.pop(f"{short}.integers", None)
        scale = self._tensors.pop(f"{short}.scale", None)
        kept = self._tensors.pop(f"{short}.kept", None)
        if integers is None or scale is None:
            return StoredRows(self.floats(name, shape), None, self._vertices)
        if kept is None:
            kept = np.ones(len(scale) if scale.ndim else 0, dtype=bool)
        shaped = integers.ndim > 0 and scale.ndim == kept.ndim == 1
        if not shaped or (integers.dtype, kept.dtype) != (np.int8, np.bool_):
            raise self._broken(f"the tensors {short} are not those of quantised weights")
        check_floats(self._path, f"{short}.scale", scale)
        if len(integers) != len(scale) * self._features:
            raise self._broken("of its quantised weights, integers and scales do not fit together")
        if kept.sum() != len(scale):
            raise self._broken(
                "of its quantised weights, the kept vertices are not those that are there"
            )
        whole = (len(kept) * self._features, *integers.shape[1:])
        if whole != shape:
            raise self._broken(f"the tensor {name} is {list(whole)}, not {list(shape)}")
        return StoredRows(integers, scale, self._vertices[kept])

    def expect_nothing_more(self) -> None:
        """Raises ``CheckpointError`` if a tensor was not taken."""
        if self._tensors:
            raise self._broken(f"it holds an unknown tensor {min(self._tensors)}")

    def floats(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A tensor as it is stored."""
        tensor = self._tensors.pop(name, None)
        if tensor is None:
            raise self._broken(f"the tensor {name} is missing")
        if tensor.shape != shape:
            raise self._broken(f"the tensor {name} is {list(tensor.shape)}, not {list(shape)}")
        check_floats(self._path, name, tensor)
        return tensor

    def _broken(self, what: str) -> CheckpointError:
        return broken(self._path, what)

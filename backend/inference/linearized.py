"""A model at fixed points as a function of its code, with derivatives: what inversion fits.

The code is what the mapping network's first layer makes of a text embedding, before its SiLU
(Eq. 4): tens of numbers to a thousand, linear in the embedding, and all that a prompt's object
depends on. Everything after it is small: v, a product that is linear in v at every point, and the
NeRF MLP (A3). So values and Jacobian at thousands of points cost a few products of small matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from ..model.config import ModelConfig
from ..shapes import Float
from .grid import GridTable
from .proportions import Proportions
from .stored import StoredRows

Code = Float[np.ndarray, " code"]
Layers = Sequence[tuple[np.ndarray, np.ndarray]]
"""Weight and bias of linear layers, one after the other."""


LEAST = -0.27
"""Just above the least value of SiLU, -0.278: what a code's SiLU may be."""


class CodeMap:
    """The way from a code to v, the layers in between included (A4, A5).

    The middle is ``opened``, the code's SiLU: v itself, but in deep networks. Fits move it rather
    than the code, for SiLU is flat where a number of the code is far below zero, and what is off
    there could never come on.

    Args:
        layers: of the mapping network before v, the first one's input being the embedding.
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = [(w.astype(np.float64), b.astype(np.float64)) for w, b in layers]

    @property
    def size(self) -> int:
        """Numbers of a code."""
        return len(self._layers[0][1])

    def latent(self, opened: Float[np.ndarray, " code"]) -> Float[np.ndarray, " v"]:
        """v."""
        x = opened
        for weight, bias in self._layers[1:]:
            x, _ = silu(weight @ x + bias)
        return x

    def derivatives(self, opened: Float[np.ndarray, " code"]) -> Float[np.ndarray, "v code"]:
        """Those of v by ``opened``."""
        x, jacobian = opened, None
        for weight, bias in self._layers[1:]:
            x, slopes = silu(weight @ x + bias)
            jacobian = slopes[:, None] * (weight if jacobian is None else weight @ jacobian)
        return np.eye(len(opened)) if jacobian is None else jacobian

    def code(self, embedding: Float[np.ndarray, "tokens width"], extra: np.ndarray) -> Code:
        """The code of a text embedding; ``extra``: the conditions as the network takes them."""
        weight, bias = self._layers[0]
        return weight @ np.concatenate([embedding.reshape(-1), extra]).astype(np.float64) + bias

    def embedding(
        self, code: Code, extra: np.ndarray, proportions: Proportions | None = None
    ) -> Float[np.ndarray, " numbers"]:
        """The smallest embedding that has this code, flat, and that ``proportions`` leave as it
        is: none of their hidden units has anything to say of it."""
        weight, bias = self._layers[0]
        size = weight.shape[1] - len(extra)
        wanted, weight = code - bias - weight[:, size:] @ extra, weight[:, :size]
        if proportions is not None:
            weight = np.concatenate([weight, proportions.weight])
            wanted = np.concatenate([wanted, -proportions.bias])
        return np.linalg.lstsq(weight, wanted, rcond=None)[0].astype(np.float32)


class PointValues:
    """Pre-density and color of a model at fixed points, for any v.

    Args:
        config: of the model.
        grid: its geometry.
        decode: what makes a grid of v; None with concatenation (A7).
        fixed: what is added to every grid.
        mlp: layers of the NeRF MLP, the head last.
        points: metres.
    """

    def __init__(
        self,
        config: ModelConfig,
        grid: GridTable,
        decode: StoredRows | None,
        fixed: Sequence[StoredRows],
        mlp: Layers,
        points: Float[np.ndarray, "points 3"],
    ) -> None:
        self._scale = config.density_scale
        distance = np.linalg.norm(points, axis=1)
        self._bias = config.density_bias * (1.0 - distance / config.density_bias_radius)
        (weight, bias), *self._rest = mlp
        count, features, channels = len(points), config.grid.features, grid.channels
        self._weight = weight[:, :channels]
        self._joined = weight[:, channels:] if decode is None else None
        constant = np.zeros((count, channels), dtype=np.float32)
        slopes = np.zeros((count, channels, config.latent), dtype=np.float32)
        place = (points / config.bound).astype(np.float32)
        ends = np.arange(0, 8 * count + 1, 8, dtype=np.int32)
        for level in range(len(config.grid.levels)):
            here = slice(level * features, (level + 1) * features)
            corners, shares = grid.corners_of(level, place)
            rows, index = np.unique(corners, return_inverse=True)
            parts = (shares.reshape(-1), index.reshape(-1).astype(np.int32), ends)
            read = csr_array(parts, shape=(count, len(rows)))
            if decode is not None:
                block = decode.block(rows, features).reshape(len(rows), -1)
                slopes[:, here] = (read @ block).reshape(count, features, -1) * config.gain
            for rest in fixed:
                constant[:, here] += read @ rest.block(rows, features)[:, :, 0]
        self._constant = constant @ self._weight.T + bias
        self._slopes = slopes
        """Derivatives of the features by v, which they are linear in."""

    def __len__(self) -> int:
        return len(self._constant)

    def values(
        self, v: Float[np.ndarray, " v"], part: slice = slice(None)
    ) -> Float[np.ndarray, "points 4"]:
        """Pre-density, and the colors before their sigmoid."""
        x = self._first(v, part)
        for weight, bias in self._rest:
            x = silu(x)[0] @ weight.T + bias
        return self._finished(x, part)

    def jacobian(
        self, v: Float[np.ndarray, " v"], part: slice
    ) -> tuple[Float[np.ndarray, "points 4"], Float[np.ndarray, "points 4 v"]]:
        """The values, and their derivatives by v."""
        x = self._first(v, part)
        hidden = []
        for weight, bias in self._rest:
            x, slopes = silu(x)
            hidden.append((slopes, weight))
            x = x @ weight.T + bias
        by_first = np.broadcast_to(np.eye(4, dtype=np.float32), (len(x), 4, 4))
        for slopes, weight in reversed(hidden):
            by_first = (by_first @ weight) * slopes[:, None]
        if self._joined is None:
            jacobian = np.matmul(by_first @ self._weight, self._slopes[part])
        else:
            jacobian = by_first @ self._joined
        jacobian[:, 0] *= self._scale
        return self._finished(x, part), jacobian

    def _first(self, v: Float[np.ndarray, " v"], part: slice) -> Float[np.ndarray, "points width"]:
        """What the first layer makes, before its SiLU; linear in v."""
        v = v.astype(np.float32)
        if self._joined is not None:
            return self._constant[part] + self._joined @ v
        return self._constant[part] + (self._slopes[part] @ v) @ self._weight.T

    def _finished(self, x: np.ndarray, part: slice) -> np.ndarray:
        x = x.copy()
        x[:, 0] = x[:, 0] * self._scale + self._bias[part]
        return x


def silu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``x sigmoid(x)``, and its derivative."""
    share = 0.5 * (1.0 + np.tanh(0.5 * x))
    return x * share, share * (1.0 + x * (1.0 - share))


def closed(opened: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """The inverse of SiLU where it rises, for numbers from :data:`LEAST`; by bisection."""
    low = np.full(opened.shape, -1.2784645)
    high = np.maximum(opened, 0.0) + 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = silu(middle)[0] > opened
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)

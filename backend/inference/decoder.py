"""The NeRF MLP of one object, in numpy: features to pre-density and color (A3, A20)."""

from __future__ import annotations

import numpy as np

from ..shapes import Float

BLOCK = 1 << 11
"""Points whose hidden layers are computed at once: they stay in a core's own cache from one step to
the next, and their memory is used again for the next block. All at once takes 2.5 times as long."""

Features = Float[np.ndarray, "points channels"]


class Decoder:
    """SiLU hidden layers, and a head of pre-density and the three colors.

    Args:
        layers: weight (out x in) and bias of each layer, the head last.
        density_scale: factor on the head's first output.
    """

    def __init__(self, layers: list[tuple[np.ndarray, np.ndarray]], density_scale: float) -> None:
        # silu(a) = a (1 + tanh(a / 2)) / 2: with halved weights t = a / 2 it is t (1 + tanh t).
        self._hidden = [(weight.T * 0.5, bias * 0.5) for weight, bias in layers[:-1]]
        weight, bias = layers[-1]
        scale = np.array([density_scale, 0.5, 0.5, 0.5], dtype=np.float32)
        self._weight = np.ascontiguousarray((weight * scale[:, None]).T)
        self._bias = bias * scale

    def density(self, features: Features) -> Float[np.ndarray, " points"]:
        """Pre-density, without the bias of A20."""
        return self._outputs(features, slice(0, 1))[:, 0]

    def density_and_color(
        self, features: Features
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points 3"]]:
        """Pre-density, without the bias of A20, and color in [0, 1]."""
        out = self._outputs(features, slice(0, 4))
        color = np.tanh(out[:, 1:])  # sigmoid(a) = (1 + tanh(a / 2)) / 2
        color *= 0.5
        color += 0.5
        return out[:, 0], color

    def _outputs(self, features: Features, which: slice) -> Float[np.ndarray, "points outputs"]:
        """Some of the head's outputs."""
        weight, bias = np.ascontiguousarray(self._weight[:, which]), self._bias[which]
        outputs = np.empty((len(features), len(bias)), dtype=np.float32)
        for first in range(0, len(features), BLOCK):
            part = slice(first, first + BLOCK)
            np.matmul(self._last(features[part]), weight, out=outputs[part])
        outputs += bias
        return outputs

    def _last(self, features: Features) -> Float[np.ndarray, "points hidden"]:
        """The last hidden layer; the features themselves where there is none."""
        for weight, bias in self._hidden:
            half = features @ weight
            half += bias
            turned = np.tanh(half)
            turned += 1.0
            half *= turned
            features = half
        return features

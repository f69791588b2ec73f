"""How an object is stretched by its prompt, in numpy: see ``backend/model/proportions.py``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..model.config import LARGEST, LOUD, QUIET
from ..shapes import Float
from .stored import StoredTensors


@dataclass(frozen=True)
class Proportions:
    """``exp(heard(out silu(weight c + bias)))``: factors along x, y and z of a text embedding c;
    ``heard`` leaves out what is small."""

    weight: Float[np.ndarray, "hidden numbers"]
    bias: Float[np.ndarray, " hidden"]
    out: Float[np.ndarray, "3 hidden"]

    @classmethod
    def of(cls, stored: StoredTensors, numbers: int, hidden: int) -> Proportions:
        """Those of a checkpoint.

        Raises:
            CheckpointError: a tensor is missing, or does not fit.
        """
        shapes = {"weight": (hidden, numbers), "bias": (hidden,), "out": (3, hidden)}
        found = {
            name: stored.floats(f"proportions.{name}", shape).astype(np.float32)
            for name, shape in shapes.items()
        }
        return cls(**found)

    def of_text(self, embedding: Float[np.ndarray, "tokens width"]) -> Float[np.ndarray, "3"]:
        """The factors of one text embedding."""
        hidden = self.weight @ embedding.reshape(-1) + self.bias
        said = self.out @ (hidden / (1.0 + np.exp(-hidden)))
        sure = ((np.abs(said) - QUIET) / (LOUD - QUIET)).clip(0.0, 1.0)
        said = said * (sure * sure * (3.0 - 2.0 * sure))
        return np.exp(said.clip(-LARGEST, LARGEST)).astype(np.float32)

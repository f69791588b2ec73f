"""The code whose object is nearest to what is true at points: Gauss-Newton, the network frozen.

A code has some tens of numbers, or a thousand in a wide network, so the normal equations are small,
and each step costs one Jacobian at the points. The loss is that of training by references:
pre-density against a truncated signed distance around the surface level, and color close to the
surface, both with a robust (Huber) norm by reweighting. It has side valleys (a hat of another
kind), so the fit starts where the truth is nearest to an object that the checkpoint knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from ..inference.linearized import LEAST, Code, CodeMap, PointValues, closed, silu
from ..model.config import ModelConfig
from ..progress import CancelToken
from ..shapes import Float
from .truth import PointTruth

CHUNK = 2048
"""Points whose Jacobian is in memory at once."""


@dataclass(frozen=True)
class FitConfig:
    """The loss, as training's references have it, and when to stop."""

    slope: float = 300.0
    """Pre-density (before the model's density scale) per metre of distance to the surface."""
    truncation: float = 14.0
    """Beyond this much of it from the surface's level, only the side matters."""
    color_band: float = 0.06
    """Color is compared at points closer to the surface than this, metres."""
    color_weight: float = 1.0
    density_huber: float = 0.1
    color_huber: float = 0.05
    """Errors below these count by their square, larger ones by their size."""
    damping: float = 1e-2
    """First share of the diagonal that is added to the normal equations."""
    enough: float = 1e-4
    """Relative gain of a step below which the fit ends."""


@dataclass(frozen=True)
class Fitted:
    code: Code
    loss: float
    steps: int


class Objective:
    """The loss of a code at some points.

    Args:
        model: gives values at points: ``NumpyModel.at_points``.
        truth: what is true there.
    """

    def __init__(
        self,
        config: ModelConfig,
        codes: CodeMap,
        values: PointValues,
        truth: PointTruth,
        fit: FitConfig,
        cancel: CancelToken,
    ) -> None:
        self._level, self._scale = config.surface_level, config.density_scale
        self._codes, self._values, self._fit, self._cancel = codes, values, fit, cancel
        height = -fit.slope * truth.distance
        self._target = np.clip(height, -fit.truncation, fit.truncation)
        self._side = np.where(height > fit.truncation, 1, np.where(height < -fit.truncation, -1, 0))
        self._color = truth.color
        self._band = np.abs(truth.distance) < fit.color_band
        self._colored = 3.0 * max(int(self._band.sum()), 1)

    def loss(self, opened: Float[np.ndarray, " code"]) -> float:
        """Mean robust error of pre-density, and of color near the surface, given a code's SiLU."""
        self._cancel.check()
        v = self._codes.latent(opened)
        error, color, _ = self._errors(self._values.values(v), slice(None))
        fit = self._fit
        density = _huber(error, fit.density_huber).mean()
        return float(density + fit.color_weight * _huber(color, fit.color_huber).sum()
                     / self._colored)  # fmt: skip

    def normal_equations(
        self, opened: Float[np.ndarray, " code"]
    ) -> tuple[Float[np.ndarray, "code code"], Float[np.ndarray, " code"]]:
        """Gauss-Newton's matrix, and the gradient, of half the reweighted squares."""
        v, by_code = self._codes.latent(opened), self._codes.derivatives(opened)
        size = len(v)
        matrix, gradient = np.zeros((size, size)), np.zeros(size)
        fit, count = self._fit, len(self._values)
        for first in range(0, count, CHUNK):
            self._cancel.check()
            part = slice(first, min(first + CHUNK, count))
            values, by_v = self._values.jacobian(v, part)
            error, color, slopes = self._errors(values, part)
            rows = by_v[:, 0] / (self._scale * fit.truncation)
            weight = (error != 0) / np.maximum(np.abs(error), fit.density_huber) / count
            tints = (by_v[:, 1:] * slopes[:, :, None]).reshape(-1, by_v.shape[2])
            shares = fit.color_weight / self._colored * self._band[part, None]
            shares = (shares / np.maximum(np.abs(color), fit.color_huber)).reshape(-1)
            both = np.concatenate([rows, tints])
            weights = np.concatenate([weight, shares]).astype(np.float32)
            errors = np.concatenate([error, color.reshape(-1)])
            matrix += (both * weights[:, None]).T @ both
            gradient += both.T @ (weights * errors)
        return by_code.T @ matrix @ by_code, by_code.T @ gradient

    def _errors(
        self, values: Float[np.ndarray, "points 4"], part: slice
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Errors of height in truncations, of color, and the sigmoid's slopes."""
        height = (values[:, 0] - self._level) / self._scale
        error = (height - self._target[part]) / self._fit.truncation
        side = self._side[part]
        error = np.where(side > 0, np.minimum(error, 0.0), error)
        error = np.where(side < 0, np.maximum(error, 0.0), error)
        color = 0.5 * (1.0 + np.tanh(0.5 * values[:, 1:]))
        off = (color - self._color[part]) * self._band[part, None]
        return error, off, color * (1.0 - color)


def fit_code(
    objective: Objective,
    start: Code,
    config: FitConfig,
    steps: int,
    progress: Callable[[float], None] = lambda _: None,
) -> Fitted:
    """Damped Gauss-Newton from one start, over the code's SiLU, which has a least value.

    Raises:
        Cancelled: asked to stop.
    """
    opened = np.maximum(silu(start)[0], LEAST)
    loss, damping, done = objective.loss(opened), config.damping, 0
    for done in range(1, steps + 1):
        progress(done / steps)
        matrix, gradient = objective.normal_equations(opened)
        free = np.flatnonzero((opened > LEAST) | (gradient < 0.0))
        inner, slope = matrix[np.ix_(free, free)], gradient[free]
        before = loss
        for _ in range(6):
            ridge = damping * (np.diag(inner) + 1e-3 * np.trace(inner) / len(free) + 1e-12)
            moved = opened.copy()
            moved[free] -= solve(inner + np.diag(ridge), slope, assume_a="pos")
            np.maximum(moved, LEAST, out=moved)
            found = objective.loss(moved)
            if found < loss:
                opened, loss, damping = moved, found, 0.3 * damping
                break
            damping *= 5.0
        if before - loss <= config.enough * before:
            break
    return Fitted(closed(opened), loss, done)


def nearest_starts(objective: Objective, starts: Sequence[Code], count: int) -> list[int]:
    """The indices of the starts of least loss, the least first."""
    losses = [objective.loss(silu(code)[0]) for code in starts]
    return [int(index) for index in np.argsort(losses, kind="stable")[:count]]


def _huber(error: np.ndarray, knee: float) -> np.ndarray:
    size = np.abs(error)
    return np.where(size < knee, size * size / (2.0 * knee), size - 0.5 * knee)

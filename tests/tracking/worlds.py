"""Analytic chains: what is true at every alpha is known in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backend.progress import CancelToken
from backend.surface.topology import Faces, Vertices
from backend.tracking.solids import Solid, extract
from tests.surface.analytic import AnalyticField, Ball

BODY: Ball = (0.0, 0.0, -0.2, 0.4)


@dataclass
class BallsChain:
    """Balls that depend on alpha."""

    balls: Callable[[float], Sequence[Ball]]
    prompts: Sequence[str] = ("one", "other")

    def field(self, alpha: float) -> AnalyticField:
        return AnalyticField(balls=self.balls(alpha), blend=0.02)


def growing(alpha: float) -> list[Ball]:
    """A ball whose radius grows linearly."""
    return [(0.0, 0.0, 0.0, 0.4 + 0.2 * alpha)]


def eared(alpha: float) -> list[Ball]:
    """A body out of which an ear comes."""
    return [BODY, (0.0, 0.0, 0.05 + 0.23 * alpha, 0.12)]


def joined(alpha: float) -> list[Ball]:
    """A body, and a ball that appears beside it when alpha is above .4 and never touches it."""
    return [BODY, (0.7, 0.0, -0.2, 0.3 * (alpha - 0.4))] if alpha > 0.4 else [BODY]


def solid_of(balls: Sequence[Ball], resolution: int = 48) -> Solid:
    source = AnalyticField(balls=balls, blend=0.02)
    values = source.dense(resolution) - source.level
    return Solid(values.astype(np.float32), source.bound)


def mesh_of(balls: Sequence[Ball], resolution: int = 48) -> tuple[Vertices, Faces]:
    return extract(solid_of(balls, resolution), CancelToken())

"""A model of a person's own becomes a code of a checkpoint: where it stands, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ..field_reader import Reader
from ..inference.linearized import Code, silu
from ..inference.model import NumpyModel, condition_inputs
from ..progress import Stages
from ..shapes import Float
from .colored_mesh import ColoredMesh
from .fit import FitConfig, Fitted, Objective, fit_code, nearest_starts
from .pictures import Likeness, likeness
from .placing import TURNS, Box, Placement, candidates, into_ball
from .truth import ModelTruth, PointTruth

Item = TypeVar("Item")

SHARES = {"model": 0.05, "text": 0.1, "place": 0.25, "fit": 0.5, "pictures": 0.1}
"""Rough share of the time of each stage, in order."""
BOX_NODES = 64
"""Samples along each axis that tell how large an object is."""
TOGETHER = 16
"""Prompts that are encoded between two looks at the cancel token."""


@dataclass(frozen=True)
class InversionConfig:
    """Everything about an inversion that a person does not choose."""

    points: int = 8000
    """That the code is fitted to."""
    placing_points: int = 1200
    """That placements are compared at."""
    known: int = 400
    """Prompts of the checkpoint from whose objects a fit may start ..."""
    placing_known: int = 40
    """... and those that placements are tried with."""
    worlds: int = 5
    """Those of them whose boxes say how large objects are."""
    starts: int = 4
    """Fits at the first points, of which the best goes on."""
    first_points: int = 2500
    placing_steps: int = 5
    first_steps: int = 20
    steps: int = 20
    fit: FitConfig = field(default_factory=FitConfig)
    far_psnr: float = 19.0
    """dB below which ..."""
    far_iou: float = 0.8
    """... or overlap below which the checkpoint's world is too far away."""


@dataclass(frozen=True)
class Inversion:
    """What an inversion found."""

    code: Code
    placement: Placement
    """Takes the model from its own place to where it stands in the checkpoint's world."""
    likeness: Likeness
    nearest: str
    """The known prompt whose object was nearest before the fit."""
    far: bool
    """Whether the checkpoint's world is too far away for the result to be called the model."""
    notes: list[str]


def invert(
    model: NumpyModel,
    encode: Callable[[Sequence[str]], Float[np.ndarray, "prompts tokens width"]],
    mesh: ColoredMesh,
    stages: Stages,
    turn: float | None = None,
    config: InversionConfig | None = None,
) -> Inversion:
    """Fit the embedding of a checkpoint, by its code, to a model; the network stays as it is.

    Args:
        encode: the checkpoint's text encoder.
        turn: degrees by which the model is turned about the vertical; None: what fits best.

    Raises:
        BadRequest: the model has no size.
        Cancelled: asked to stop.
    """
    return _Inverter(model, mesh, stages, config or InversionConfig()).run(encode, turn)


class _Inverter:
    def __init__(
        self, model: NumpyModel, mesh: ColoredMesh, stages: Stages, config: InversionConfig
    ) -> None:
        self.model, self.mesh, self.stages, self.config = model, mesh, stages, config
        self.codes = model.code_map

    def run(
        self,
        encode: Callable[[Sequence[str]], Float[np.ndarray, "prompts tokens width"]],
        turn: float | None,
    ) -> Inversion:
        stages, config = self.stages, self.config
        with stages.stage("model"):
            into = into_ball(self.mesh)
            inside = self.mesh.moved(into.apply(self.mesh.vertices))
            truth = ModelTruth(inside, stages.cancel)
        with stages.stage("text"):
            known = evenly(self.model.metadata.prompts, config.known) or ["an object"]
            extra = condition_inputs(self.model.config)
            starts = []
            for first in range(0, len(known), TOGETHER):
                stages.within("text", first / len(known))
                embeddings = encode(known[first : first + TOGETHER])
                starts += [self.codes.code(embedding, extra) for embedding in embeddings]
        with stages.stage("place"):
            turns = TURNS if turn is None else (turn,)
            few = evenly(starts, config.placing_known)
            placement = self._place(truth, into, few, turns)
        with stages.stage("fit"):
            fitted, nearest = self._fit(truth, placement, starts)
        with stages.stage("pictures"):
            field = self.model.field_of_latent(self.latent(fitted.code))
            whole = placement.after(into)
            stands = self.mesh.moved(whole.apply(self.mesh.vertices))
            alike = likeness(field, stands, stages.cancel)
        far = alike.psnr < config.far_psnr or alike.iou < config.far_iou
        return Inversion(
            fitted.code, whole, alike, known[nearest], far, self._notes(truth, whole, alike, far)
        )

    def latent(self, code: Code) -> Float[np.ndarray, " v"]:
        return self.codes.latent(silu(code)[0]).astype(np.float32)

    def _objective(self, truth: PointTruth, placement: Placement) -> Objective:
        truth = truth.moved(placement.matrix, np.array(placement.offset))
        return Objective(
            self.model.config,
            self.codes,
            self.model.at_points(truth.points),
            truth,
            self.config.fit,
            self.stages.cancel,
        )

    def _place(
        self,
        truth: ModelTruth,
        into: Placement,
        starts: Sequence[Code],
        turns: Sequence[float],
    ) -> Placement:
        """The placement in the checkpoint's world from which a short fit gets nearest."""
        config = self.config
        points = truth.draw(config.placing_points)
        surface = points.points[points.distance < 0.02]
        worlds = [self._box(code) for code in evenly(starts, config.worlds)]
        worlds = [box for box in worlds if box is not None]
        if not worlds:
            return Placement()
        tried = list(candidates(surface, into, worlds, self.model.config.bound, turns))
        best, least = Placement(), np.inf
        for index, placement in enumerate(tried):
            self.stages.within("place", index / len(tried))
            objective = self._objective(points, placement)
            start = starts[nearest_starts(objective, starts, 1)[0]]
            loss = fit_code(objective, start, config.fit, config.placing_steps).loss
            # As the model is in its file comes first, and a little counts for it.
            if loss < 0.98 * least:
                best, least = placement, loss
        return best

    def _box(self, code: Code) -> Box | None:
        """The box around a code's object; None where it has no surface."""
        field = self.model.field_of_latent(self.latent(code))
        grid = Reader(field, self.stages.cancel).dense(BOX_NODES)
        nodes = np.argwhere(grid > field.level)
        if not len(nodes):
            return None
        return Box.around(nodes * (2.0 * field.bound / (BOX_NODES - 1)) - field.bound)

    def _fit(
        self, truth: ModelTruth, placement: Placement, starts: Sequence[Code]
    ) -> tuple[Fitted, int]:
        """The best of several fits, and the index of the start that was nearest."""
        config = self.config

        def part(share: float, whole: float) -> Callable[[float], None]:
            return lambda done: self.stages.within("fit", share + whole * done)

        objective = self._objective(truth.draw(config.first_points), placement)
        chosen = nearest_starts(objective, starts, config.starts)
        each = 0.5 / len(chosen)
        fits = [
            fit_code(objective, starts[start], config.fit, config.first_steps, part(k * each, each))
            for k, start in enumerate(chosen)
        ]
        best = min(fits, key=lambda fit: fit.loss)
        objective = self._objective(truth.draw(config.points), placement)
        fitted = fit_code(objective, best.code, config.fit, config.steps, part(0.5, 0.5))
        return fitted, chosen[0]

    def _notes(
        self, truth: ModelTruth, placement: Placement, alike: Likeness, far: bool
    ) -> list[str]:
        notes = list(self.mesh.notes)
        if truth.sheets > 0.5:
            notes.append("the object is open: it encloses nothing, and its faces were given a "
                         "thickness")  # fmt: skip
        if placement.turn:
            notes.append(f"the object was turned by {placement.turn:g} degrees")
        if far:
            notes.append(
                f"this model's world is too far from the object (PSNR {alike.psnr:.1f} dB, "
                f"overlap {100 * alike.iou:.0f}%): what was found is the nearest that it can make"
            )
        return notes


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """``count`` of the items, evenly spaced; all where there are fewer."""
    if count >= len(items):
        return list(items)
    return [items[(2 * index + 1) * len(items) // (2 * count)] for index in range(count)]

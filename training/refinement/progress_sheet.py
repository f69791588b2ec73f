"""What a person sees of a refinement: curves, and the mesh before, now, and as it should be."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from backend.rendering.cameras import orbit
from backend.rendering.lighting import Shading, headlight

from ..amortized.evaluation import VIEWS, Sides, iou, psnr, reference_sides
from ..amortized.trainer import Trainer
from ..assets import ReferenceAssets
from ..prompts import PromptMix
from ..rendering.contact_sheet import Row, contact_sheet
from ..rendering.scene import Scene, Step, TrainingViews
from ..runs.log import tensorboard
from ..runs.state import Progress
from .config import RefineConfig
from .renderer import MeshRenderer


class RefineWatcher:
    """Looks at the mesh from ``VIEWS`` sides every ``sheet_every`` steps, and before the first."""

    def __init__(
        self, config: RefineConfig, renderer: MeshRenderer, assets: ReferenceAssets | None
    ) -> None:
        self._config = config
        self._renderer = renderer
        self._truth: Sides | None = None
        if assets is not None:
            self._truth = reference_sides(assets, 0, config.rendering.size)
        self._writer = tensorboard(config.folder)
        self._before: Float[Tensor, "views size size 3"] | None = None

    def first(self, trainer: Trainer) -> None:
        """The mesh as it is before the first step."""
        self._before = self._views(trainer, "full").images
        self._say(trainer, 0)

    def __call__(self, trainer: Trainer, progress: Progress, losses: dict[str, float]) -> None:
        step = progress.step
        if step % 10 == 0:
            for name, value in losses.items():
                self._writer.add_scalar(f"loss/{name}", value, step)
        if step % self._config.sheet_every == 0 or step == self._config.steps:
            self._say(trainer, step)
            self._sheet(trainer, step)

    def close(self) -> None:
        self._writer.close()

    def _say(self, trainer: Trainer, step: int) -> None:
        if self._truth is None:
            return
        views = self._views(trainer, "albedo")
        figures = {
            "psnr": psnr(views.images.cpu(), self._truth.albedo.cpu()),
            "iou": iou(views.alpha.cpu(), self._truth.covered.cpu()),
        }
        for name, value in figures.items():
            self._writer.add_scalar(f"mesh/{name}", value, step)
        tqdm.write(f"step {step}, {figures['psnr']:.2f} dB, IoU {figures['iou']:.3f}")

    def _sheet(self, trainer: Trainer, step: int) -> None:
        rows: list[Row] = [("now", list(self._views(trainer, "full").images))]
        if self._before is not None:
            rows.insert(0, ("before", list(self._before)))
        if self._truth is not None:
            rows.append(("reference", list(self._truth.lit)))
        sides = [f"{round(360 * view / VIEWS)} degrees" for view in range(VIEWS)]
        path = self._config.folder / "sheets" / f"{step:06d}.png"
        contact_sheet(path, sides, rows, tile=max(128, self._config.rendering.size))

    @torch.no_grad()
    def _views(self, trainer: Trainer, shading: Shading) -> TrainingViews:
        cameras = orbit(VIEWS)
        mix = PromptMix.plain([0] * VIEWS)
        generator = trainer.generator(0)
        embedding = trainer.embed([0] * VIEWS, generator).to(trainer.device)
        objects = trainer.model.objects(embedding)
        assert trainer.offset is not None
        step = Step(trainer.model, trainer.offset(objects), mix, 0, 1, generator)
        white = torch.ones(VIEWS, dtype=torch.bool)
        scene = Scene(cameras, headlight(cameras), [shading] * VIEWS, white, torch.ones(VIEWS, 3))
        return self._renderer.render(step, scene)

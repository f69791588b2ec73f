"""What score distillation needs of a diffusion model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.rendering.cameras import Cameras

from ...prompts.views import ViewScheme
from .conditions import TextCondition
from .schedule import NoiseSchedule, Prediction


@runtime_checkable
class DiffusionModel(Protocol):
    """A frozen text-to-image diffusion model.

    ``x`` below is the space it works in: images in [-1, 1] (pixel models) or scaled latents.
    """

    @property
    def name(self) -> str:
        """Name for people and for the log."""
        ...

    @property
    def device(self) -> torch.device:
        """Where ``encode`` and ``predict`` want their inputs."""
        ...

    @property
    def channels(self) -> int:
        """Channels of ``x``."""
        ...

    @property
    def size(self) -> int:
        """Height and width of ``x``."""
        ...

    @property
    def pixels(self) -> bool:
        """Whether ``x`` is an image in [-1, 1] (and so can be clamped)."""
        ...

    @property
    def views(self) -> ViewScheme | None:
        """The view words that its training captions had, where that is known."""
        ...

    @property
    def schedule(self) -> NoiseSchedule:
        """Its noise levels, on :attr:`device`."""
        ...

    @property
    def prediction(self) -> Prediction:
        """What :meth:`predict` returns."""
        ...

    def encode(
        self, images: Float[Tensor, "images height width 3"]
    ) -> Float[Tensor, "images channels size size"]:
        """Images in [0, 1] of any size to ``x`` in float32; differentiable."""
        ...

    def prepare(self, prompts: Iterable[str]) -> None:
        """Embed prompts that will be asked for often, then let the text encoder go if it may.

        Raises:
            NotDownloaded, TrainingError: the text encoder cannot be loaded.
        """
        ...

    def embed(self, prompts: Sequence[str]) -> TextCondition:
        """The condition of some prompts, on :attr:`device`; ``""`` is the unconditional one.

        Raises: as :meth:`prepare`.
        """
        ...

    def predict(
        self,
        noisy: Float[Tensor, "images channels size size"],
        t: Int[Tensor, " images"],
        condition: TextCondition,
        cameras: Cameras | None = None,
    ) -> Float[Tensor, "images channels size size"]:
        """The network's output for noisy ``x``, as :attr:`prediction` says, in float32.

        Without gradient. ``cameras``, one an image, are for models that know of cameras (such as
        multi-view models); others ignore them.
        """
        ...

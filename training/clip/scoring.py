"""The scoring model: pictures against prompts, for R-precision and R-probability (A34)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from backend.protocol.errors import BadRequest

from .config import OUTPUTS
from .evaluation import image_features, text_features
from .model import SmallClip, load_clip


class ScoringClip:
    """A frozen small CLIP, unrelated to the one that conditions."""

    def __init__(self, clip: SmallClip, name: str) -> None:
        self.clip = clip
        self.name = name
        """For reports: every figure names its model."""

    @staticmethod
    def load(path: Path | None = None) -> ScoringClip:
        """Read a file that ``python -m training clip --preset scoring`` wrote (None: the shipped).

        Raises:
            CheckpointError: missing, damaged, or not such a file.
        """
        path = OUTPUTS["scoring"] if path is None else path
        return ScoringClip(load_clip(path)[0], path.stem)

    @property
    def logit_scale(self) -> float:
        """The learned inverse temperature that multiplies cosines (about 100)."""
        return float(self.clip.towers.logit_scale.exp())

    def image_features(
        self, rgb: Float[Tensor, "pictures size size 3"]
    ) -> Float[Tensor, "pictures features"]:
        """Unit vectors of square sRGB pictures in [0, 1] of any size, channels last.

        Trained on objects over solid backgrounds of any colour, from all around.

        Raises:
            BadRequest: not square three-channel pictures.
        """
        if rgb.ndim != 4 or rgb.shape[1] != rgb.shape[2] or rgb.shape[3] != 3:
            raise BadRequest(f"Pictures to score must be [N, S, S, 3], not {list(rgb.shape)}.")
        size = self.clip.shape.image_size
        pictures = rgb.permute(0, 3, 1, 2).float().cpu()
        if pictures.shape[-1] > size:
            pictures = functional.interpolate(pictures, size=(size, size), mode="area")
        elif pictures.shape[-1] < size:
            pictures = functional.interpolate(
                pictures, size=(size, size), mode="bilinear", align_corners=False
            )
        return image_features(self.clip, pictures)

    def text_features(self, prompts: Sequence[str]) -> Float[Tensor, "prompts features"]:
        """Unit vectors of the prompts."""
        return text_features(self.clip, prompts)

    @torch.no_grad()
    def logits(
        self, rgb: Float[Tensor, "pictures size size 3"], prompts: Sequence[str]
    ) -> Float[Tensor, "pictures prompts"]:
        """Cosines times :attr:`logit_scale`; their softmax over prompts is a probability."""
        return self.logit_scale * self.image_features(rgb) @ self.text_features(prompts).T

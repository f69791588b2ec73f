"""Models that score pictures against prompts, for R-precision and R-probability (A34).

The bundled one is a small CLIP trained on the toybox; any open_clip model scores too
(``open_clip_scorer.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from backend.protocol.errors import BadRequest
from backend.text.tokenizer import resolve, split_words

from .config import OUTPUTS
from .evaluation import image_features, text_features
from .model import SmallClip, load_clip

BUNDLED = "bundled"
"""Name of the scoring CLIP that comes with the repository."""


@runtime_checkable
class Scorer(Protocol):
    """A CLIP other than the one that conditions."""

    @property
    def name(self) -> str:
        """Name for reports: every figure names its model."""
        ...

    @property
    def logit_scale(self) -> float:
        """The learned inverse temperature that multiplies cosines (about 100)."""
        ...

    def image_features(
        self, rgb: Float[Tensor, "pictures size size 3"]
    ) -> Float[Tensor, "pictures features"]:
        """Unit vectors of square sRGB pictures in [0, 1], on the CPU."""
        ...

    def text_features(self, prompts: Sequence[str]) -> Float[Tensor, "prompts features"]:
        """Unit vectors of prompts, on the CPU."""
        ...

    def unknown_words(self, prompts: Sequence[str]) -> list[str]:
        """Words of the prompts that the model never saw, each once: it cannot score them."""
        ...


def load_scorer(name: str = BUNDLED, device: torch.device | str = "cpu") -> Scorer:
    """The scoring model called ``name``.

    ``bundled``; a file that ``python -m training clip --preset scoring`` wrote; or an open_clip
    model: ``ViT-B-32/openai``, ``hf-hub:OWNER/REPOSITORY``, ``ViT-B-32/PATH`` of its weights, or
    a folder (or a file in it) with ``open_clip_config.json`` and the weights.

    Raises:
        BadRequest: there is no such model.
        CheckpointError: it cannot be read.
        NotDownloaded: it is not on this machine and cannot be fetched.
    """
    if name == BUNDLED:
        return ScoringClip.load()
    path = Path(name)
    if path.is_file() and (path.parent / "open_clip_config.json").is_file():
        name = str(path.parent)
    elif path.suffix == ".safetensors" and not _names_architecture(name):
        return ScoringClip.load(path)
    from .open_clip_scorer import OpenClipScorer

    return OpenClipScorer(name, device)


def _names_architecture(name: str) -> bool:
    """Whether ``name`` starts with one of open_clip's architectures, as in ``ViT-B-32/PATH``."""
    from backend.text.open_clip_import import open_clip_folder

    first = name.partition("/")[0]
    return bool(first) and (open_clip_folder() / "model_configs" / f"{first}.json").is_file()


class ScoringClip:
    """A frozen small CLIP, unrelated to the one that conditions."""

    def __init__(self, clip: SmallClip, name: str) -> None:
        self.clip = clip
        self.name = name
        """Name for reports: every figure names its model."""

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
        self, rgb: Float[Tensor, "pictures height width channels"]
    ) -> Float[Tensor, "pictures features"]:
        """Unit vectors of square sRGB pictures in [0, 1] of any size, channels last.

        Trained on objects over solid backgrounds of any color, from all around.

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

    def unknown_words(self, prompts: Sequence[str]) -> list[str]:
        """Words that its captions never had; it would pass over them and guess."""
        known = self.clip.text.words
        found = (
            word
            for prompt in prompts
            for word, forms in resolve(split_words(prompt), known)
            if forms is None
        )
        return list(dict.fromkeys(found))

    @torch.no_grad()
    def logits(
        self, rgb: Float[Tensor, "pictures size size 3"], prompts: Sequence[str]
    ) -> Float[Tensor, "pictures prompts"]:
        """Cosines times :attr:`logit_scale`; their softmax over prompts is a probability."""
        return self.logit_scale * self.image_features(rgb) @ self.text_features(prompts).T

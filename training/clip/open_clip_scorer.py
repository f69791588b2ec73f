"""Any open_clip model as the scoring model (A34)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from backend.protocol.errors import BadRequest
from backend.text.open_clip_encoder import load_open_clip
from backend.text.open_clip_import import open_clip_folder

_BATCH = 64


class OpenClipScorer:
    """A :class:`~training.clip.scoring.Scorer`: both towers of an open_clip model, frozen.

    Pictures are resized to the model's size (bicubic, antialiased) and normalised by its own mean
    and spread, as open_clip's preprocessing does.
    """

    def __init__(self, name: str, device: torch.device | str = "cpu") -> None:
        """
        Args:
            name: ``MODEL/PRETRAINED`` as open_clip lists them, ``MODEL/PATH`` of a weights file,
                ``hf-hub:OWNER/REPOSITORY``, or a folder with ``open_clip_config.json``.
            device: where both towers run; features come back to the CPU.

        Raises:
            BadRequest: there is no such model.
            CheckpointError: its weights are damaged.
            NotDownloaded: its weights are not here and cannot be fetched.
        """
        _check_name(name)
        self.name = name
        self._device = torch.device(device)
        model, self._tokenizer = load_open_clip(name)
        self._model: Any = model.to(self._device).float().eval().requires_grad_(False)
        visual = self._model.visual
        size = visual.image_size
        self._size = int(size[0] if isinstance(size, tuple | list) else size)
        self._mean = torch.tensor(visual.image_mean, device=self._device)[:, None, None]
        self._std = torch.tensor(visual.image_std, device=self._device)[:, None, None]

    @property
    def logit_scale(self) -> float:
        """The learned inverse temperature that multiplies cosines."""
        return float(self._model.logit_scale.exp())

    @torch.no_grad()
    def image_features(
        self, rgb: Float[Tensor, "pictures size size 3"]
    ) -> Float[Tensor, "pictures features"]:
        """Unit vectors of square sRGB pictures in [0, 1] of any size, channels last."""
        parts = []
        for part in rgb.split(_BATCH):
            pictures = part.to(self._device).permute(0, 3, 1, 2).float()
            pictures = functional.interpolate(
                pictures,
                size=(self._size, self._size),
                mode="bicubic",
                align_corners=False,
                antialias=True,
            ).clamp(0.0, 1.0)
            parts.append(self._model.encode_image((pictures - self._mean) / self._std))
        return functional.normalize(torch.cat(parts).float(), dim=-1).cpu()

    @torch.no_grad()
    def text_features(self, prompts: Sequence[str]) -> Float[Tensor, "prompts features"]:
        """Unit vectors of the prompts."""
        ids = self._tokenizer(list(prompts))
        parts = [self._model.encode_text(part.to(self._device)) for part in ids.split(_BATCH)]
        return functional.normalize(torch.cat(parts).float(), dim=-1).cpu()

    def unknown_words(self, prompts: Sequence[str]) -> list[str]:
        """None: its tokenizer spells every word."""
        del prompts
        return []


def _check_name(name: str) -> None:
    """Raises ``BadRequest`` for a name that open_clip could not even look up."""
    if name.startswith("hf-hub:"):
        return
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "open_clip_config.json").is_file():
            raise BadRequest(
                f"{folder} is not an open_clip model: it has no open_clip_config.json."
            )
        return
    model, _, pretrained = name.partition("/")
    if not pretrained or not (open_clip_folder() / "model_configs" / f"{model}.json").is_file():
        raise BadRequest(
            f"there is no scoring model {name!r}",
            "name the bundled one (bundled), an open_clip model such as ViT-B-32/openai, or a"
            " folder or file of one on this machine",
        )

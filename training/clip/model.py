"""Building, storing and reading back the two-tower model (open_clip's ``CustomTextCLIP``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from backend.files import atomic_write, check_source
from backend.protocol.errors import CheckpointError
from backend.protocol.foreign_text import parse_json
from backend.protocol.schema import to_json
from backend.text.open_clip_import import import_open_clip
from backend.text.small_encoder import SmallEncoder
from backend.text.text_tower import SmallEncoderConfig
from backend.text.tokenizer import WordTokenizer

from ..runs.state import first_not_finite, require_finite
from .config import ClipShape

_METADATA_KEY = "att3d_clip"


@dataclass
class SmallClip:
    """Both towers with the tokenizer that belongs to them."""

    shape: ClipShape
    text: SmallEncoderConfig
    towers: Any
    """open_clip's ``CustomTextCLIP`` (open_clip has no type annotations to check against)."""

    @property
    def tokenizer(self) -> WordTokenizer:
        return WordTokenizer(self.text.words, self.text.context)

    def text_encoder(self) -> SmallEncoder:
        """The text tower alone, as a checkpoint carries it."""
        return SmallEncoder(self.text, self.towers.text.state_dict())


def build_clip(shape: ClipShape, words: Sequence[str]) -> SmallClip:
    """Random weights (from torch's global generator)."""
    text = SmallEncoderConfig(
        words=tuple(words),
        context=shape.context,
        width=shape.text_width,
        layers=shape.text_layers,
        heads=shape.text_heads,
        features=shape.features,
    )
    towers = import_open_clip().CustomTextCLIP(
        embed_dim=shape.features,
        vision_cfg={
            "image_size": shape.image_size,
            "layers": list(shape.blocks),
            "width": shape.vision_width,
        },
        text_cfg=text.text_cfg(),
    )
    towers.visual = towers.visual.to(memory_format=torch.channels_last)
    return SmallClip(shape, text, towers)


@torch.no_grad()
def spread_features(
    clip: SmallClip,
    rgb: Float[Tensor, "pictures 3 size size"],
    ids: Int[Tensor, "captions context"],
) -> None:
    """Centre and scale both projections on some data, before training.

    Random towers map all captions to almost one point, and all pictures to another: the cosines of
    right and wrong pairs are equal, the loss has a saddle there, and leaving it takes most of a
    short training. With projections that give every feature mean 0 and variance 1 over the data,
    each tower tells its inputs apart from the first step, as far as random features do.
    """
    clip.towers.train()
    for projection, encode, data in (
        (clip.towers.visual.attnpool.c_proj, clip.towers.encode_image, normalise_pixels(rgb)),
        (clip.towers.text.text_projection, clip.towers.encode_text, ids),
    ):
        features = encode(data)
        scale = 1.0 / features.std(0).mean()
        projection.weight.mul_(scale)
        projection.bias.sub_(features.mean(0)).mul_(scale)


@torch.no_grad()
def settle_batch_norms(clip: SmallClip, batches: Sequence[Float[Tensor, "n 3 s s"]]) -> None:
    """Replace the image tower's running statistics by plain averages over these batches."""
    norms = [m for m in clip.towers.visual.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    clip.towers.train()
    for rgb in batches:
        clip.towers.encode_image(normalise_pixels(rgb))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def normalise_pixels(
    rgb: Float[Tensor, "pictures 3 size size"],
) -> Float[Tensor, "pictures 3 size size"]:
    """[0, 1] to about zero mean and unit variance, in the layout that convolutions are fast in."""
    return ((rgb - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)


def save_clip(path: Path, clip: SmallClip, recipe: Mapping[str, Any]) -> None:
    """Both towers and the temperature in half precision, in one file; ``recipe`` is how.

    Raises:
        TrainingError: some weights are not finite in half precision.
    """
    description = {"shape": asdict(clip.shape), "text": clip.text.to_dict(), "recipe": dict(recipe)}
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in clip.towers.state_dict().items()
    }
    # The temperature multiplies every score: keep it exact.
    state["logit_scale"] = clip.towers.logit_scale.detach()
    require_finite(state, "--learning-rate")
    contiguous = {key: value.detach().contiguous() for key, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, save(contiguous, {_METADATA_KEY: to_json(description)}))


def load_clip(path: Path) -> tuple[SmallClip, dict[str, Any]]:
    """Inverse of :func:`save_clip`: the frozen model in float32 and its recipe.

    Raises:
        CheckpointError: missing, damaged, or not such a file.
    """
    try:
        with safe_open(check_source(path), framework="pt") as file:
            description = parse_json((file.metadata() or {})[_METADATA_KEY])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        shape = ClipShape(
            **{**description["shape"], "blocks": tuple(description["shape"]["blocks"])}
        )
        text = SmallEncoderConfig.from_dict(description["text"])
        clip = build_clip(shape, text.words)
        clip.towers.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
        )
        name = first_not_finite(state)
        if name is not None:
            raise ValueError(f"the tensor {name} holds numbers that are not finite")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(
            f"{path} is not a scoring model of ATT3D: {said}",
            "Make one with `python -m training clip --preset scoring`.",
        ) from error
    clip.towers.eval().requires_grad_(False)
    return clip, description["recipe"]

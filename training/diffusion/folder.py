"""Our diffusion model on disk: a folder in diffusers' layout.

``unet/`` and ``scheduler/`` are diffusers' own; ``text_encoder/`` holds our small text tower and
its tokens for views;
``model_index.json`` names the parts and our class; ``att3d.json`` says what the pictures were, so
that guidance renders the same kind; ``README.md`` is the model card. Weights are in half
precision.
"""

from __future__ import annotations

import copy
import dataclasses
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from backend.files import check_source
from backend.protocol.errors import Att3dError, OutputError, TrainingError
from backend.protocol.foreign_text import parse_json
from backend.protocol.schema import decode, to_json
from backend.rendering.cameras import CameraConfig
from backend.rendering.lighting import LightConfig

from ..prompts.views import VIEW_WORDS, ViewScheme
from ..runs.state import first_not_finite, require_finite
from .model import PixelUNet
from .pipeline import import_diffusers, load_weights
from .text import TOWER_FILE, PixelTextEncoder

CLASS_NAME = "Att3dPixelPipeline"
FORMAT = 1


@dataclass(frozen=True)
class PixelModelConfig:
    """What guidance has to know of a model: what pictures it was trained on."""

    size: int
    """Pixels of a picture's side."""
    patch: int
    views: ViewScheme = "sided"
    """Which view words its captions had (A16)."""
    prompts: str = ""
    """The prompt set of its captions."""
    split: str = "all"
    """``all`` or ``seen``: whether it knows the compositions that ATT3D does not see."""
    cameras: CameraConfig = field(default_factory=CameraConfig)
    lights: LightConfig = field(default_factory=LightConfig)
    albedo_share: float = 0.0
    """Share of its pictures that are unlit; the others are shaded."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """How it was made: the training's settings, steps, time, figures."""


def save_pixel_model(
    folder: Path,
    unet: PixelUNet,
    scheduler: Any,
    encoder: PixelTextEncoder,
    config: PixelModelConfig,
) -> None:
    """Write the folder; an older one there is replaced when the new one is whole.

    Raises:
        TrainingError: some weights are not finite in half precision.
        OutputError: the folder cannot be written; an older one stays as it was.
    """
    diffusers = import_diffusers()
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.mkdir(parents=True)
        half: Any = copy.deepcopy(unet.unet)
        for tensor in (*half.parameters(), *half.buffers()):
            tensor.data = tensor.data.to("cpu", torch.float16)
        require_finite({**half.state_dict(), **encoder.tower.storage()}, "--lr")
        half.save_pretrained(temporary / "unet")
        scheduler.save_pretrained(temporary / "scheduler")
        (temporary / "text_encoder").mkdir()
        encoder.save(temporary / "text_encoder")
        index = {
            "_class_name": CLASS_NAME,
            "_diffusers_version": diffusers.__version__,
            "unet": ["diffusers", "UNet2DConditionModel"],
            "scheduler": ["diffusers", type(scheduler).__name__],
            "text_encoder": ["training.diffusion.text", PixelTextEncoder.__name__],
        }
        described = {"format": FORMAT, **dataclasses.asdict(config)}
        for name, content in (("model_index.json", index), ("att3d.json", described)):
            text = to_json(content, indent=1)
            (temporary / name).write_text(text + "\n", encoding="utf-8")
        (temporary / "README.md").write_text(_card(folder.name, config), encoding="utf-8")
        _replace(folder, temporary)
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"cannot save the diffusion model in {folder}: {error}",
            "free some space or choose another folder, then start the same command again",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _card(name: str, config: PixelModelConfig) -> str:
    """The model card."""
    knows = "all prompts" if config.split == "all" else "the seen prompts"
    made = "".join(f"- {key}: {to_json(value)}\n" for key, value in config.recipe.items())
    return (
        f"# {name}\n\n"
        "A small text-to-image diffusion model in pixel space (v-prediction), trained on renders"
        " of procedural toys by `python -m training diffusion` of ATT3D. Made for score"
        " distillation, not for pictures.\n\n"
        f"- pictures: {config.size} x {config.size}, one toy over a random solid color\n"
        f"- captions: {knows} of `{config.prompts}`, with view words ({config.views})\n"
        "- limits: knows only the words and toys of its prompt set\n"
        f"- licence: GPL-3.0-or-later\n{made}"
    )


def _replace(folder: Path, new: Path) -> None:
    """Put ``new`` where ``folder`` is. A folder cannot be replaced in one move, but in two."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def is_pixel_model(folder: Path) -> bool:
    """Whether the folder says that it holds such a model."""
    try:
        index = parse_json(check_source(folder / "model_index.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("_class_name") == CLASS_NAME


def tower_file(folder: Path) -> Path:
    """The text tower of such a model's folder."""
    return folder / "text_encoder" / TOWER_FILE


def load_pixel_model(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[PixelUNet, Any, PixelTextEncoder, PixelModelConfig]:
    """Inverse of :func:`save_pixel_model`: the frozen network, its scheduler, its text encoder
    (which stays on the CPU), and what it was trained on.

    Raises:
        TrainingError: there is no such folder, it is another kind of model, or it is damaged.
    """
    if not is_pixel_model(folder):
        raise TrainingError(
            f"{folder} is not a diffusion model of ATT3D"
            + ("" if folder.exists() else ": there is no such folder"),
            "Make one with `python -m training diffusion`, or name a folder that it wrote.",
        )
    diffusers = import_diffusers()
    try:
        described = parse_json(check_source(folder / "att3d.json").read_text("utf-8"))
        version = described.pop("format")
        if version != FORMAT:
            raise ValueError(f"its format is {version}, and this version reads {FORMAT}")
        config = decode(PixelModelConfig, described, "att3d.json")
        for part in ("unet", "scheduler", "text_encoder"):
            if not (folder / part).is_dir():  # diffusers would ask the hub for it
                raise ValueError(f"it has no folder {part}")
        inner = load_weights(
            diffusers.UNet2DConditionModel,
            folder / "unet",
            torch_dtype=dtype,
            local_files_only=True,
            use_safetensors=True,  # a folder from elsewhere may hold a pickle, which runs code
        )
        name = first_not_finite(inner.state_dict())
        if name is not None:
            raise ValueError(f"the tensor {name} holds numbers that are not finite")
        scheduler = diffusers.DDIMScheduler.from_pretrained(
            folder / "scheduler", local_files_only=True
        )
        encoder = PixelTextEncoder.load(folder / "text_encoder")
        for words in VIEW_WORDS[config.views]:
            if words not in encoder.views:
                raise ValueError(f"its text encoder lacks the tensor {words!r}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise _damaged(folder, error) from error
    except (SafetensorError, Att3dError) as error:
        raise _damaged(folder, error) from error
    inner.register_to_config(_name_or_path="")  # diffusers would store this folder's path again
    inner = inner.to(device, memory_format=torch.channels_last)
    unet = PixelUNet(inner, config.patch).eval().requires_grad_(False)
    return unet, scheduler, encoder, config


def _damaged(folder: Path, error: Exception) -> TrainingError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return TrainingError(
        f"the diffusion model {folder} cannot be read: {reason}",
        "Copy it again from where it came from, or train it again.",
    )

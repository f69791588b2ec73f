"""Diffusion models by hub name or folder; ``model_index.json`` says which kind it is."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from backend.paths import cache_dir
from backend.protocol.errors import TrainingError
from backend.text.encoder import TextEncoder

from .conditions import ConditionEncoder, Conditions, ConditionStore
from .config import DiffusionModelConfig
from .model import DiffusionModel
from .network import DTYPES
from .schedule import NoiseSchedule, Prediction
from .text import SharedEncoder

_log = logging.getLogger(__name__)
_KINDS = "Stable Diffusion 1 or 2, SDXL, DeepFloyd IF's first stage, or our own"


def load_diffusion_model(
    name_or_folder: str | Path,
    config: DiffusionModelConfig | None = None,
    device: torch.device | str = "cpu",
    encoder: TextEncoder | None = None,
) -> DiffusionModel:
    """Load a frozen diffusion model; its text encoder is loaded when a prompt needs it.

    Args:
        name_or_folder: a folder with a ``model_index.json``, or a name on the Hugging Face hub.
        device: where it runs, unless ``config.device`` says otherwise.
        encoder: the mapping network's text encoder; used for the diffusion model too where it is
            the same one (A9).

    Raises:
        NotDownloaded: the hub's model is not on this machine and cannot be fetched.
        TrainingError: not a pipeline, of a kind that is not known, or damaged.
    """
    config = config or DiffusionModelConfig()
    device = torch.device(config.device or device)
    folder = _folder(name_or_folder, config)
    index = _index(folder)
    kind = str(index["_class_name"])
    if kind == "Att3dPixelPipeline":
        return _own(folder, config, device, encoder)
    raise TrainingError(
        f"{folder} is a {kind}, which cannot guide", f"use a model of another kind: {_KINDS}"
    )


def _own(
    folder: Path, config: DiffusionModelConfig, device: torch.device, shared: TextEncoder | None
) -> DiffusionModel:
    from ...diffusion.folder import load_pixel_model
    from .pixel import OwnPixelDiffusion

    unet, scheduler, own, described = load_pixel_model(folder, dtype=DTYPES[config.precision])
    same = shared is not None and shared.fingerprint == own.fingerprint
    schedule, prediction = schedule_of(scheduler)
    return OwnPixelDiffusion(
        folder.name,
        unet,
        schedule,
        prediction,
        _conditions(SharedEncoder(shared if same and shared is not None else own), config),
        config,
        device,
        channels=3,
        size=described.size,
        views=described.views,
    )


def schedule_of(scheduler: Any) -> tuple[NoiseSchedule, Prediction]:
    """Noise levels and parameterisation of a diffusers scheduler (any that has betas)."""
    prediction = scheduler.config.get("prediction_type", "epsilon")
    if prediction not in ("epsilon", "v_prediction", "sample"):
        raise TrainingError(
            f"the diffusion model predicts {prediction!r}, which score distillation does not know",
            f"use a model of another kind: {_KINDS}",
        )
    return NoiseSchedule(scheduler.alphas_cumprod.float().clone()), prediction


def _conditions(encoder: ConditionEncoder, config: DiffusionModelConfig) -> Conditions:
    if not encoder.large or config.cache_gib == 0:
        return Conditions(encoder, None)
    folder = config.cache or cache_dir() / "diffusion-text"
    return Conditions(encoder, ConditionStore(folder, int(config.cache_gib * 2**30)))


def _folder(name_or_folder: str | Path, config: DiffusionModelConfig) -> Path:
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        return folder
    raise TrainingError(
        f"there is no folder {folder}", "name a diffusion model's folder, or one on the hub"
    )


def _index(folder: Path) -> Mapping[str, Any]:
    """The folder's ``model_index.json``."""
    path = folder / "model_index.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(
            f"{folder} is not a diffusion pipeline: it has no model_index.json",
            "name the pipeline's own folder, the one that holds unet/ and scheduler/",
        ) from None
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read: {error}", "copy the model again from where it came from"
        ) from error
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise TrainingError(f"{path} does not say what the pipeline is", "copy the model again")
    return index

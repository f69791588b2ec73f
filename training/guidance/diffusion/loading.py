"""Diffusion models by hub name or folder; the pipeline's class says which kind it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from backend.accelerator import choose_device
from backend.paths import cache_dir
from backend.protocol.errors import TrainingError
from backend.text.encoder import TextEncoder
from backend.text.small_encoder import SmallEncoder

from ...diffusion.config import PRESETS
from ...diffusion.pipeline import Pipeline, find_pipeline, import_diffusers
from .conditions import ConditionEncoder, Conditions, ConditionStore
from .config import DiffusionModelConfig
from .model import DiffusionModel
from .schedule import NoiseSchedule, Prediction
from .text import ClipEncoder, OwnEncoder, T5Encoder, XlEncoder
from .unet import DTYPES, LatentDiffusion, OwnPixelDiffusion, PixelDiffusion

_KINDS = "Stable Diffusion 1 or 2, SDXL, DeepFloyd IF's first stage, or our own"
_BETAS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
)
"""What of a scheduler's configuration makes its noise levels."""


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
            the same one (A9), which the small text tower and our own model's can be. A CLIP of the
            same name is not: Stable Diffusion's tokens differ beyond the end of the prompt.

    Raises:
        BadRequest: there is no device ``config.device``.
        NotDownloaded: the hub's model is not on this machine and cannot be fetched.
        TrainingError: not a pipeline, of a kind that is not known, or damaged.
        MissingDependency: diffusers or transformers is not installed.
    """
    config = config or DiffusionModelConfig()
    place = choose_device(config.device) if config.device else torch.device(device)
    _require_made(Path(name_or_folder))
    pipeline = find_pipeline(name_or_folder, config.variant, config.revision)
    match pipeline.kind:
        case "Att3dPixelPipeline":
            return _own(pipeline, config, place, encoder)
        case "IFPipeline":
            return _pixel(pipeline, config, place)
        case "StableDiffusionPipeline" | "StableDiffusionXLPipeline":
            return _latent(pipeline, config, place)
        case kind:
            raise TrainingError(
                f"{pipeline.name} is a {kind}, which cannot guide",
                f"use a model of another kind: {_KINDS}",
            )


def _require_made(folder: Path) -> None:
    """Raise TrainingError if ``folder`` is where a preset of ours puts its model, and it is not
    there."""
    for name, run in PRESETS.items():
        if folder == run.model_folder and not folder.exists():
            raise TrainingError(
                f"the diffusion model {folder} has not been made",
                f"make it with `python -m training diffusion --preset {name}`",
            )


def _own(
    pipeline: Pipeline,
    config: DiffusionModelConfig,
    device: torch.device,
    encoder: TextEncoder | None,
) -> DiffusionModel:
    from ...diffusion.folder import load_pixel_model

    unet, scheduler, own, described = load_pixel_model(
        pipeline.folder, dtype=DTYPES[config.precision]
    )
    schedule, prediction = schedule_of(scheduler.config)
    if isinstance(encoder, SmallEncoder) and encoder.fingerprint == own.tower.fingerprint:
        own.tower = encoder
    return OwnPixelDiffusion(
        pipeline.name,
        unet,
        schedule,
        prediction,
        _conditions(OwnEncoder(own), config),
        config,
        device,
        channels=3,
        size=described.size,
        views=described.views,
    )


def _pixel(
    pipeline: Pipeline, config: DiffusionModelConfig, device: torch.device
) -> DiffusionModel:
    dtype = DTYPES[config.precision]
    unet = pipeline.load("unet", dtype)
    schedule, prediction = schedule_of(pipeline.load("scheduler").config)
    if unet.config.in_channels != 3:
        raise TrainingError(
            f"the UNet of {pipeline.name} takes {unet.config.in_channels} channels, not an image's"
            " three",
            "use DeepFloyd IF's first stage",
        )
    return PixelDiffusion(
        pipeline.name,
        unet,
        schedule,
        prediction,
        _conditions(T5Encoder(pipeline, ("",), device, dtype), config),
        config,
        device,
        channels=3,
        size=config.image_size or int(unet.config.sample_size),
    )


def _latent(
    pipeline: Pipeline, config: DiffusionModelConfig, device: torch.device
) -> DiffusionModel:
    dtype = DTYPES[config.precision]
    xl = pipeline.kind == "StableDiffusionXLPipeline"
    encoder = (
        XlEncoder(pipeline, ("", "_2"), device, dtype)
        if xl
        else ClipEncoder(pipeline, ("",), device, dtype)
    )
    schedule, prediction = schedule_of(pipeline.load("scheduler").config)
    return LatentDiffusion(
        pipeline.name,
        pipeline.load("unet", dtype),
        pipeline.load("vae", dtype),
        schedule,
        prediction,
        _conditions(encoder, config),
        config,
        device,
        xl=xl,
    )


def schedule_of(settings: Any) -> tuple[NoiseSchedule, Prediction]:
    """Noise levels and parameterisation, from the configuration of any scheduler with betas.

    Raises:
        TrainingError: it has none (flow matching), or predicts something else.
    """
    prediction = settings.get("prediction_type", "epsilon")
    if prediction not in ("epsilon", "v_prediction", "sample") or "beta_schedule" not in settings:
        raise TrainingError(
            f"the model's noise schedule ({settings.get('_class_name', 'unknown')}, prediction"
            f" {prediction!r}) is not one that score distillation knows",
            f"use a model of another kind: {_KINDS}",
        )
    betas = {name: settings[name] for name in _BETAS if name in settings}
    levels = import_diffusers().DDPMScheduler(**betas).alphas_cumprod
    return NoiseSchedule(levels.float()), prediction


def _conditions(encoder: ConditionEncoder, config: DiffusionModelConfig) -> Conditions:
    if not encoder.large or config.cache_gib == 0:
        return Conditions(encoder, None)
    folder = config.cache or cache_dir() / "diffusion-text"
    return Conditions(encoder, ConditionStore(folder, int(config.cache_gib * 2**30)))

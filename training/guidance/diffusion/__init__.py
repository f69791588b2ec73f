"""Guidance from a diffusion model: score distillation (A18) with any diffusers pipeline.

``load_diffusion_model`` gives a frozen :class:`DiffusionModel` (latent or pixel), and
:class:`DiffusionGuidance` asks it about views of a step's objects.
"""

from .config import GUIDANCE_PRESETS, DiffusionGuidanceConfig, DiffusionModelConfig, guidance_preset
from .guidance import DiffusionGuidance, check_close_ups
from .loading import load_diffusion_model
from .model import DiffusionModel
from .timesteps import TimestepConfig

__all__ = [
    "GUIDANCE_PRESETS",
    "DiffusionGuidance",
    "DiffusionGuidanceConfig",
    "DiffusionModel",
    "DiffusionModelConfig",
    "TimestepConfig",
    "check_close_ups",
    "guidance_preset",
    "load_diffusion_model",
]

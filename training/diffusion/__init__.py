"""Our own diffusion model: a pixel-space UNet trained on toybox renders.

``python -m training diffusion`` makes it; guidance loads it like any other diffusion model.
"""

from pathlib import Path

from .config import DataConfig, DiffusionConfig
from .config import preset as diffusion_preset
from .folder import PixelModelConfig, is_pixel_model, load_pixel_model, save_pixel_model
from .model import PixelUNet, UNetConfig, build_scheduler, build_unet
from .text import PixelTextEncoder, with_views

__all__ = [
    "DataConfig",
    "DiffusionConfig",
    "PixelModelConfig",
    "PixelTextEncoder",
    "PixelUNet",
    "UNetConfig",
    "build_scheduler",
    "build_unet",
    "diffusion_preset",
    "is_pixel_model",
    "load_pixel_model",
    "save_pixel_model",
    "train_diffusion",
    "with_views",
]


def train_diffusion(config: DiffusionConfig) -> Path:
    """See :func:`training.diffusion.run.train_diffusion`, which needs more than a model does."""
    from .run import train_diffusion as train

    return train(config)

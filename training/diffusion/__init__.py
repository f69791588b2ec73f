"""Our own diffusion model: a pixel-space UNet trained on toybox renders.

``python -m training diffusion`` makes it; guidance loads it like any other diffusion model.
"""

from .config import DataConfig, DiffusionConfig, preset
from .folder import PixelModelConfig, is_pixel_model, load_pixel_model, save_pixel_model
from .model import PixelUNet, UNetConfig, build_scheduler, build_unet
from .text import PixelTextEncoder, with_words

__all__ = [
    "DataConfig",
    "DiffusionConfig",
    "PixelModelConfig",
    "PixelTextEncoder",
    "PixelUNet",
    "UNetConfig",
    "build_scheduler",
    "build_unet",
    "is_pixel_model",
    "load_pixel_model",
    "preset",
    "save_pixel_model",
    "with_words",
]

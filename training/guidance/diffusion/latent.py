"""Latent diffusion models: Stable Diffusion 1.x and 2.x, and SDXL."""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.protocol.errors import TrainingError

from .condition import TextCondition
from .conditions import Conditions
from .config import DiffusionModelConfig
from .network import UNetDiffusion, in_precision, resize
from .schedule import NoiseSchedule, Prediction


class LatentDiffusion(UNetDiffusion):
    """A :class:`~.model.DiffusionModel` on a variational autoencoder's latents.

    Latents are the encoder's mean times the VAE's scaling factor. The gradient of score
    distillation goes back through the encoder, so the VAE stays on its device in every offload.
    """

    pixels = False

    def __init__(
        self,
        name: str,
        unet: nn.Module,
        vae: nn.Module,
        schedule: NoiseSchedule,
        prediction: Prediction,
        conditions: Conditions,
        config: DiffusionModelConfig,
        device: torch.device,
        *,
        xl: bool = False,
    ) -> None:
        """``xl``: the UNet takes SDXL's pooled text and picture sizes besides the tokens."""
        shape, vae_config = cast(Any, unet).config, cast(Any, vae).config
        factor = 2 ** (len(vae_config.block_out_channels) - 1)
        size = config.image_size // factor or int(shape.sample_size)
        if config.image_size % factor:
            raise TrainingError(
                f"{name} cannot see pictures of {config.image_size} pixels",
                f"use a multiple of {factor}, or 0 for the {shape.sample_size * factor} it was"
                " trained on",
            )
        if shape.in_channels != vae_config.latent_channels:
            raise TrainingError(
                f"the UNet of {name} takes {shape.in_channels} channels, its VAE gives"
                f" {vae_config.latent_channels}",
                "use a text-to-image model, not one for inpainting or editing",
            )
        super().__init__(
            name,
            unet,
            schedule,
            prediction,
            conditions,
            config,
            device,
            channels=int(shape.in_channels),
            size=size,
        )
        self.image_size = size * factor
        self._xl = xl
        self._scaling = float(vae_config.scaling_factor)
        self._shift = float(vae_config.get("shift_factor") or 0.0)
        # SDXL's VAE overflows in half precision, and says so.
        upcast = config.precision == "fp16" and bool(vae_config.get("force_upcast"))
        self._vae_dtype = torch.float32 if upcast else self.dtype
        self.vae = in_precision(vae, self._vae_dtype).to(device).eval().requires_grad_(False)
        if config.vae_slicing:
            cast(Any, vae).enable_slicing()
        if config.vae_checkpointing:
            cast(Any, vae).enable_gradient_checkpointing()

    def encode(
        self, images: Float[Tensor, "images height width 3"]
    ) -> Float[Tensor, "images channels size size"]:
        with torch.autocast(images.device.type, enabled=False):
            x = resize(images, self.image_size).to(self.device) * 2.0 - 1.0
            scale = _GradientScale() if self._vae_dtype == torch.float16 else None
            if scale is not None:
                x = scale.leave(x)
            latents = cast(Any, self.vae).encode(x.to(self._vae_dtype)).latent_dist.mean.float()
            if scale is not None:
                latents = scale.enter(latents)
            return (latents - self._shift) * self._scaling

    def forward(
        self, x: Float[Tensor, "..."], t: Int[Tensor, " images"], text: TextCondition
    ) -> Float[Tensor, "..."]:
        added: dict[str, Tensor] | None = None
        if self._xl:
            # Original size, crop and target size: a whole picture of the trained size.
            side = float(self.image_size)
            sizes = torch.tensor([side, side, 0.0, 0.0, side, side]).to(x)
            assert text.pooled is not None
            added = {"text_embeds": text.pooled, "time_ids": sizes.expand(len(x), -1)}
        return self.unet(x, t, encoder_hidden_states=text.tokens, added_cond_kwargs=added).sample


class _GradientScale:
    """Keeps gradients in half precision's range on their way back through a network.

    A mean over all pixels of a batch makes each one's gradient smaller than float16 can hold. On
    the way in they are scaled to a largest value of 64, on the way out scaled back.
    """

    def __init__(self) -> None:
        self.factor = torch.ones(())

    def enter(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Where the gradient enters: after the network."""
        return cast(Tensor, _Enter.apply(x, self))

    def leave(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Where the gradient leaves: before the network."""
        return cast(Tensor, _Leave.apply(x, self))


class _Enter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: _GradientScale) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        largest = grads[0].abs().amax()
        factor = torch.where(largest > 0, 64.0 / largest, 1.0)
        ctx.scale.factor = torch.where(torch.isfinite(factor), factor, 1.0)
        return grads[0] * ctx.scale.factor, None


class _Leave(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: _GradientScale) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] / ctx.scale.factor, None

"""Diffusion models: a frozen UNet with its noise schedule, on pixels or on latents.

On pixels: DeepFloyd IF's first stage, and our own. On latents: Stable Diffusion 1.x and 2.x, SDXL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.protocol.errors import MissingDependency, TrainingError
from backend.rendering.cameras import Cameras

from ...prompts.views import ViewScheme
from .conditions import Conditions, TextCondition
from .config import DiffusionModelConfig
from .schedule import NoiseSchedule, Prediction

DTYPES: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}


class UNetDiffusion:
    """The parts of a :class:`~.model.DiffusionModel` that a UNet gives."""

    def __init__(
        self,
        name: str,
        unet: nn.Module,
        schedule: NoiseSchedule,
        prediction: Prediction,
        conditions: Conditions,
        config: DiffusionModelConfig,
        device: torch.device,
        *,
        channels: int,
        size: int,
        views: ViewScheme | None = None,
    ) -> None:
        """``channels``, ``size``: of what the UNet takes; ``views``: the view words of the captions
        it was trained on, where that is known."""
        self.name = name
        self.device = device
        self.prediction: Prediction = prediction
        self.schedule = schedule.to(device)
        self.config = config
        self.dtype = DTYPES[config.precision]
        self._conditions = conditions
        self.channels = channels
        self.size = size
        self.views: ViewScheme | None = views
        self.unet = self._place(in_precision(unet, self.dtype).eval().requires_grad_(False))

    def prepare(self, prompts: Iterable[str]) -> None:
        self._conditions.prepare(prompts)

    def embed(self, prompts: Sequence[str]) -> TextCondition:
        return self._conditions(prompts).to(self.device, non_blocking=True)

    @torch.no_grad()
    def predict(
        self,
        noisy: Float[Tensor, "images channels size size"],
        t: Int[Tensor, " images"],
        condition: TextCondition,
        cameras: Cameras | None = None,
    ) -> Float[Tensor, "images channels size size"]:
        batch = self.config.batch or len(noisy)
        outputs: list[Tensor] = []
        with self._on_device(), torch.autocast(self.device.type, enabled=False):
            for start in range(0, len(noisy), batch):
                part = slice(start, start + batch)
                x = noisy[part].to(self.device, self.dtype)
                if self.config.channels_last:
                    x = x.contiguous(memory_format=torch.channels_last)
                text = condition[part].to(self.device, self.dtype)
                output = self.forward(x, t[part].to(self.device), text)
                outputs.append(output[:, : self.channels].float())
        return torch.cat(outputs)

    def forward(
        self, x: Float[Tensor, "..."], t: Int[Tensor, " images"], text: TextCondition
    ) -> Float[Tensor, "..."]:
        """One pass of the UNet, in its own precision."""
        return self.unet(x, t, encoder_hidden_states=text.tokens).sample

    def _place(self, unet: nn.Module) -> nn.Module:
        config = self.config
        if config.channels_last:
            unet = cast(nn.Module, cast(Any, unet).to(memory_format=torch.channels_last))
        if config.attention_slicing:
            # Ours has diffusers' UNet inside.
            cast(Any, getattr(unet, "unet", unet)).set_attention_slice("auto")
        if config.offload == "layers":
            try:
                from accelerate import cpu_offload
            except ImportError as error:
                raise MissingDependency(
                    "offloading the diffusion model's layers needs accelerate"
                ) from error
            cpu_offload(unet, execution_device=self.device)
        elif config.offload == "none":
            unet = unet.to(self.device)
        if config.compiled:
            unet = cast(nn.Module, torch.compile(unet))
        return unet

    @contextlib.contextmanager
    def _on_device(self) -> Iterator[None]:
        """The UNet where it computes; with offload "model" only for so long."""
        if self.config.offload != "model":
            yield
            return
        self.unet.to(self.device)
        try:
            yield
        finally:
            self.unet.to("cpu")


def in_precision(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The network in ``dtype``. One that was loaded so stays as it is: some of diffusers' keep a
    few layers in float32 on purpose."""
    if next(network.parameters()).dtype == dtype:
        return network
    return network.to(dtype)


def resize(
    images: Float[Tensor, "images height width 3"], size: int
) -> Float[Tensor, "images 3 size size"]:
    """Channels first, ``size`` pixels a side; smooth when smaller, without aliases when larger."""
    x = images.float().permute(0, 3, 1, 2)
    if x.shape[-2:] == (size, size):
        return x
    return nn.functional.interpolate(
        x, (size, size), mode="bilinear", align_corners=False, antialias=True
    )


class PixelDiffusion(UNetDiffusion):
    """A :class:`~.model.DiffusionModel` on images in [-1, 1].

    DeepFloyd IF has six output channels: the noise, then a variance for its sampler, which score
    distillation leaves out (``predict`` keeps the first three).
    """

    pixels = True

    def encode(
        self, images: Float[Tensor, "images height width 3"]
    ) -> Float[Tensor, "images channels size size"]:
        with torch.autocast(images.device.type, enabled=False):
            return resize(images, self.size).to(self.device) * 2.0 - 1.0


class OwnPixelDiffusion(PixelDiffusion):
    """Ours (``python -m training diffusion``), whose network takes the text tokens by position."""

    def forward(
        self, x: Float[Tensor, "..."], t: Int[Tensor, " images"], text: TextCondition
    ) -> Float[Tensor, "..."]:
        return self.unet(x, t, text.tokens)


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

"""What the diffusion models have in common: a frozen UNet, its schedule, and embedded prompts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.protocol.errors import MissingDependency
from backend.rendering.cameras import Cameras

from ...prompts.views import ViewScheme
from .condition import TextCondition
from .conditions import Conditions
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

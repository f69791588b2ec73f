"""Our diffusion model: a small conditional UNet over patches of pixels, its objective, sampling.

The objective is v-prediction with bounded weights; pictures are made by DDIM with classifier-free
guidance. Names: ``noisy`` is a picture in [-1, 1] with noise, ``tokens`` the caption's embeddings,
``t`` the noise level from 0 (none) to 999; the network predicts v (Salimans and Ho 2022).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from .pipeline import import_diffusers

LEVELS = 1000
"""Noise levels of the schedule."""
LARGEST = 1024
"""Most pixels of a picture's side."""


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network; diffusers' ``UNet2DConditionModel`` underneath."""

    size: int = 32
    """Pixels of a picture's side."""
    patch: int = 2
    """The network sees blocks of ``patch * patch`` pixels as channels: a quarter of the positions
    at 2, which is what makes it quick."""
    channels: tuple[int, ...] = (64, 96, 96)
    """Channels of each level; every level halves the resolution."""
    attention: tuple[bool, ...] = (False, True, True)
    """Which levels attend: to themselves and to the caption."""
    layers: int = 1
    """Residual blocks a level."""
    heads: int = 4
    groups: int = 16
    """Groups of the group norms; divides all channels."""

    @property
    def problem(self) -> str | None:
        """What is wrong with the configuration, or None."""
        if min(self.size, self.patch, self.layers, self.heads, self.groups, *self.channels) < 1:
            return "size, patch, channels, layers, heads and groups must be positive"
        if len(self.attention) != len(self.channels) or not self.channels:
            return f"{len(self.channels)} channels need as many values of attention"
        block = self.patch * 2 ** (len(self.channels) - 1)
        if self.size % block or self.size > LARGEST:
            return (
                f"a patch of {self.patch} and {len(self.channels)} levels need a size that is a"
                f" multiple of {block}, at most {LARGEST}, not {self.size}"
            )
        for channels in self.channels:
            for name, parts in (("groups", self.groups), ("heads", self.heads)):
                if channels % parts:
                    return f"{channels} channels cannot be divided into {parts} {name}"
        return None


@runtime_checkable
class VelocityNetwork(Protocol):
    """What predicts v of noisy pictures: the objective and the sampler take any."""

    def __call__(
        self,
        noisy: Float[Tensor, "pictures 3 size size"],
        t: Int[Tensor, " pictures"],
        tokens: Float[Tensor, "pictures tokens width"],
        /,
    ) -> Float[Tensor, "pictures 3 size size"]: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...


class PixelUNet(nn.Module):
    """Predicts v of pictures, in pixels; folds patches into channels for the UNet inside."""

    def __init__(self, unet: nn.Module, patch: int) -> None:
        super().__init__()
        self.unet = unet
        self.patch = patch

    def forward(
        self,
        noisy: Float[Tensor, "pictures 3 size size"],
        t: Int[Tensor, " pictures"],
        tokens: Float[Tensor, "pictures tokens width"],
    ) -> Float[Tensor, "pictures 3 size size"]:
        folded = functional.pixel_unshuffle(noisy, self.patch)
        folded = folded.contiguous(memory_format=torch.channels_last)
        predicted = self.unet(folded, t, encoder_hidden_states=tokens, return_dict=False)[0]
        return functional.pixel_shuffle(predicted, self.patch)


def build_unet(config: UNetConfig, text_width: int) -> PixelUNet:
    """Random weights from torch's global generator; the last layer starts at zero."""
    folded = 3 * config.patch**2

    def blocks(name: str, attention: Sequence[bool]) -> tuple[str, ...]:
        return tuple(f"{'CrossAttn' if on else ''}{name}Block2D" for on in attention)

    unet = import_diffusers().UNet2DConditionModel(
        sample_size=config.size // config.patch,
        in_channels=folded,
        out_channels=folded,
        down_block_types=blocks("Down", config.attention),
        up_block_types=blocks("Up", config.attention[::-1]),
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        cross_attention_dim=text_width,
        # diffusers takes the number of heads under this name.
        attention_head_dim=config.heads,
        norm_num_groups=config.groups,
    )
    nn.init.zeros_(unet.conv_out.weight)
    nn.init.zeros_(unet.conv_out.bias)
    return PixelUNet(unet.to(memory_format=torch.channels_last), config.patch)


def build_scheduler(
    kind: Literal["cosine", "linear"] = "cosine", *, zero_terminal_snr: bool = False
) -> Any:
    """diffusers' DDIM scheduler for v-prediction: noise schedule, and sampler."""
    return import_diffusers().DDIMScheduler(
        num_train_timesteps=LEVELS,
        beta_schedule={"cosine": "squaredcos_cap_v2", "linear": "scaled_linear"}[kind],
        prediction_type="v_prediction",
        rescale_betas_zero_snr=zero_terminal_snr,
        timestep_spacing="trailing",
        clip_sample=True,
        set_alpha_to_one=True,
    )


def noise_levels(count: int, generator: torch.Generator) -> Int[Tensor, " pictures"]:
    """Uniform in 0..999, spread evenly over a batch (so that its loss varies less), shuffled."""
    start = torch.rand(1, generator=generator)
    even = (torch.arange(count) / count + start) % 1.0
    order = torch.randperm(count, generator=generator)
    return (even * LEVELS).long().clamp_max(LEVELS - 1)[order]


def snr_weights(
    scheduler: Any, t: Int[Tensor, " pictures"], min_snr: float
) -> Float[Tensor, " pictures"]:
    """Hang et al. 2023 for v: min(SNR, gamma) / (SNR + 1); all 1 when gamma is 0."""
    if min_snr == 0.0:
        return torch.ones(len(t), device=t.device)
    signal = scheduler.alphas_cumprod.to(t.device)[t]
    snr = signal / (1.0 - signal)
    return snr.clamp_max(min_snr) / (snr + 1.0)


def v_loss(
    unet: VelocityNetwork,
    scheduler: Any,
    clean: Float[Tensor, "pictures 3 size size"],
    tokens: Float[Tensor, "pictures tokens width"],
    noise: Float[Tensor, "pictures 3 size size"],
    t: Int[Tensor, " pictures"],
    *,
    min_snr: float,
) -> Float[Tensor, " pictures"]:
    """Each picture's weighted mean square error of v = alpha noise - sigma clean."""
    noisy = scheduler.add_noise(clean, noise, t)
    wanted = scheduler.get_velocity(clean, noise, t)
    error = (unet(noisy, t, tokens).float() - wanted).square().mean((1, 2, 3))
    return error * snr_weights(scheduler, t, min_snr)


SAMPLING_STEPS = 20


@torch.no_grad()
def sample(
    unet: VelocityNetwork,
    scheduler: Any,
    tokens: Float[Tensor, "pictures tokens width"],
    empty: Float[Tensor, "tokens width"],
    size: int,
    guidance: float,
    generator: torch.Generator,
    *,
    steps: int = SAMPLING_STEPS,
    batch: int = 64,
) -> Float[Tensor, "pictures size size 3"]:
    """One picture a caption, sRGB in [0, 1], on the CPU.

    ``empty`` is the empty caption's tokens; with a ``guidance`` weight of 1 they are not used.
    ``generator`` is a CPU generator: the same noise on any device.
    """
    device = next(unet.parameters()).device
    noise = torch.randn(len(tokens), 3, size, size, generator=generator)
    # diffusers keeps the state of a sampling run in the scheduler.
    scheduler = copy.deepcopy(scheduler)
    scheduler.set_timesteps(steps, device=device)
    finished = []
    for pictures, said in zip(noise.split(batch), tokens.split(batch), strict=True):
        x, said = pictures.to(device), said.to(device)
        both = torch.cat([said, empty.to(device).expand_as(said)]) if guidance != 1.0 else said
        for t in scheduler.timesteps:
            twice = x.repeat(len(both) // len(x), 1, 1, 1)
            v = unet(twice, t.expand(len(both)), both).float()
            if guidance != 1.0:
                with_caption, without = v.chunk(2)
                v = without + guidance * (with_caption - without)
            x = scheduler.step(v, t, x).prev_sample
        finished.append(x.cpu())
    return (torch.cat(finished).permute(0, 2, 3, 1) / 2.0 + 0.5).clamp(0.0, 1.0)

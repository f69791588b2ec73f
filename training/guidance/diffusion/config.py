"""Configuration of guidance from a diffusion model, and published settings of it by name.

Defaults are the paper's (A16, A18). Weights of guidance are those of ``e_u + w (e - e_u)``; a
source that counts ``e + w' (e - e_u)`` has one less.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backend.protocol.errors import TrainingError

from ...prompts.views import ViewScheme
from .sds import Noise, Space, Weighting
from .timesteps import TimestepConfig

ModelPrecision = Literal["fp32", "fp16", "bf16"]
Offload = Literal["none", "model", "layers"]


@dataclass(frozen=True)
class DiffusionModelConfig:
    """How a diffusion model is held and run. It is never trained."""

    precision: ModelPrecision = "fp32"
    """Precision of its weights and activations. ``fp16`` and ``bf16`` halve memory, on a GPU."""
    device: str = ""
    """Where the diffusion model runs; empty: where the objects are."""
    variant: str = ""
    """Variant of the stored weights on the hub, such as ``fp16``: a smaller download."""
    revision: str = ""
    """Branch, tag or commit of the hub's repository; empty: its main branch."""
    offload: Offload = "none"
    """``model``: the UNet and the VAE are on the GPU only while they run. ``layers``: the UNet's
    layers one by one, much slower, with the least memory. Both need accelerate."""
    attention_slicing: bool = False
    """Attention a slice of the heads at a time: slower, less memory."""
    vae_slicing: bool = False
    """The VAE one image at a time: less memory."""
    vae_checkpointing: bool = False
    """The VAE's activations are computed again for the gradient instead of kept: less memory."""
    channels_last: bool = False
    """The UNet's memory layout; usually faster with half precision, on GPU and CPU."""
    compiled: bool = False
    """``torch.compile`` the UNet; the first steps take minutes."""
    batch: int = 0
    """Most images in one pass of the UNet; 0: all of a step at once."""
    image_size: int = 0
    """Pixels of the pictures the model sees; 0: the size it was trained on."""
    cache: Path | None = None
    """Folder of its text embeddings; ``diffusion-text`` in the cache folder by default."""
    cache_gib: float = 20.0
    """Size that folder may have; the longest unused go first. 0 keeps nothing on disk."""

    def __post_init__(self) -> None:
        if self.batch < 0 or self.image_size < 0 or self.cache_gib < 0:
            raise TrainingError(
                "the diffusion model's batch, image size and cache cannot be negative",
                "use 0 for the default",
            )


@dataclass(frozen=True)
class DiffusionGuidanceConfig:
    """Settings of score distillation (A18)."""

    weight: float = 100.0
    """Classifier-free guidance: ``e_u + weight (e - e_u)``. A step's condition
    ``guidance_weight`` replaces it, object by object (A31)."""
    t: TimestepConfig = field(default_factory=TimestepConfig)
    space: Space = "noise"
    """``noise``: the gradient is w(t) (eps_hat - eps); ``x0``: w(t) (x - x0_hat)."""
    weighting: Weighting = "dreamfusion"
    """w(t) by name; see :mod:`.sds`."""
    noise: Noise = "drawn"
    """``drawn``: another noise for every picture. ``fixed``: each prompt has one for the whole run,
    from all sides, so that the model always asks for the same one of all the objects that a caption
    may mean, and not for their mean (after flow score distillation, Yan et al. 2024, whose noise
    turns with the camera)."""
    clamp: bool = False
    """x0_hat is clamped to the range of images; needs space ``x0`` and a pixel model."""
    rescale: float = 0.0
    """Share of rescaled guidance (Lin et al. 2023), in the space of the gradient."""
    negative: str = ""
    """Negative prompt: stands in for the empty one."""
    views: ViewScheme | Literal["model", "none"] = "paper"
    """View words in the diffusion prompt (A16); ``model``: those of the captions that a model of
    our own was trained on."""
    blended: bool = False
    """Whether embeddings of two view words are mixed by azimuth between them (DreamFusion)."""
    perp_neg: bool = False
    """Views that the camera does not see as negative prompts, perpendicular to the prompt."""
    per_pixel: bool = True
    """The loss is a mean over pixels, as the regularizers are, instead of a sum. (The balance with
    the regularizers depends on it, and Adam's steps where gradients are not far above
    ``--optimizer.eps``.)"""
    normalise: bool = False
    """Each image's gradient has root mean square one (times ``per_pixel``'s factor)."""
    clip: float = 0.0
    """Bound on the root mean square of each image's gradient; 0: none."""

    def __post_init__(self) -> None:
        if self.weight < 0 or self.clip < 0 or not 0.0 <= self.rescale <= 1.0:
            raise TrainingError(
                "guidance weight and clip must not be negative, rescale must be from 0 to 1",
                "change --diffusion.weight, --diffusion.clip or --diffusion.rescale",
            )
        if self.clamp and self.space != "x0":
            raise TrainingError(
                "only a clean image can be clamped to the range of images",
                "set --diffusion.space x0 with --diffusion.clamp",
            )
        if self.perp_neg and self.views in ("none", "angles"):
            raise TrainingError(
                "Perp-Neg takes the other sides as negatives, so it needs words for them",
                "set --diffusion.views paper (or sided)",
            )


GUIDANCE_PRESETS: dict[str, DiffusionGuidanceConfig] = {
    # ATT3D 3.2, B.1.8: t ~ U(0.002, 1), guidance weight 100, DreamFusion's w(t).
    "att3d": DiffusionGuidanceConfig(),
    # DreamFusion 3.2 and appendix: weight 100 on e, t ~ U(0.02, 0.98), w(t) = sigma_t^2, view words
    # blended by azimuth, "overhead view" above 60 degrees.
    "dreamfusion": DiffusionGuidanceConfig(
        weight=101.0,
        t=TimestepConfig(low=(0.02, 0.02), high=(0.98, 0.98)),
        views="sided",
        blended=True,
    ),
    # threestudio configs/dreamfusion-if.yaml: DeepFloyd IF-I-XL, guidance_scale 20.
    "threestudio-if": DiffusionGuidanceConfig(
        weight=21.0, t=TimestepConfig(low=(0.02, 0.02), high=(0.98, 0.98))
    ),
    # threestudio configs/dreamfusion-sd.yaml: Stable Diffusion 2.1 base, guidance_scale 100.
    "threestudio-sd": DiffusionGuidanceConfig(
        weight=101.0, t=TimestepConfig(low=(0.02, 0.02), high=(0.98, 0.98))
    ),
    # MVDream (Shi et al. 2023), configs/mvdream-sd21.yaml: loss on x_0, guidance 50, rescaled by
    # 0.5, both bounds from 0.98 to 0.02 and 0.5 over 8,000 steps.
    "mvdream": DiffusionGuidanceConfig(
        weight=50.0,
        t=TimestepConfig(low=(0.98, 0.02), high=(0.98, 0.5), over_steps=8_000),
        space="x0",
        weighting="uniform",
        rescale=0.5,
    ),
    # Our own study with a 4M pixel model at 32 x 32: x - clamp(x0_hat) with unit weight, guidance
    # 4-5, t in [.02, .92] with the upper end annealed to .5.
    "small": DiffusionGuidanceConfig(
        weight=5.0,
        t=TimestepConfig(low=(0.02, 0.02), high=(0.92, 0.5)),
        space="x0",
        weighting="uniform",
        clamp=True,
        views="model",
    ),
}


def guidance_preset(name: str) -> DiffusionGuidanceConfig:
    """The settings called ``name``; raises ``TrainingError`` with the names there are."""
    try:
        return GUIDANCE_PRESETS[name]
    except KeyError:
        raise TrainingError(
            f"there is no guidance preset {name!r}",
            f"choose one of: {', '.join(GUIDANCE_PRESETS)}",
        ) from None

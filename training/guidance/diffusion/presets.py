"""Published settings of score distillation, by name, with their sources.

Weights are those of ``e_u + w (e - e_u)``; a source that counts ``e + w' (e - e_u)`` has one less.
"""

from __future__ import annotations

from backend.protocol.errors import TrainingError

from .config import DiffusionGuidanceConfig
from .timesteps import TimestepConfig

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
        views="sided",
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

"""Training runs by name. A preset states what it changes from the paper's defaults, and why.

``paper-*`` are the paper's runs as far as it describes them, for a GPU machine with access to the
hub; they have not been run here. The others are ours, for two CPU cores or one GPU.
"""

from __future__ import annotations

import dataclasses
import math

from backend.model.config import GridConfig, ModelConfig
from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig
from backend.rendering.lighting import DREAMFUSION_LIGHT

from .amortized.config import OptimizerConfig, TrainConfig
from .amortized.latents import LatentsConfig
from .assets import LibraryConfig
from .guidance.diffusion.config import DiffusionModelConfig, TimestepConfig, guidance_preset
from .guidance.mixed import GuidanceConfig
from .guidance.references import ReferencesConfig
from .prompts import FAMILIES
from .prompts.mix import Interpolation, InterpolationConfig
from .refinement.config import RefineConfig
from .rendering.config import Regularizer, RenderConfig

_DISTILLATION = GuidanceConfig(references=(0.0, 0.0), diffusion=(1.0, 1.0))

_PAPER = TrainConfig(
    prompts="pig64",
    paraphrase=0.0,
    text="ViT-L-14/openai",
    resident=True,
    model=ModelConfig(environment_spectral_norm=True, environment_pi=False),
    optimizer=OptimizerConfig(eps=1e-19),
    guidance=_DISTILLATION,
    diffusion_model="DeepFloyd/IF-I-XL-v1.0",
    diffusion_options=DiffusionModelConfig(precision="fp16", variant="fp16"),
    rendering=RenderConfig(
        soft=True,
        ambient=DREAMFUSION_LIGHT[0],
        diffuse=DREAMFUSION_LIGHT[1],
        negligible=0.0,
        fixed_shapes=True,
        orientation=Regularizer(1e-2),
        opacity=Regularizer(1e-3),
    ),
    precision="bf16",
    storage="float16",
    scoring="ViT-B-32/openai",
)


def _paper(name: str, **changes: object) -> TrainConfig:
    return dataclasses.replace(_PAPER, name=name, **changes)  # pyright: ignore[reportArgumentType]


def _paper_interpolation(kind: Interpolation) -> TrainConfig:
    """A28, A29: v = 2, 128 samples a ray, batch 16, kappa 2 for 5,000 steps and then 0.5."""
    return _paper(
        f"paper-interpolation-{kind}",
        prompts="tree-seasons",
        model=dataclasses.replace(_PAPER.model, latent=2),
        rendering=dataclasses.replace(_PAPER.rendering, samples=128),
        interpolation=InterpolationConfig(kind=kind, pairs="neighbours"),
        batch=16,
        steps=10_000,
    )


_TOYBOX_CAMERAS = CameraConfig(distance=(2.4, 3.2), focal=(1.1, 1.35), elevation=(-15.0, 60.0))
"""Closer to the toys than A13, whose cameras see mostly empty space around a ball of radius 1."""

_TOYBOX_MODEL = ModelConfig(
    tokens=32,
    width=128,
    latent=64,
    grid=GridConfig(support="ball"),
    hidden=(64,),
    gain=30.0,
    components=192,
    bound=1.0,
    density_scale=4.0,
    density_bias=40.0,
    environment=False,
)

_TOYBOX_ANIMALS = TrainConfig(
    name="toybox-animals",
    prompts="toybox",
    model=_TOYBOX_MODEL,
    optimizer=OptimizerConfig(mlp_lr=0.005, schedule="cosine"),
    references=ReferencesConfig(rays=128, samples=48, picture_every=4),
    cameras=_TOYBOX_CAMERAS,
    batch=32,
    steps=2_300,
)

_TOYBOX_TINY = dataclasses.replace(
    _TOYBOX_ANIMALS,
    name="toybox-tiny",
    prompts="pig64",
    model=dataclasses.replace(
        _TOYBOX_MODEL,
        latent=24,
        grid=GridConfig(resolutions=(9, 14, 22, 36), support="ball"),
        hidden=(32,),
        components=64,
    ),
    batch=16,
    steps=900,
    sheet_every=300,
)

_DISTILLED_CAMERAS = CameraConfig(distance=(2.9, 3.1), focal=(1.35, 1.45), elevation=(-10.0, 50.0))
"""Those of our diffusion model's pictures: its captions do not say how far the camera is."""

_TOYBOX_SDS = TrainConfig(
    name="toybox-sds",
    prompts="compose96",
    paraphrase=0.0,
    model=dataclasses.replace(
        _TOYBOX_TINY.model,
        latent=32,
        # Sharper than the paper's 1 and 10, which leave a haze at this many steps.
        density_scale=2.0,
        density_bias=20.0,
    ),
    # Where the paper's Adam (lr 0.1, beta1 0) was no better in a study, this was steadier.
    optimizer=OptimizerConfig(lr=0.03, mlp_lr=0.005, beta1=0.9, schedule="cosine"),
    guidance=_DISTILLATION,
    diffusion=guidance_preset("small"),
    diffusion_model="runs/diffusion-cpu32/model",
    rendering=RenderConfig(
        size=32,
        samples=40,
        full=0.7,
        textureless=0.0,
        albedo=0.3,
        background="random",
        opacity=Regularizer(1e-3),
        entropy=Regularizer(2e-2, first=0.0, ramp=(0.1, 0.6)),
    ),
    cameras=_DISTILLED_CAMERAS,
    batch=8,
    steps=2_000,
    sheet_every=500,
)
"""Score distillation on two cores, with the settings of a study: gradients in the space of clean
images, a small guidance weight, t annealed, random solid backgrounds."""

_TOYBOX_SDS_64 = dataclasses.replace(
    _TOYBOX_SDS,
    name="toybox-sds-64",
    model=dataclasses.replace(_TOYBOX_MODEL, latent=32, components=64, density_scale=2.0),
    # LATTE3D's order, in one run: references, then distillation. Without what is left of the
    # references eyes fade; ten times as much, and captions that were not trained gain nothing.
    guidance=GuidanceConfig(references=(1.0, 0.03), diffusion=(0.0, 1.0), during=(0.5, 0.5)),
    diffusion=dataclasses.replace(
        _TOYBOX_SDS.diffusion, t=TimestepConfig(low=(0.02, 0.02), high=(0.92, 0.35))
    ),
    diffusion_model="runs/diffusion-cpu64/model",
    rendering=dataclasses.replace(_TOYBOX_SDS.rendering, size=64, samples=48),
    steps=1_200,
    sheet_every=300,
)
"""64 x 64 pictures on two cores, by the diffusion model that the preset ``cpu64`` makes; from
scratch with ``--guidance.references 0 0 --guidance.diffusion 1 1`` and more steps."""

_TOYBOX_SDS_GPU = dataclasses.replace(
    _TOYBOX_SDS,
    name="toybox-sds-gpu",
    prompts="toybox",
    model=dataclasses.replace(_TOYBOX_MODEL, density_scale=2.0, density_bias=20.0),
    diffusion_model="runs/diffusion-gpu64/model",
    diffusion_options=DiffusionModelConfig(precision="bf16", channels_last=True),
    rendering=dataclasses.replace(_TOYBOX_SDS.rendering, size=64, samples=64),
    precision="bf16",
    batch=64,
    steps=15_000,
    sheet_every=1_000,
)
"""The same at 64 x 64 on one GPU. Not run: no GPU was at hand."""


def _toybox_chain(prompts: str) -> TrainConfig:
    """A chain of prompts whose in-between toys are known (A27-A30), in a file of a few MiB.

    The middle of a chain's stretch is a toy of its own rather than a cross-fade: v is wide enough
    (4 for at most 4 prompts) for the path through it to bend.
    """
    return dataclasses.replace(
        _TOYBOX_ANIMALS,
        name=prompts,
        prompts=prompts,
        model=dataclasses.replace(_TOYBOX_MODEL, latent=4, components=8),
        interpolation=InterpolationConfig(
            kind="truth", kappa=(1.0, 0.5), kappa_until=(400,), pairs="neighbours"
        ),
        batch=8,
        steps=1_000,
        sheet_every=500,
        watched=4,
    )


_LIBRARY = dataclasses.replace(
    _TOYBOX_ANIMALS,
    name="library",
    prompts="library",
    assets=LibraryConfig(),
    # With 163 models a second layer and twice the weight bring unseen colors 1 dB nearer.
    latents=LatentsConfig(own=True, second=2048, imagined_weight=1.0),
    # Opaque where it is as thin as a sheet, whose middle is 2 cm from its surface: .92 of the light
    # is stopped there, where a factor of 4 stops .65.
    model=dataclasses.replace(_TOYBOX_MODEL, latent=96, density_scale=16.0, proportions=64),
    batch=24,
    steps=1_200,
    sheet_every=300,
    watched=8,
)
"""Somebody's own models, ``--library LIB``; ``library_preset`` fits it to how many there are."""


_MANY = 200
"""Models that a v of 96, with 58 vertices an axis 58 MB of weights, still carries."""
_FEW = 30
"""Models that are learnt well enough in a part of the visits, so that the rest may go between."""


def library_preset(folder: str) -> TrainConfig:
    """The settings for the library in ``folder``: wider and longer with more models.

    A study with 203 models remembers them with 24 models a step in 750 steps: 90 visits a model.
    Where a file of 64 MiB has no room for both, many components on a coarser grid keep more of the
    models than few on a fine one (``benchmarks/library_rank.py``). Each model has a part of v of
    its own (``amortized/latents.py``): with 1,366 models text through a linear layer left out more
    of them than the grids did, and ten share 290 prompts with their copies.

    Raises:
        TrainingError: there is no library in the folder.
    """
    assets = LibraryConfig(folder=folder)
    models = len(assets.open().index.entries)
    many = models > _MANY
    latent = min(max(8 * math.ceil(0.6 * models / 8), 32), 232 if many else 96)
    grid = _LIBRARY.model.grid
    # With 1,366 models the second layer was not fitted to its end in the time that it had.
    latents = LatentsConfig(own=True) if many else _LIBRARY.latents
    between = InterpolationConfig()
    if 1 < models <= _FEW:
        # Shares of all sizes alike: nothing on the way from one model to another is left out.
        between = InterpolationConfig(kind="truth", share=0.25, kappa=(1.0,), kappa_until=())
        latents = dataclasses.replace(latents, between=0.5)
    return dataclasses.replace(
        _LIBRARY,
        assets=assets,
        model=dataclasses.replace(
            _LIBRARY.model,
            latent=latent,
            components=2 * latent,
            grid=dataclasses.replace(grid, resolutions=(9, 14, 22, 44)) if many else grid,
        ),
        references=dataclasses.replace(_LIBRARY.references, points=2048, rays=64)
        if many
        else _LIBRARY.references,
        latents=latents,
        interpolation=between,
        batch=48 if many else min(max(models, 4), 24),
        steps=50 * math.ceil(3.5 * models / 50) + 950,
    )


FINETUNE = dataclasses.replace(
    _TOYBOX_ANIMALS,
    name="finetune",
    # The paper's rate: in 100 steps it takes a thing that the checkpoint does not know from 12 to
    # 23 dB, and a known one from 32.3 to 33.8; a tenth of it, to 12 and 33.4.
    optimizer=OptimizerConfig(lr=0.1, mlp_lr=0.0, beta1=0.9, schedule="cosine"),
    references=ReferencesConfig(rays=256, samples=64, points=8192, other_share=0.0),
    batch=4,
    steps=200,
    sheet_every=100,
    watched=1,
)
"""What ``finetune`` starts from (A25): four views a step of its one prompt."""

REFINE = RefineConfig(
    name="refine",
    guidance=FINETUNE.guidance,
    optimizer=FINETUNE.optimizer,
    rendering=RenderConfig(size=128, background="random"),
    cameras=FINETUNE.cameras,
    batch=4,
    steps=300,
    save_every=50,
    sheet_every=100,
)
"""What ``refine`` starts from (A26): four views a step of its one prompt."""

PRESETS: dict[str, TrainConfig] = {
    config.name: config
    for config in (
        _TOYBOX_ANIMALS,
        _TOYBOX_TINY,
        *(_toybox_chain(name) for name in FAMILIES),
        _LIBRARY,
        _TOYBOX_SDS,
        _TOYBOX_SDS_64,
        _TOYBOX_SDS_GPU,
        _paper("paper-df27", prompts="df27.txt", batch=256, steps=13_000),
        _paper("paper-df411", prompts="dreamfusion_prompts.json", batch=256, steps=100_000),
        _paper("paper-pig", prompts="pig64", batch=128, steps=40_000),
        _paper("paper-animal", prompts="animal1200", batch=128, steps=40_000),
        _paper(
            "paper-per-prompt", prompt="a pig riding a bike wearing a tophat", batch=32, steps=8_000
        ),
        _paper(
            "paper-finetune",
            prompt="a pig riding a bike wearing a tophat",
            tuned="decoder",
            batch=32,
            steps=8_000,
        ),
        *(
            _paper_interpolation(kind)
            for kind in ("none", "latent", "loss", "bernoulli", "guidance")
        ),
    )
}
"""DreamFusion's prompts come from a file, see docs/training.md; ``paper-per-prompt`` is run with
``--prompt``."""


def preset(name: str) -> TrainConfig:
    """The configuration called ``name``; raises ``TrainingError`` with the names there are."""
    try:
        return PRESETS[name]
    except KeyError:
        raise TrainingError(
            f"there is no preset {name!r}", f"choose one of: {', '.join(PRESETS)}"
        ) from None

"""Settings of ``python -m training diffusion``, and presets by name."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig
from backend.rendering.lighting import LightConfig

from ..prompts.views import ViewScheme
from ..runs.folder import run_folder
from ..runs.precision import Precision
from ..runs.ranges import within
from .model import UNetConfig


@dataclass(frozen=True)
class DataConfig:
    """Captioned pictures: toybox renders made as training goes."""

    prompts: str = "compose96"
    """A prompt set of the toybox."""
    split: Literal["all", "seen"] = "all"
    """``all``: a general prior that knows every composition of the set, as the paper's diffusion
    model does, also those that ATT3D never sees. ``seen``: only those that ATT3D trains on."""
    views: ViewScheme = "sided"
    """View words in the captions (A16)."""
    without_view: float = within(0.05, 0.0, 1.0)
    """Share of the captions that leave the view words out."""
    paraphrase: float = within(0.25, 0.0, 1.0)
    """Share of the captions that are said in other words."""
    dropout: float = within(0.12, 0.0, 1.0)
    """Share of the captions that are empty: what guidance subtracts."""
    cameras: CameraConfig = field(
        default_factory=lambda: CameraConfig(
            distance=(2.9, 3.1), focal=(1.35, 1.45), elevation=(-10.0, 50.0)
        )
    )
    """Narrow: the toy fills the picture, and its size is not left to guess."""
    lights: LightConfig = field(default_factory=LightConfig)
    """The paper's point light (A14)."""
    albedo_share: float = within(0.3, 0.0, 1.0)
    """Share of the pictures without light (A15); the others are shaded."""
    supersample: int = within(2, 1, 16)
    """Pictures are rendered so many times larger and averaged."""
    bank: int = within(12, 1, 100_000)
    """Chunks of views that are drawn from at a time."""
    chunk: int = within(512, 1, 1_000_000)
    """Views in each chunk."""
    refresh: int = 64
    """Steps after which a new chunk replaces the oldest; 0: never."""

    @property
    def problem(self) -> str | None:
        """What is wrong with the settings together, or None."""
        if (self.views == "close") == (self.cameras.close > 0.0):
            return None
        return "close-ups (cameras.close) and words for them (views close) need each other"


@dataclass(frozen=True)
class DiffusionConfig:
    """One training run of our own diffusion model."""

    name: str = "diffusion"
    unet: UNetConfig = field(default_factory=UNetConfig)
    data: DataConfig = field(default_factory=DataConfig)
    text: str = "small"
    """``small`` (the text tower trained here), or another such tower's .safetensors."""
    start: Path | None = None
    """A finished model's folder to go on from: its network, which has the same shape, and its text
    tower, whatever ``text`` says."""
    noise: Literal["cosine", "linear"] = "cosine"
    zero_terminal_snr: bool = False
    """Rescale the schedule so that its last level is nothing but noise (Lin et al. 2024). The
    cosine schedule ends there anyway, to within 5e-5 of the signal."""
    batch: int = within(32, 1, 1_000_000)
    steps: int = within(4_000, 1, 10**9)
    lr: float = within(1e-3, 0.0, 1e6)
    warmup: int = 100
    """Steps of rising rate."""
    cool: float = within(0.4, 0.0, 1.0)
    """The last share of the steps, in which the rate falls to zero (a cosine)."""
    weight_decay: float = within(0.01, 0.0, 1e6)
    beta2: float = within(0.99, 0.0, 0.999999)
    clip: float = within(1.0, 1e-9, 1e9)
    """Largest norm of a gradient."""
    ema: float = within(0.999, 0.0, 1.0)
    """Decay of the average of weights that is saved and sampled; it starts short and grows."""
    min_snr: float = within(5.0, 0.0, 1e9)
    """Loss weights after Hang et al. 2023 (this is their gamma); 0: every v counts the same."""
    precision: Precision = "auto"
    """What the network's products are computed in; see :mod:`..runs.precision`."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``mps``."""
    compiled: bool = True
    """Render with torch.compile: many times faster; needs a C++ compiler."""
    compiled_unet: bool = False
    """Compile the network as well: pays on a GPU."""
    seed: int = within(0, 0, 2**40)
    run: Path | None = None
    """Folder of the run: state, model, logs, pictures; runs/NAME by default."""
    resume: bool = True
    """Go on from the run folder's state if there is one."""
    save_every: int = within(200, 1)
    """Steps between saves of the whole state."""
    sheet_every: int = within(500, 1)
    """Steps between sample sheets, figures, and snapshots of the model's folder."""
    watched: int = within(8, 1, 1000)
    """Prompts in a sheet."""
    scored: int = within(48, 1)
    """Samples whose caption the scoring CLIP looks up, at every sheet."""

    @property
    def folder(self) -> Path:
        return run_folder(self.run, self.name)

    def as_json(self) -> dict[str, object]:
        """The settings as JSON-ready values, for the recipe and for comparing runs."""
        return json.loads(json.dumps(dataclasses.asdict(self), default=str))

    @property
    def model_folder(self) -> Path:
        """The diffusers folder: the newest snapshot, at last the finished model."""
        return self.folder / "model"


PRESETS: dict[str, DiffusionConfig] = {
    # Two cores: four million parameters, under half an hour.
    "cpu32": DiffusionConfig(name="diffusion-cpu32", steps=4_800, sheet_every=600),
    # 64 x 64 pictures on two cores: blocks of 4 x 4 pixels, so that the network works on 16 x 16
    # positions, as cpu32's does.
    "cpu64": DiffusionConfig(
        name="diffusion-cpu64",
        unet=UNetConfig(size=64, patch=4, channels=(96, 128, 128)),
        steps=4_800,
        sheet_every=600,
    ),
    # One large GPU.
    "gpu64": DiffusionConfig(
        name="diffusion-gpu64",
        unet=UNetConfig(
            size=64,
            patch=2,
            channels=(128, 192, 256),
            attention=(False, True, True),
            layers=2,
            heads=8,
            groups=32,
        ),
        data=DataConfig(prompts="toybox", bank=32, chunk=2048, refresh=32),
        batch=256,
        steps=20_000,
        lr=5e-4,
        warmup=500,
        compiled_unet=True,
        save_every=500,
        sheet_every=1_000,
    ),
    # Tests: seconds.
    "tiny": DiffusionConfig(
        name="diffusion-tiny",
        unet=UNetConfig(
            size=16, patch=2, channels=(16, 16), attention=(False, True), heads=2, groups=4
        ),
        data=DataConfig(supersample=1, bank=2, chunk=16, refresh=3),
        batch=4,
        steps=8,
        warmup=2,
        precision="fp32",
        compiled=False,
        save_every=2,
        sheet_every=8,
        watched=2,
        scored=2,
    ),
}


def preset(name: str) -> DiffusionConfig:
    """The configuration called ``name``; raises ``TrainingError`` with the names there are."""
    try:
        return PRESETS[name]
    except KeyError:
        raise TrainingError(
            f"there is no preset {name!r}", f"choose one of: {', '.join(PRESETS)}"
        ) from None

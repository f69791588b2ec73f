"""Configuration of a training run. Defaults are the paper's where it has one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backend.model.config import ModelConfig
from backend.rendering.cameras import CameraConfig

from ..assets import AnyAssets, ToyboxConfig
from ..guidance.diffusion.config import DiffusionGuidanceConfig, DiffusionModelConfig
from ..guidance.mixed import GuidanceConfig
from ..guidance.references import ReferencesConfig
from ..prompts.mix import InterpolationConfig
from ..rendering.config import RenderConfig
from ..runs.folder import run_folder
from ..runs.optimizer import OptimizerConfig
from ..runs.ranges import within
from .latents import LatentsConfig

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class TrainConfig:
    """One training run."""

    name: str = "run"
    assets: AnyAssets = field(default_factory=ToyboxConfig)
    """The reference assets that prompts and their truth are from."""
    prompts: str = "toybox"
    """A prompt set's name, or a file (one prompt a line, or JSON; FILE.json#NAME for one of several
    lists)."""
    prompt: str = ""
    """One prompt in place of a set: a model of its own (A24)."""
    paraphrase: float = within(0.5, 0.0, 1.0)
    """Share of the visits in which a prompt is said in other words."""
    text: str = "small"
    """``small`` (the text tower trained here), or an open_clip model such as ViT-L-14/openai."""
    word_meaning: float = within(0.0, 0.0, 1.0)
    """The share, in the rows of words that are new to the small tower, of what the words mean:
    words that mean alike begin alike (``backend/text/word_meanings.py``)."""
    start: Path | None = None
    """A checkpoint whose weights the run begins with; its model's configuration and text encoder
    are the run's, but for ``model.density_scale``."""
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    latents: LatentsConfig = field(default_factory=LatentsConfig)
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    references: ReferencesConfig = field(default_factory=ReferencesConfig)
    diffusion: DiffusionGuidanceConfig = field(default_factory=DiffusionGuidanceConfig)
    diffusion_model: str = ""
    """A hub name or a folder of a diffusion pipeline: Stable Diffusion, DeepFloyd IF stage I, or
    one made by ``python -m training diffusion``."""
    diffusion_options: DiffusionModelConfig = field(default_factory=DiffusionModelConfig)
    rendering: RenderConfig = field(default_factory=RenderConfig)
    interpolation: InterpolationConfig = field(default_factory=InterpolationConfig)
    cameras: CameraConfig = field(default_factory=CameraConfig)
    batch: int = within(32, 1, 1_000_000)
    """Prompts in each step, over all processes (A12)."""
    accumulate: int = within(1, 1, 1_000_000)
    """Parts that a process's share of the batch is computed in, one after the other: less memory,
    the same update."""
    steps: int = within(10_000, 1, 10**9)
    seed: int = within(0, 0, 2**40)
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``mps``."""
    accelerator: str = "auto"
    """What computes grid and MLP: ``torch``, ``tinycudann`` (a CUDA GPU with the package), or
    ``auto``, which is tinycudann where it is installed."""
    compiled: bool = True
    """Trace the references with torch.compile: several times faster; needs a C++ compiler."""
    precision: Precision = "fp32"
    """``bf16``: autocast, for a GPU."""
    tf32: bool = True
    """Matrix products in TF32 on a GPU that has it, where they are in single precision; never those
    of text, mapping network and mixes of prompts."""
    compile_mlp: bool = False
    """Trace the NeRF MLP with torch.compile; for a GPU. Not with tinycudann."""
    run: Path | None = None
    """Folder of the run: state, logs, pictures; runs/NAME by default."""
    resume: bool = True
    """Go on from the run folder's state if there is one."""
    save_every: int = within(250, 1)
    """Steps between saves of the whole state."""
    sheet_every: int = within(500, 1)
    """Steps between contact sheets and figures on seen and unseen prompts."""
    sheet_first: bool = False
    """A contact sheet and figures before the first step, too: what the start is worth (A35)."""
    watched: int = within(6, 1, 1000)
    """Seen and unseen prompts in a contact sheet."""
    scored: int = 0
    """Seen and unseen prompts that the figures of a contact sheet's step are over; 0: those that
    it shows."""
    scoring: str = "bundled"
    """The CLIP that measures R-precision while the run trains: ``bundled``, a file, an open_clip
    model such as ViT-B-32/openai, or ``none``."""
    resident: bool = False
    """Embed the whole set once and keep it on the device (A9; 237 kB a prompt with ViT-L/14);
    prompts are not said in other words then. Otherwise a step's prompts are embedded, or read from
    disk, as it comes."""
    tuned: Literal["offset", "decoder"] = "offset"
    """What fine-tuning trains (A25): the offset on the mapping network's output alone, or with it
    the MLP and the environment map, as in B.1.13."""
    storage: Literal["int8", "float16", "float32"] = "int8"
    """How the finished checkpoint stores the mapping network's output layer."""

    @property
    def folder(self) -> Path:
        return run_folder(self.run, self.name)


def config_as_json(config: TrainConfig) -> dict[str, object]:
    """``config`` as JSON-ready values, for a checkpoint's recipe and for comparing runs."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    return {str(k): plain(v) for k, v in dataclasses.asdict(config).items()}

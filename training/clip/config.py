"""Settings of ``python -m training clip``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..runs.precision import Precision
from ..runs.ranges import within

Preset = Literal["conditioning", "scoring"]


@dataclass(frozen=True)
class ClipShape:
    """The two towers, in open_clip's terms."""

    image_size: int
    """Pixels; a multiple of 32 (the ResNet's stride)."""
    blocks: tuple[int, int, int, int]
    """Bottleneck blocks in the four stages of open_clip's ModifiedResNet."""
    vision_width: int
    """Channels after the stem; the last stage has 32 times as many."""
    context: int
    """Words of a caption, and one for the summary."""
    text_width: int
    text_layers: int
    text_heads: int
    features: int
    """Width of the shared space."""


SHAPES: dict[Preset, ClipShape] = {
    # The text tower matters, and 32 x 128 numbers are what the mapping network flattens. Pictures
    # of 32 pixels leave this ResNet 8 x 8 positions: too few to tell what a toy holds.
    "conditioning": ClipShape(
        image_size=64,
        blocks=(1, 1, 1, 1),
        vision_width=24,
        context=32,
        text_width=128,
        text_layers=2,
        text_heads=4,
        features=128,
    ),
    # The image tower matters: deeper, narrower, with the larger shared space.
    "scoring": ClipShape(
        image_size=64,
        blocks=(2, 3, 2, 1),
        vision_width=20,
        context=24,
        text_width=96,
        text_layers=2,
        text_heads=6,
        features=192,
    ),
}

_ASSETS = Path(__file__).parent.parent / "weights"
OUTPUTS: dict[Preset, Path] = {
    "conditioning": _ASSETS / "text_tower.safetensors",
    "scoring": _ASSETS / "scoring_clip.safetensors",
}
_MOST_BYTES = 1 << 40
"""A bank is held in memory."""
SEEDS: dict[Preset, int] = {"conditioning": 1, "scoring": 2}


@dataclass(frozen=True)
class BankConfig:
    """Pictures rendered once, before training; both presets can share a folder."""

    folder: Path = Path("out/clip-bank")
    """Holds finished shards; rendering continues where it stopped."""
    size: int = within(64, 1, 1024)
    """Pixels along a picture's edge."""
    views: int = within(16384, 1)
    """Random views, spread evenly over the captions."""
    held_out: int = within(256, 1)
    """Captions whose four fixed views (front, left, back, right) measure retrieval."""
    shard: int = within(1024, 1)
    """Views in each file."""
    seed: int = within(0, 0, 2**40)

    @property
    def problem(self) -> str | None:
        """What is wrong with the numbers together, or None."""
        needed = self.views * 4 * self.size**2
        if needed <= _MOST_BYTES:
            return None
        return f"{self.views} views of {self.size} pixels are {needed / 2**40:,.0f} TiB of pictures"


@dataclass(frozen=True)
class ClipTrainConfig:
    """Contrastive training on toybox captions and renders."""

    preset: Preset = "conditioning"
    """Which of the two models to make."""
    output: Path | None = None
    """Where the finished model goes; None: training/weights/."""
    run: Path | None = None
    """Log and resumable state; None: out/clip-PRESET."""
    minutes: float = within(12.0, 1e-3, 1e6)
    """Time for training, the bank not included; the learning rate reaches zero at its end."""
    steps: int | None = within(None, 1, 10**9)
    """Exactly so many steps instead: repeatable to the last bit on one machine."""
    batch: int = within(128, 2, 1_000_000)
    """Pairs a step; every one is a negative of all the others."""
    learning_rate: float = within(2e-3, 0.0, 1e30)
    weight_decay: float = within(0.05, 0.0, 1e6)
    warmup: int = 25
    """Steps of rising learning rate."""
    hard_negatives: float = within(0.5, 0.0, 1.0)
    """Part of a batch drawn in groups that differ in a single attribute."""
    paraphrases: float = within(0.5, 0.0, 1.0)
    """Part of the captions that are paraphrased; the others are the template's."""
    unknown_words: float = within(0.15, 0.0, 1.0)
    """Part of the captions that get one unknown word, so that the tower learns to pass over it."""
    backgrounds: float = within(0.2, 0.0, 1.0)
    """Part of the pictures on a random solid color; the others are on white."""
    precision: Precision = "auto"
    """What the towers' products are computed in; see :mod:`..runs.precision`."""
    seed: int | None = within(None, 0, 2**40)
    """None: the preset's own."""
    save_every: int = within(100, 1)
    """Steps between resumable states (and retrieval measurements)."""
    resume: bool = True
    """Continue the run folder's state if there is one."""
    bank: BankConfig = field(default_factory=BankConfig)

    @property
    def output_path(self) -> Path:
        return OUTPUTS[self.preset] if self.output is None else self.output

    @property
    def run_folder(self) -> Path:
        return Path("out") / f"clip-{self.preset}" if self.run is None else self.run

    @property
    def random_seed(self) -> int:
        return SEEDS[self.preset] if self.seed is None else self.seed

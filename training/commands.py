"""The commands of ``python -m training``: one dataclass each, whose fields are its options.

Options of a run are those of its configuration. ``--preset`` names the configuration that the other
options change, so it is read first; everything else is tyro's.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol, cast

import tyro

from backend.protocol.errors import BadRequest
from backend.protocol.schema import to_json

from .amortized.config import TrainConfig
from .assets import LibraryConfig
from .clip.config import ClipTrainConfig
from .diffusion.config import PRESETS as DIFFUSION_PRESETS
from .diffusion.config import DiffusionConfig
from .diffusion.config import preset as diffusion_preset
from .library.build import LibraryOptions
from .options import (
    CheckpointFile,
    DiffusionPresetName,
    Flag,
    LibraryFolder,
    PresetName,
    Presets,
    parse_options,
)
from .presets import FINETUNE, REFINE
from .refinement.config import RefineConfig
from .runs.ranges import check_ranges, within


class Command(Protocol):
    """What a command line says is to be done."""

    def run(self) -> None:
        """Do it. Raises: errors of :mod:`backend.protocol.errors`."""
        ...


@dataclass(frozen=True)
class Train:
    """Train a model on a prompt set: train --preset toybox-animals"""

    preset: PresetName = ""
    diffusion_preset: DiffusionPresetName = ""
    library: LibraryFolder = None
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)

    @classmethod
    def with_presets(cls, chosen: Presets) -> Train:
        if chosen.library is not None and not chosen.preset:
            chosen = dataclasses.replace(chosen, preset="library")
        return cls(config=chosen.start(TrainConfig()))

    def run(self) -> None:
        from .amortized.run import train

        if isinstance(self.config.assets, LibraryConfig):
            model = self.config.model
            _print_once(
                f"library: v = {model.latent}, {model.components} components,"
                f" {self.config.steps} steps of {self.config.batch} prompts"
            )
        _print_once(f"checkpoint: {train(self.config)}")


@dataclass(frozen=True)
class _OnePrompt:
    """Commands that go on from a checkpoint with one prompt."""

    checkpoint: CheckpointFile
    """The checkpoint to go on from."""
    diffusion_preset: DiffusionPresetName = ""
    library: LibraryFolder = None

    @staticmethod
    def _require_prompt(config: TrainConfig, command: str) -> None:
        if not config.prompt:
            raise BadRequest(
                f"{command} needs a checkpoint and a prompt",
                f'usage: python -m training {command} CHECKPOINT --prompt "a pig" [options]',
            )


@dataclass(frozen=True)
class Finetune(_OnePrompt):
    """Train a checkpoint on one prompt: finetune CHECKPOINT --prompt "a pig" """

    preset: PresetName = ""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = FINETUNE

    @classmethod
    def with_presets(cls, chosen: Presets) -> Finetune:
        return cls(tyro.MISSING, config=chosen.start(FINETUNE))

    def run(self) -> None:
        self._require_prompt(self.config, "finetune")
        from .amortized.one_prompt import finetune

        _print_once(f"checkpoint: {finetune(self.checkpoint, self.config.prompt, self.config)}")


@dataclass(frozen=True)
class Refine(_OnePrompt):
    """Refine the mesh of one prompt: refine CHECKPOINT --prompt "a pig" """

    config: Annotated[RefineConfig, tyro.conf.arg(name="")] = REFINE

    @classmethod
    def with_presets(cls, chosen: Presets) -> Refine:
        chosen = dataclasses.replace(chosen, preset="")
        return cls(tyro.MISSING, config=cast(RefineConfig, chosen.start(REFINE)))

    def run(self) -> None:
        self._require_prompt(self.config, "refine")
        from .refinement.run import refine

        _print_once(f"mesh: {refine(self.checkpoint, self.config.prompt, self.config)}")


@dataclass(frozen=True)
class Evaluate:
    """Figures of a checkpoint: PSNR, silhouettes, R-precision."""

    checkpoint: CheckpointFile
    """The checkpoint to measure."""
    prompts: str = ""
    """A prompt set, or a file of prompts; those that it was trained on by default."""
    library: LibraryFolder = None
    count: int = within(100, 0)
    """Prompts of each kind, evenly chosen; 0: all."""
    size: int = within(64, 4, 1024)
    """Pixels of a picture's side. Figures at other sizes than 64 are other figures."""
    scoring: str | None = None
    """The CLIP that scores: the bundled one (as a rule), a file that ``clip --preset scoring``
    wrote, any open_clip model (ViT-B-32/openai, hf-hub:OWNER/REPOSITORY, a folder), or none."""
    queries: tuple[str, ...] = ()
    """Files or sets of further prompts among which each prompt must be found: DF411 for DF27."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``mps``."""
    json: Flag = False
    """Print one JSON object and nothing else."""
    record: Flag = False
    """Keep the figures in the checkpoint's metadata."""
    compiled: Flag = False
    """Render the references with torch.compile: worth it from a few hundred prompts on."""

    def run(self) -> None:
        check_ranges(self)
        from .amortized.evaluate_command import evaluate_checkpoint, figures_table

        result = evaluate_checkpoint(
            self.checkpoint,
            self.prompts,
            library=self.library,
            count=self.count,
            size=self.size,
            scoring=self.scoring,
            queries=self.queries,
            device=self.device,
            compiled=self.compiled,
            record=self.record,
        )
        print(to_json(result, ascii=True) if self.json else figures_table(result))


@dataclass(frozen=True)
class Sheet:
    """Draw what a checkpoint makes of some prompts."""

    checkpoint: CheckpointFile
    """The checkpoint to look at."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("sheet.png")
    """The picture to write."""
    prompts: str = ""
    """A prompt set, or a file of prompts; those that it was trained on by default."""
    library: LibraryFolder = None
    count: int = within(4, 1, 100)
    """Seen and unseen prompts, evenly chosen."""
    seed: int | None = None
    """Draw this many prompts at random from the whole set instead, by this seed."""
    tile: int = within(160, 8, 4096)
    """Pixels of a picture's side."""
    across: int = within(0, 0, 100)
    """Prompts side by side, the others below; 0: all."""
    alone: bool = False
    """Draw no references, so that no library is needed. The prompts are those of a file, or all
    that the checkpoint knows."""

    def run(self) -> None:
        check_ranges(self)
        from backend.export.files import check_ending, check_folder
        from backend.model.checkpoint import load_checkpoint

        from .amortized.evaluation import evenly
        from .assets import prompts_of
        from .figures.checkpoint_sheet import checkpoint_sheet, prompts_known
        from .prompts import read_prompts
        from .rendering.contact_sheet import FORMATS

        check_ending(self.output, tuple(FORMATS), "sheet")
        check_folder(self.output)
        checkpoint = load_checkpoint(self.checkpoint)
        metadata = checkpoint.metadata
        if self.alone:
            collection = None
            prompts = read_prompts(self.prompts) if self.prompts else prompts_known(metadata)
        else:
            collection, prompts = prompts_of(metadata.recipe, self.prompts, self.library)
        if self.seed is None:
            chosen = evenly(prompts.seen, self.count) + evenly(prompts.unseen, self.count)
        else:
            every = range(len(prompts.prompts))
            chosen = random.Random(self.seed).sample(every, min(self.count, len(every)))
        checkpoint_sheet(
            self.output,
            checkpoint,
            prompts,
            chosen,
            collection,
            tile=self.tile,
            across=self.across,
        )
        print(self.output)


@dataclass(frozen=True)
class Compact:
    """Leave out of a checkpoint what no object needs."""

    checkpoint: CheckpointFile
    """The checkpoint to make smaller."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The file to write; without one, the checkpoint itself is replaced."""
    decibels: float = 46.0
    """Least PSNR between a picture before and after."""

    def run(self) -> None:
        from .amortized.compact import compact
        from .amortized.evaluation import EQUAL

        output = self.output or self.checkpoint
        done = compact(self.checkpoint, output, decibels=self.decibels)
        changed = (
            f"the picture that changed most at {done.decibels:.1f} dB"
            if done.decibels < EQUAL
            else "no picture changed"
        )
        print(
            f"{output}: {done.after / 2**20:.1f} MiB instead of {done.before / 2**20:.1f};"
            f" {done.left_out:.0%} of the vertices left out, {changed}"
        )


@dataclass(frozen=True)
class Prompts:
    """List the prompt sets, or one set: prompts animal1200"""

    name: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="SET")] = None
    """A set's name or a file; without one, all sets are listed."""
    split: Literal["all", "seen", "unseen"] = "all"
    """Which of its prompts."""

    def run(self) -> None:
        from .prompts import prompt_set, prompt_set_names

        if self.name is None:
            for name in prompt_set_names():
                found = prompt_set(name)
                print(
                    f"{name:12} {len(found.prompts):6} prompts, {len(found.seen):6} seen,"
                    f" {len(found.unseen):6} unseen"
                )
            return
        found = prompt_set(self.name)
        wanted = {"seen": found.seen, "unseen": found.unseen}
        for index in wanted.get(self.split, range(len(found.prompts))):
            print(found.prompts[index])


@dataclass(frozen=True)
class Clip:
    """Train a small CLIP: clip --preset conditioning"""

    library: LibraryFolder = None
    config: Annotated[ClipTrainConfig, tyro.conf.arg(name="")] = field(
        default_factory=ClipTrainConfig
    )

    def run(self) -> None:
        from .clip import train_clip

        if self.library is None:
            train_clip(self.config)
            return
        from .clip.library_source import LibrarySource

        # The bundled files are the toybox's: a library's stay in the folder of the run.
        name = f"{self.library.resolve().name}-{self.config.preset}"
        run = self.config.run or Path("runs") / f"clip-{name}"
        output = self.config.output or run / f"{name}.safetensors"
        config = dataclasses.replace(self.config, run=run, output=output)
        train_clip(config, LibrarySource(self.library))
        _print_once(f"CLIP: {output}")


@dataclass(frozen=True)
class Diffusion:
    """Train a diffusion model on toybox renders: diffusion --preset cpu32"""

    preset: Annotated[
        str, tyro.conf.arg(metavar="NAME", help=f"One of {', '.join(DIFFUSION_PRESETS)}.")
    ] = ""
    config: Annotated[DiffusionConfig, tyro.conf.arg(name="")] = field(
        default_factory=DiffusionConfig
    )

    @classmethod
    def with_presets(cls, chosen: Presets) -> Diffusion:
        name = chosen.preset
        return cls(config=diffusion_preset(name) if name else DiffusionConfig())

    def run(self) -> None:
        from .diffusion.run import train_diffusion

        print(f"diffusion model: {train_diffusion(self.config)}")


@dataclass(frozen=True)
class Library:
    """Make a library of your own models: library MODELS... -o LIB"""

    config: Annotated[LibraryOptions, tyro.conf.arg(name="")] = field(
        default_factory=LibraryOptions
    )

    def run(self) -> None:
        from .library.build import build
        from .library.report import printed, write_report

        if not self.config.inputs:
            raise BadRequest(
                "library needs files, folders or zips of models",
                "usage: python -m training library MODELS... -o LIB",
            )
        index = build(self.config)
        written = write_report(self.config.output, index)
        print(printed(index, self.config.output))
        print(f"library: {self.config.output}; look at {written[0]}")


@dataclass(frozen=True)
class Figure:
    """Make a figure of the paper with its runs: figure kappa --scale cpu -- --steps 100"""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """The figure, such as grid-pig or quality-pig; docs/paper.md lists them."""
    options: Annotated[
        tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[-- OPTIONS]")
    ] = ()
    """Options of train, after ``--``: they change every run of the figure."""
    scale: Annotated[str, tyro.conf.arg(metavar="cpu|paper")] = "cpu"
    """``cpu``: two cores and our diffusion model; ``paper``: the paper's sizes."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("docs/paper")
    """The folder for NAME-SCALE.png and NAME-SCALE.json."""

    def run(self) -> None:
        from .figures.catalog import figure_named
        from .figures.figure import make_figure

        def change(start: TrainConfig) -> TrainConfig:
            return parse_options(
                TrainConfig, self.options, default=start, prog="python -m training figure NAME --"
            )

        print(make_figure(figure_named(self.name), self.scale, self.output, change=change))


COMMANDS: dict[str, type[Command]] = {
    "train": Train,
    "finetune": Finetune,
    "refine": Refine,
    "evaluate": Evaluate,
    "sheet": Sheet,
    "compact": Compact,
    "library": Library,
    "prompts": Prompts,
    "clip": Clip,
    "diffusion": Diffusion,
    "figure": Figure,
}


def _print_once(line: str) -> None:
    """Print ``line`` in the first of a run's processes only."""
    from accelerate import PartialState

    PartialState().print(line)

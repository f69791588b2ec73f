"""``python -m training COMMAND``: the headless side, made from the configuration dataclasses.

Exit codes: 0 done, 2 wrong use or bad input, 1 failure, 130 interrupted.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from backend.protocol.errors import Att3dError, BadRequest, InternalError, OutOfMemory, OutputError

if TYPE_CHECKING:
    from .amortized.config import TrainConfig

Config = TypeVar("Config", bound="TrainConfig")

USAGE = """usage: python -m training COMMAND [options]     (COMMAND --help lists its options)

  train     train a model on a prompt set         train --preset toybox-animals
  finetune  train a checkpoint on one prompt      finetune FILE.safetensors --prompt "a pig"
  refine    refine the mesh of one prompt         refine FILE.safetensors --prompt "a pig"
  evaluate  PSNR and R-precision of a checkpoint  evaluate checkpoints/toybox.safetensors --json
  sheet     pictures of a checkpoint's prompts    sheet checkpoints/toybox.safetensors
  compact   leave out what no object needs        compact runs/mine/checkpoint.safetensors
  library   make a library of your own models     library MODELS... -o LIB
  prompts   list prompt sets, or one set          prompts animal1200
  clip      train a small CLIP on the toybox      clip --preset conditioning
  diffusion train a diffusion model on the toybox diffusion --preset cpu32
"""


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of ``evaluate``."""

    checkpoint: Path
    """The checkpoint to measure."""
    prompts: str = ""
    """A prompt set, or a file of prompts; by default the set that it was trained on."""
    count: int = 100
    """Prompts of each kind, evenly chosen; 0: all."""
    scoring: str | None = None
    """The CLIP that scores: the bundled one (as a rule), a file that ``clip --preset scoring``
    wrote, any open_clip model (ViT-B-32/openai, hf-hub:OWNER/REPOSITORY, a folder), or none."""
    queries: tuple[str, ...] = ()
    """Files or sets of further prompts among which each prompt must be found: DF411 for DF27."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``mps``."""
    json: bool = False
    """Print one JSON object and nothing else."""
    record: bool = False
    """Keep the figures in the checkpoint's metadata."""
    compiled: bool = False
    """Render the references with torch.compile: worth it from a few hundred prompts on."""


@dataclass(frozen=True)
class SheetOptions:
    """Options of ``sheet``."""

    checkpoint: Path
    """The checkpoint to look at."""
    output: Path = Path("sheet.png")
    """The picture to write."""
    prompts: str = "toybox"
    """A prompt set with references."""
    count: int = 4
    """Seen and unseen prompts, evenly chosen."""
    tile: int = 160
    """Pixels of a picture's side."""


@dataclass(frozen=True)
class CompactOptions:
    """Options of ``compact``."""

    checkpoint: Path
    """The checkpoint to make smaller."""
    output: Path | None = None
    """The file to write; without one, the checkpoint itself is replaced."""
    decibels: float = 46.0
    """Least PSNR between a picture before and after."""


@dataclass(frozen=True)
class PromptsOptions:
    """Options of ``prompts``."""

    name: str | None = None
    """A set's name or a file; without one, all sets are listed."""
    split: str = "all"
    """``all``, ``seen`` or ``unseen``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands: dict[str, Callable[[list[str]], None]] = {
        "train": _train,
        "finetune": _finetune,
        "refine": _refine,
        "evaluate": _evaluate,
        "sheet": _sheet,
        "compact": _compact,
        "library": _library,
        "prompts": _prompts,
        "clip": _clip,
        "diffusion": _diffusion,
    }
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if arguments else 2
    command = commands.get(arguments[0])
    if command is None:
        print(f"error: there is no command {arguments[0]!r}\n\n{USAGE}", end="", file=sys.stderr)
        return 2
    try:
        command(arguments[1:])
    except (OutOfMemory, OutputError, InternalError) as error:
        return _fail(error, 1)
    except Att3dError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last save", file=sys.stderr)
        return 130
    return 0


def _fail(error: Att3dError, code: int) -> int:
    print(f"error: {error.message}\ntry: {error.remedy}", file=sys.stderr)
    return code


def _train(arguments: list[str]) -> None:
    from .amortized.config import TrainConfig
    from .presets import PRESETS, library_preset, preset
    from .runs.cli_values import parse_options

    library, rest = _take_option(arguments, "--library")
    chosen, rest = _take_option(rest, "--preset")
    if library is not None:
        default = library_preset(library)
    else:
        default = preset(chosen) if chosen else TrainConfig()
    default, rest = _with_diffusion_preset(default, rest)
    config = parse_options(
        TrainConfig,
        rest,
        default=default,
        prog="python -m training train",
        description=(
            f"Train a model. --preset NAME sets the defaults: {', '.join(PRESETS)}."
            " --diffusion-preset NAME sets those of --diffusion.*. --library LIB sets those for a"
            " library of your own models, and --assets.no-attributes leaves out copies of them."
        ),
    )
    if library is not None:
        model = config.model
        _print_once(
            f"library: v = {model.latent}, {model.components} components, {config.steps} steps of"
            f" {config.batch} prompts; the time left is shown while it trains"
        )
    from .amortized.run import train

    _print_once(f"checkpoint: {train(config)}")


def _finetune(arguments: list[str]) -> None:
    from .presets import FINETUNE, preset

    chosen, rest = _take_option(arguments, "--preset")
    default = preset(chosen) if chosen else FINETUNE
    checkpoint, prompt, config = _of_one_prompt("finetune", default, rest)
    from .amortized.finetune import finetune

    _print_once(f"checkpoint: {finetune(checkpoint, prompt, config)}")


def _refine(arguments: list[str]) -> None:
    from .presets import REFINE

    checkpoint, prompt, config = _of_one_prompt("refine", REFINE, arguments)
    from .refinement.run import refine

    _print_once(f"mesh: {refine(checkpoint, prompt, config)}")


def _of_one_prompt(command: str, default: Config, arguments: list[str]) -> tuple[Path, str, Config]:
    """Checkpoint, prompt and configuration of a command ``COMMAND CHECKPOINT --prompt PROMPT``."""
    from .runs.cli_values import parse_options

    usage = f'python -m training {command} CHECKPOINT --prompt "a pig" [options]'
    prompt, rest = _take_option(arguments, "--prompt")
    checkpoint, rest = _take_option(_positional(rest, "--checkpoint"), "--checkpoint")
    helping = "--help" in rest or "-h" in rest
    if not helping and (prompt is None or checkpoint is None):
        raise BadRequest(f"{command} needs a checkpoint and a prompt", f"usage: {usage}")
    default, rest = _with_diffusion_preset(default, rest)
    config = parse_options(type(default), rest, default=default, prog=usage)
    return Path(checkpoint or ""), prompt or "", config


def _with_diffusion_preset(default: Config, arguments: list[str]) -> tuple[Config, list[str]]:
    """``default`` with the published settings that ``--diffusion-preset`` names, if it is there."""
    published, rest = _take_option(arguments, "--diffusion-preset")
    if not published:
        return default, rest
    from .guidance.diffusion.presets import guidance_preset

    return dataclasses.replace(default, diffusion=guidance_preset(published)), rest


def _print_once(line: str) -> None:
    """Print ``line`` in the first of a run's processes only."""
    from accelerate import PartialState

    PartialState().print(line)


def _evaluate(arguments: list[str]) -> None:
    import tyro

    options = tyro.cli(
        EvaluateOptions,
        args=_positional(arguments, "--checkpoint"),
        prog="python -m training evaluate",
    )
    from .amortized.evaluate_command import evaluate_checkpoint, figures_table

    result = evaluate_checkpoint(
        options.checkpoint,
        options.prompts,
        count=options.count,
        scoring=options.scoring,
        queries=options.queries,
        device=options.device,
        compiled=options.compiled,
        record=options.record,
    )
    print(json.dumps(result) if options.json else figures_table(result))


def _sheet(arguments: list[str]) -> None:
    import tyro

    options = tyro.cli(
        SheetOptions,
        args=_positional(arguments, "--checkpoint"),
        prog="python -m training sheet",
    )
    from backend.model.checkpoint import load_checkpoint

    from .amortized.evaluation import evenly
    from .assets import ToyboxConfig
    from .figures.contact_sheet import checkpoint_sheet
    from .prompts import prompt_set

    prompts = prompt_set(options.prompts)
    chosen = evenly(prompts.seen, options.count) + evenly(prompts.unseen, options.count)
    checkpoint = load_checkpoint(options.checkpoint)
    checkpoint_sheet(
        options.output, checkpoint, prompts, chosen, ToyboxConfig().open(), tile=options.tile
    )
    print(options.output)


def _compact(arguments: list[str]) -> None:
    import tyro

    options = tyro.cli(
        CompactOptions,
        args=_positional(arguments, "--checkpoint"),
        prog="python -m training compact",
    )
    from .amortized.compact import compact

    output = options.output or options.checkpoint
    done = compact(options.checkpoint, output, decibels=options.decibels)
    changed = (
        f"the picture that changed most at {done.decibels:.1f} dB"
        if done.decibels < math.inf
        else "no picture changed"
    )
    print(
        f"{output}: {done.after / 2**20:.1f} MiB instead of {done.before / 2**20:.1f};"
        f" {done.left_out:.0%} of the vertices left out, {changed}"
    )


def _prompts(arguments: list[str]) -> None:
    import tyro

    options = tyro.cli(
        PromptsOptions,
        args=_positional(arguments, "--name"),
        prog="python -m training prompts",
    )
    from .prompts import prompt_set, prompt_set_names

    if options.name is None:
        for name in prompt_set_names():
            found = prompt_set(name)
            print(
                f"{name:12} {len(found.prompts):6} prompts, {len(found.seen):6} seen,"
                f" {len(found.unseen):6} unseen"
            )
        return
    found = prompt_set(options.name)
    wanted = {"seen": found.seen, "unseen": found.unseen}.get(
        options.split, range(len(found.prompts))
    )
    for index in wanted:
        print(found.prompts[index])


def _library(arguments: list[str]) -> None:
    import tyro

    from .library.build import LibraryOptions, build
    from .library.report import printed, write_report

    usage = "python -m training library MODELS... -o LIB"
    if not arguments or arguments[0].startswith("-o"):
        raise BadRequest("library needs files, folders or zips of models", f"usage: {usage}")
    options = tyro.cli(LibraryOptions, args=arguments, prog=usage)
    index = build(options)
    written = write_report(options.output, index)
    print(printed(index, options.output))
    print(f"library: {options.output}; look at {written[0]}")


def _clip(arguments: list[str]) -> None:
    import tyro

    from .clip import ClipTrainConfig, train_clip

    train_clip(tyro.cli(ClipTrainConfig, args=arguments, prog="python -m training clip"))


def _diffusion(arguments: list[str]) -> None:
    import tyro

    from .diffusion.config import PRESETS, DiffusionConfig, preset

    chosen, rest = _take_option(arguments, "--preset")
    config = tyro.cli(
        DiffusionConfig,
        default=preset(chosen) if chosen else DiffusionConfig(),
        args=rest,
        prog="python -m training diffusion",
        description="Train a diffusion model on toybox renders. --preset NAME sets the defaults:"
        f" {', '.join(PRESETS)}.",
    )
    from .diffusion.run import train_diffusion

    print(f"diffusion model: {train_diffusion(config)}")


def _take_option(arguments: list[str], option: str) -> tuple[str | None, list[str]]:
    """The value of ``option`` in ``arguments``, and the other arguments."""
    for index, argument in enumerate(arguments):
        if argument == option and index + 1 < len(arguments):
            return arguments[index + 1], arguments[:index] + arguments[index + 2 :]
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2], arguments[:index] + arguments[index + 1 :]
    return None, arguments


def _positional(arguments: list[str], option: str) -> list[str]:
    """Let a bare first word be the value of ``option``."""
    if arguments and not arguments[0].startswith("-"):
        return [option, *arguments]
    return arguments

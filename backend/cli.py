"""The command line, ``att3d``.

Exit codes and errors: ``command_line.py``. With ``--json`` stdout holds one object and nothing
else. Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import tyro

from .command_line import (
    ShownProgress,
    check_current_folder,
    print_json,
    quiet_stdout,
    require_unicode,
    run,
)
from .conditions import parse_conditions
from .process_tuning import tune
from .protocol.errors import (
    Att3dError,
    BadPrompt,
    BadRequest,
    CheckpointError,
    OutputError,
)
from .protocol.foreign_text import one_line
from .protocol.options import ChainOptions, MeshOptions, options_of

_STARTED = time.perf_counter()
_BAD_INPUT = (BadPrompt, BadRequest, CheckpointError, OutputError)


def _show(report: Any, as_text: Callable[[Any], str], as_json: bool) -> int:
    """Print what a command made or found; the exit code of a success."""
    if as_json:
        print_json(report)
    else:
        print(as_text(report))
    return 0


def _arguments(cls: type) -> Callable[..., Any]:
    """``cls`` as tyro is to read it: each option with the help and range that it declares."""
    described = []
    types = get_type_hints(cls)
    for option, field in zip(options_of(cls), dataclasses.fields(cls), strict=True):
        limits = "" if option.minimum is None else f" {option.minimum} to {option.maximum}."
        about = tyro.conf.arg(help=f"{option.help}.{limits}")
        shown = Annotated[types[option.name], about, tyro.conf.FlagCreatePairsOff]
        kept = dataclasses.field(default=option.default, metadata=field.metadata)
        described.append((option.name, shown, kept))
    return dataclasses.make_dataclass(cls.__name__, described, bases=(cls,), frozen=True)


MeshArguments = Annotated[MeshOptions, tyro.conf.arg(name="", constructor=_arguments(MeshOptions))]
ChainArguments = Annotated[
    ChainOptions, tyro.conf.arg(name="", constructor=_arguments(ChainOptions))
]

Output = Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
Json = Annotated[bool, tyro.conf.arg(help="Print one JSON object on stdout, and nothing else.")]
CheckpointFile = Annotated[
    Path | None,
    tyro.conf.arg(
        metavar="FILE",
        help="A checkpoint; default: the bundled one that knows the prompt best.",
    ),
]
Conditions = Annotated[
    tyro.conf.UseAppendAction[tuple[str, ...]],
    tyro.conf.arg(
        name="condition",
        metavar="NAME=VALUE",
        help="A value of what the checkpoint amortizes over; `att3d info` names them. Repeatable.",
    ),
]
Device = Annotated[str, tyro.conf.arg(help="auto, cpu, cuda, cuda:1 or mps.")]
Accelerator = Annotated[str, tyro.conf.arg(help="What computes: auto, torch or tinycudann (GPU).")]


@dataclass(frozen=True)
class Generate:
    """Prompts become textured meshes: .glb, .obj, .ply, or .blend (needs bpy)."""

    prompts: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="PROMPT...")]
    """One or more descriptions, each in quotes."""
    output: Output
    """Where to. For several prompts a name with {prompt} or {index}, or a folder."""
    options: MeshArguments = dataclasses.field(default_factory=MeshOptions)
    conditions: Conditions = ()
    checkpoint: CheckpointFile = None
    device: Device = "auto"
    accelerator: Accelerator = "auto"
    json: tyro.conf.FlagCreatePairsOff[Json] = False

    def run(self) -> int:
        from .commands.generate import as_text, generate

        if not self.prompts:
            raise BadPrompt("there is no prompt")
        with quiet_stdout(), ShownProgress(self.json) as progress:
            report = generate(
                self.prompts,
                self.output,
                self.options,
                parse_conditions(self.conditions),
                self.checkpoint,
                self.device,
                self.accelerator,
                progress,
                _STARTED,
            )
        return _show(report, as_text, self.json)


@dataclass(frozen=True)
class Interpolate:
    """A chain of prompts becomes one animated object: .glb, or .blend (needs bpy)."""

    prompts: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="PROMPT...")]
    """Two to sixteen descriptions, each in quotes; neighbours differ."""
    output: Output
    """Where to."""
    weights: Annotated[tuple[str, ...], tyro.conf.arg(metavar="W,W,...")] = ()
    """Instead of one prompt after the other, the shares of all of them at each stop of a path
    (0.5,0.3,0.2 for three prompts); a single stop is a still object (.glb .obj .ply .blend)."""
    frames: tuple[int, ...] = ()
    """Frames from one prompt to the next (default 48), or the frame of each prompt."""
    fps: int = 24
    """Frames a second."""
    options: ChainArguments = dataclasses.field(default_factory=ChainOptions)
    """``--json`` measures the result too."""
    colors: Literal["first", "vertex"] = "first"
    """Colors in a .glb, which cannot blend textures: the first prompt's, or the vertices', which
    some viewers animate."""
    conditions: Conditions = ()
    checkpoint: CheckpointFile = None
    device: Device = "auto"
    accelerator: Accelerator = "auto"
    json: tyro.conf.FlagCreatePairsOff[Json] = False

    def run(self) -> int:
        from .commands.interpolate import as_text, interpolate, parse_weights
        from .commands.names import expanded

        options = dataclasses.replace(self.options, quality=self.options.quality or self.json)
        with quiet_stdout(), ShownProgress(self.json) as progress:
            report = interpolate(
                self.prompts,
                expanded(self.output),
                self.frames,
                self.fps,
                options,
                self.colors,
                parse_conditions(self.conditions),
                self.checkpoint,
                self.device,
                self.accelerator,
                progress,
                _STARTED,
                parse_weights(self.weights),
            )
        return _show(report, as_text, self.json)


@dataclass(frozen=True)
class Render:
    """A prompt becomes a volume-rendered picture (.png) or turntable (.gif, .mp4)."""

    prompt: tyro.conf.Positional[str]
    """What to draw, in quotes."""
    output: Output
    """Where to."""
    views: int | None = None
    """Views around the object: side by side in a .png (default 1), in turn otherwise (48)."""
    size: int = 256
    """Pixels along each view's edge, 16 to 2048."""
    shading: Literal["full", "textureless", "albedo"] = "full"
    conditions: Conditions = ()
    checkpoint: CheckpointFile = None
    device: Device = "auto"
    accelerator: Accelerator = "auto"
    json: tyro.conf.FlagCreatePairsOff[Json] = False

    def run(self) -> int:
        from .commands.names import expanded
        from .commands.render import as_text, render

        with quiet_stdout(), ShownProgress(self.json) as progress:
            report = render(
                self.prompt,
                expanded(self.output),
                self.views,
                self.size,
                self.shading,
                parse_conditions(self.conditions),
                self.checkpoint,
                self.device,
                self.accelerator,
                progress,
                _STARTED,
            )
        return _show(report, as_text, self.json)


@dataclass(frozen=True)
class Invert:
    """A model of your own becomes an object that a checkpoint can make, and stands for a prompt."""

    model: tyro.conf.Positional[Path]
    """A .glb or .obj file."""
    output: Output
    """Where to: a .safetensors file; `generate`, `interpolate` and `render` take it as a prompt."""
    name: str = ""
    """What to call it; default: the output's name."""
    turn: float | None = None
    """Degrees about the vertical by which the model is turned; default: what fits best."""
    checkpoint: CheckpointFile = None
    device: Device = "auto"
    json: tyro.conf.FlagCreatePairsOff[Json] = False

    def run(self) -> int:
        from .commands.invert import as_text, invert
        from .commands.names import expanded

        with quiet_stdout(), ShownProgress(self.json) as progress:
            report = invert(
                self.model,
                expanded(self.output),
                self.name,
                self.turn,
                self.checkpoint,
                self.device,
                progress,
                _STARTED,
            )
        return _show(report, as_text, self.json)


@dataclass(frozen=True)
class Info:
    """What a checkpoint holds: name, hash, configuration, vocabulary, metrics, recipe, licence."""

    file: tyro.conf.Positional[Path | None] = None
    """A checkpoint; default: the bundled one."""
    json: tyro.conf.FlagCreatePairsOff[Json] = False
    whole: tyro.conf.FlagCreatePairsOff[bool] = False
    """Every prompt, word and model with --json, where there are else counts."""

    def run(self) -> int:
        from .commands.info import as_text, describe, summarized

        facts = describe(self.file)
        if not self.json:
            return _show(facts, as_text, False)
        return _show(facts if self.whole else summarized(facts), as_text, True)


@dataclass(frozen=True)
class Browse:
    """What a checkpoint knows, by category: a list, or a page with pictures (.html)."""

    words: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="WORD...")] = ()
    """Only prompts with words that begin so."""
    output: Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = ""
    """Where a page goes; without it the list is printed."""
    most: int = 240
    """Most pictures on the page. The list shows 6 prompts a category, or all where WORDs are
    given."""
    checkpoint: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE", help="A checkpoint; default: the bundled one.")
    ] = None
    device: Device = "auto"
    json: tyro.conf.FlagCreatePairsOff[Json] = False

    def run(self) -> int:
        from .commands.browse import as_text, browse
        from .commands.names import expanded

        page = expanded(self.output) if self.output else None
        with quiet_stdout(), ShownProgress(self.json) as progress:
            report = browse(self.checkpoint, self.words, page, self.most, self.device, progress)
        if self.json:
            print_json(report)
        elif report.file:
            print(f"{report.file}: what {one_line(report.name)} knows")
        else:
            print(as_text(report, 10**9 if self.words else 6))
        return 0


@dataclass(frozen=True)
class Checkpoints:
    """Which checkpoints there are."""

    folders: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Where to look besides the bundled ones."""
    json: tyro.conf.FlagCreatePairsOff[Json] = False

    def run(self) -> int:
        from .server.checkpoint_list import list_checkpoints

        for folder in self.folders:
            if not folder.is_dir():
                raise BadRequest(f"there is no folder {folder}", "name an existing folder")
        entries = list_checkpoints([str(folder) for folder in self.folders])
        if self.json:
            print_json({"checkpoints": [dataclasses.asdict(entry) for entry in entries]})
            return 0
        for entry in entries:
            default = " (default)" if entry.default else ""
            problem = f"  cannot be used: {entry.problem}" if entry.problem else ""
            size = f"{entry.bytes / 2**20:.1f} MiB"
            print(one_line(f"{entry.name}{default}"), size, one_line(f"{entry.path}{problem}"))
        if not entries:
            print("none")
        return 0


@dataclass(frozen=True)
class Doctor:
    """What is wrong with this machine, and how to mend it. Exit code 1 if anything needed is."""

    json: tyro.conf.FlagCreatePairsOff[Json] = False

    def run(self) -> int:
        from .commands.doctor import as_text, examine

        with quiet_stdout():
            findings = examine()
        if self.json:
            print_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
        else:
            print(as_text(findings))
        return int(any(finding.status == "missing" for finding in findings))


@dataclass(frozen=True)
class Serve:
    """Answer JSON-RPC on stdin and stdout: what Blender starts (docs/protocol.md)."""

    checkpoint: CheckpointFile = None
    device: Device = "auto"
    accelerator: Accelerator = "auto"

    def run(self) -> int:
        from .server import main as serve

        named = ["--checkpoint", str(self.checkpoint)] if self.checkpoint else []
        return serve([*named, "--device", self.device, "--accelerator", self.accelerator])


Command = (
    Annotated[Generate, tyro.conf.subcommand("generate")]
    | Annotated[Interpolate, tyro.conf.subcommand("interpolate")]
    | Annotated[Render, tyro.conf.subcommand("render")]
    | Annotated[Invert, tyro.conf.subcommand("invert")]
    | Annotated[Info, tyro.conf.subcommand("info")]
    | Annotated[Browse, tyro.conf.subcommand("browse")]
    | Annotated[Checkpoints, tyro.conf.subcommand("checkpoints")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    tune()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    if arguments is None:
        require_unicode()
        arguments = sys.argv[1:]

    def work() -> int:
        command: Any = tyro.cli(
            Command,
            prog="att3d",
            args=arguments,
            description="Amortized text-to-3D: a prompt becomes a textured object.",
        )
        if not isinstance(command, Serve):  # which is started where a client happens to be
            check_current_folder()
        return command.run()

    return run(work, _exit_code, as_json="--json" in arguments)


def _exit_code(failure: Att3dError) -> int:
    return 2 if isinstance(failure, _BAD_INPUT) else 1


if __name__ == "__main__":
    sys.exit(main())

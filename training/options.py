"""Options of ``python -m training``: how values are written, and which presets they start from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec

from backend.model.config import Condition
from backend.protocol.errors import BadRequest

from .amortized.config import TrainConfig
from .guidance.diffusion.config import GUIDANCE_PRESETS, guidance_preset
from .presets import PRESETS, library_preset, preset

CheckpointFile = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="CHECKPOINT")]
Flag = tyro.conf.FlagCreatePairsOff[bool]


@dataclass(frozen=True)
class Presets:
    """The options that choose the configuration which all other options change."""

    preset: str = ""
    diffusion_preset: str = ""
    library: Path | None = None

    def start(self, default: TrainConfig) -> TrainConfig:
        """The configuration that ``preset`` names, or ``default``, on the library if there is one.

        Raises:
            TrainingError: there is no such preset, or no such library.
            BadRequest: the preset of libraries has none.
        """
        if self.library is None:
            if self.preset == "library":
                raise BadRequest(
                    "--preset library needs a library",
                    "name one with --library LIB; `python -m training library` makes it",
                )
            return self.of(preset(self.preset) if self.preset else default)
        fitting = library_preset(str(self.library))
        if self.preset == "library":
            return self.of(fitting)
        start = self.of(preset(self.preset) if self.preset else default)
        return dataclasses.replace(start, assets=fitting.assets, prompts=fitting.prompts)

    def of(self, default: TrainConfig) -> TrainConfig:
        """``default`` with the published settings of score distillation that are asked for."""
        if not self.diffusion_preset:
            return default
        return dataclasses.replace(default, diffusion=guidance_preset(self.diffusion_preset))


PresetName = Annotated[str, tyro.conf.arg(metavar="NAME", help=f"One of {', '.join(PRESETS)}.")]
DiffusionPresetName = Annotated[
    str,
    tyro.conf.arg(
        metavar="NAME",
        help=f"Published settings for --diffusion.*: {', '.join(GUIDANCE_PRESETS)}.",
    ),
]


LibraryFolder = Annotated[
    Path | None,
    tyro.conf.arg(metavar="LIB", help="A library of your own models, in place of the toybox."),
]


def parse_options(config: type[Any], arguments: Sequence[str], **options: Any) -> Any:
    """``config`` as ``arguments`` say; ``options`` are those of ``tyro.cli``, such as ``default``.

    A :class:`Condition` is written ``NAME:LOW:HIGH:DEFAULT`` or ``NAME:LOW:HIGH:DEFAULT:log``.
    """
    with option_values():
        return tyro.cli(config, args=arguments, config=(tyro.conf.AvoidSubcommands,), **options)


def option_values() -> ConstructorRegistry:
    """How values that are more than a number are written. Nobody means an empty one: it is what a
    script passes on whose variable is not set."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def text(info: Any) -> PrimitiveConstructorSpec[str] | None:
        if info.type is not str:
            return None

        def said(words: list[str]) -> str:
            if not words[0]:
                raise ValueError("it is empty; leave the option out for its default")
            try:
                words[0].encode()
            except UnicodeEncodeError:
                raise ValueError("it is not valid Unicode text") from None
            return words[0]

        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="STR",
            instance_from_str=said,
            is_instance=lambda value: isinstance(value, str),
            str_from_instance=lambda value: [value],
        )

    @registry.primitive_rule
    def condition(info: Any) -> PrimitiveConstructorSpec[Condition] | None:
        if info.type is not Condition:
            return None
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="NAME:LOW:HIGH:DEFAULT[:log]",
            instance_from_str=lambda said: Condition.parse(said[0]),
            is_instance=lambda value: isinstance(value, Condition),
            str_from_instance=lambda value: [str(value)],
        )

    @registry.primitive_rule
    def path(info: Any) -> PrimitiveConstructorSpec[Path] | None:
        if info.type is not Path:
            return None

        def named(said: list[str]) -> Path:
            # Path("") is the current folder, which nobody means who writes nothing.
            if not said[0]:
                raise ValueError("it names no file or folder")
            try:
                said[0].encode()
            except UnicodeEncodeError:
                raise ValueError("its name is not valid Unicode: rename it") from None
            return Path(said[0])

        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="PATH",
            instance_from_str=named,
            is_instance=lambda value: isinstance(value, Path),
            str_from_instance=lambda value: [str(value)],
        )

    return registry

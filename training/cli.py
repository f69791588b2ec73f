"""``python -m training COMMAND``: the headless side, made from the configuration dataclasses.

Heavy modules are imported when a command is run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Union

from backend.command_line import check_current_folder, require_unicode, run
from backend.protocol.errors import (
    Att3dError,
    BadRequest,
    InternalError,
    OutOfMemory,
    OutputError,
)

if TYPE_CHECKING:
    from .commands import Command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    if argv is None:
        require_unicode()
        argv = sys.argv[1:]

    def work() -> int:
        check_current_folder()
        parse(argv).run()
        return 0

    return run(
        work,
        _exit_code,
        interrupted="interrupted; the same command goes on from the last save",
        show_traceback=True,
    )


def parse(arguments: Sequence[str]) -> Command:
    """The command that a command line says.

    Raises:
        BadRequest: there is no such command.
        TrainingError: there is no such preset.
        SystemExit: an option is wrong (2), or help was asked for (0); tyro has said so.
    """
    import tyro

    from .commands import COMMANDS
    from .options import Presets, option_values

    name = arguments[0] if arguments else ""
    if name and not name.startswith("-") and name not in COMMANDS:
        raise BadRequest(f"there is no command {name!r}", f"choose one of: {', '.join(COMMANDS)}")
    with option_values():
        chosen, _ = tyro.cli(Presets, args=arguments, return_unknown_args=True, add_help=False)
    kinds = []
    for said, kind in COMMANDS.items():
        start = getattr(kind, "with_presets", None) if said == name else None
        default = {"default": start(chosen)} if start else {}
        kinds.append(Annotated[kind, tyro.conf.subcommand(said, **default)])
    command: Any = Union[tuple(kinds)]  # noqa: UP007
    with option_values():
        return tyro.cli(
            command,
            args=arguments,
            prog="python -m training",
            config=(tyro.conf.AvoidSubcommands,),
            description="Train and measure text-to-3D models. COMMAND --help lists its options.",
        )


def _exit_code(failure: Att3dError) -> int:
    """1 for what a run may meet on its way, 2 for what it should not have been asked."""
    return 1 if isinstance(failure, OutOfMemory | OutputError | InternalError) else 2

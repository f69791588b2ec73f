"""Output files for several prompts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..files import file_stem
from ..protocol.errors import BadRequest


def expanded(output: str) -> Path:
    """The path that ``output`` means, ``~`` being the home folder.

    Raises:
        BadRequest: there is no such home folder.
    """
    try:
        return Path(output).expanduser()
    except RuntimeError:
        raise BadRequest(
            f"there is no home folder for {output}", "name the folder without ~"
        ) from None


def check_name(path: Path, ending: str) -> None:
    """Refuse a file without a name of its own: ``""``, ``.glb``.

    Raises:
        BadRequest: the message says what to do, with the usual ``ending``.
    """
    if not path.name or (path.name.startswith(".") and not path.suffix):
        raise BadRequest(
            f"the output {str(path) if path.name else ''!r} has no name before its ending",
            f"name a file: -o object{ending}",
        )


def output_paths(output: str, prompts: Sequence[str], ending: str) -> list[Path]:
    """A path for each prompt, all different.

    Args:
        output: A file; or a pattern with ``{prompt}`` or ``{index}`` (from 1); or a folder (it
            exists, or the text ends in a slash), which gets a file for each prompt.
        prompts: One or more.
        ending: For files in a folder, ".glb".

    Raises:
        BadRequest: several prompts and one file; no name before the ending; no home folder.
    """
    separators = tuple(filter(None, (os.sep, os.altsep)))
    path = expanded(output)
    folder = output.endswith(separators) or path.is_dir()
    if not folder or not output:
        check_name(path, ending)
    if folder:
        pattern = str(path / f"{{prompt}}{ending}")
    elif "{prompt}" in output or "{index}" in output or len(prompts) == 1:
        pattern = str(path)
    else:
        raise BadRequest(
            f"{len(prompts)} prompts cannot all be written to {output}",
            'put {prompt} or {index} into the name, or name a folder: -o "out/{prompt}.glb"',
        )
    taken: set[str] = set()
    paths = []
    for index, prompt in enumerate(prompts, start=1):
        # Literal replacement: other braces in a folder's name mean nothing.
        named = pattern.replace("{prompt}", file_stem(prompt)).replace("{index}", str(index))
        candidate, copy = Path(named), 1
        while str(candidate).casefold() in taken:
            copy += 1
            candidate = Path(named).with_stem(f"{Path(named).stem}-{copy}")
        taken.add(str(candidate).casefold())
        paths.append(candidate)
    return paths

"""Output files for several prompts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..protocol.errors import BadRequest

MAX_NAME_BYTES = 100


def slug(prompt: str) -> str:
    """A file name that shows the prompt and is allowed everywhere: "a-pig-in-a-tophat"."""
    words = re.sub(r"[^\w]+", "-", prompt.casefold(), flags=re.UNICODE).strip("-_")
    short = words.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip("-_")
    return short or "object"


def output_paths(output: str, prompts: Sequence[str], ending: str) -> list[Path]:
    """A path for each prompt, all different.

    Args:
        output: A file; or a pattern with ``{prompt}`` or ``{index}`` (from 1); or a folder (it
            exists, or the text ends in a slash), which gets a file for each prompt.
        prompts: One or more.
        ending: For files in a folder, ".glb".

    Raises:
        BadRequest: several prompts and one file.
    """
    separators = tuple(filter(None, (os.sep, os.altsep)))
    path = Path(output).expanduser()
    if output.endswith(separators) or path.is_dir():
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
        named = pattern.replace("{prompt}", slug(prompt)).replace("{index}", str(index))
        candidate, copy = Path(named), 1
        while str(candidate).casefold() in taken:
            copy += 1
            candidate = Path(named).with_stem(f"{Path(named).stem}-{copy}")
        taken.add(str(candidate).casefold())
        paths.append(candidate)
    return paths

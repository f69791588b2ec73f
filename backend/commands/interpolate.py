"""``att3d interpolate``: a chain of prompts becomes one animated object in a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..export.files import check_folder, write_files
from ..progress import ProgressCallback
from ..prompts.chain import check_chain
from ..protocol.errors import BadRequest
from ..protocol.messages import AlphaQuality, TopologyChange
from ..protocol.options import ChainOptions

if TYPE_CHECKING:
    from ..tracking.animated_gltf import Colors

FORMATS = (".glb", ".blend")
FRAMES = 48
"""From one prompt to the next, when nothing is said."""


@dataclass
class InterpolateReport:
    """What ``--json`` prints."""

    file: str
    prompts: list[str]
    frames: list[int]
    """At which each prompt is shown."""
    vertices: int
    faces: int
    keys: list[AlphaQuality]
    between: list[AlphaQuality]
    """At random alphas between the keys."""
    drift_pct: float
    changes: list[TopologyChange]
    notes: list[str]
    checkpoint: str
    checkpoint_hash: str
    device: str
    seconds: dict[str, float]
    """By stage, with ``load`` (imports included), ``write`` and ``total``."""


def frames_of_prompts(frames: Sequence[int], prompts: int) -> list[int]:
    """The frame of each prompt.

    Args:
        frames: One number: from each prompt to the next, the first at frame 1. Otherwise the frame
            of each prompt.

    Raises:
        BadRequest: another count; not rising.
    """
    if not frames:
        frames = [FRAMES]
    if len(frames) == 1:
        if frames[0] < 1:
            raise BadRequest(
                f"there must be at least one frame from prompt to prompt, not {frames[0]}",
                f"leave it out ({FRAMES}), or give a number from 1",
            )
        return [1 + index * frames[0] for index in range(prompts)]
    if len(frames) != prompts:
        raise BadRequest(
            f"there are {prompts} prompts and {len(frames)} frames",
            "give one frame for each prompt, or one number of frames from prompt to prompt",
        )
    for index in range(1, prompts):
        if frames[index] <= frames[index - 1]:
            raise BadRequest(
                f"prompt {index + 1} is at frame {frames[index]}, which is not after frame "
                f"{frames[index - 1]} of the prompt before it",
                "give frames that rise from prompt to prompt",
            )
    return list(frames)


def check_output(path: Path) -> None:
    """Find out before the work starts whether ``path`` can be written.

    Raises:
        BadRequest: an ending that is none of :data:`FORMATS`.
        MissingDependency: .blend without a Python that has bpy.
        OutputError: the folder is missing, or nothing can be written there.
    """
    if path.suffix.lower() not in FORMATS:
        raise BadRequest(
            f"cannot write an animation to {path.name}: the file's ending must be one of "
            f"{', '.join(FORMATS)}",
            f"name it {path.stem or 'chain'}.glb",
        )
    if path.suffix.lower() == ".blend":
        from ..export.blend import find_python

        find_python()
    check_folder(path)


def interpolate(
    prompts: Sequence[str],
    output: Path,
    frames: Sequence[int],
    fps: int,
    options: ChainOptions,
    colors: Colors,
    checkpoint: Path | None,
    device: str,
    progress: ProgressCallback,
    started: float,
) -> InterpolateReport:
    """Everything that can be refused is refused before the model is loaded.

    Args:
        started: ``time.perf_counter()`` when the command began.

    Raises:
        Att3dError: see ``Engine.interpolate`` and :func:`check_output`.
    """
    clean = check_chain(prompts)
    at = frames_of_prompts(frames, len(clean))
    if not 1 <= fps <= 240:
        raise BadRequest(f"fps must be from 1 to 240, not {fps}", "24 is usual")
    check_output(output)
    progress(0.0, "load")
    from ..engine import Engine

    engine = Engine(checkpoint, device)
    loaded = time.perf_counter()
    mesh = engine.interpolate(
        clean, options, lambda fraction, stage: progress(0.97 * fraction, stage)
    )
    writing = time.perf_counter()
    progress(0.97, "write")
    notes = list(mesh.notes)
    if output.suffix.lower() == ".blend":
        from ..export.blend import chain_blend_bytes

        content = chain_blend_bytes(mesh, at, fps)
    else:
        from ..tracking.animated_gltf import glb_bytes, lost

        seconds = [_frame(at, float(alpha)) / fps for alpha in mesh.alphas]
        content = glb_bytes(mesh, [second - seconds[0] for second in seconds], colors)
        notes.append(lost(mesh, colors))
    write_files({output: content})
    done = time.perf_counter()
    progress(1.0, "done")
    return InterpolateReport(
        file=str(output),
        prompts=mesh.prompts,
        frames=at,
        vertices=mesh.positions.shape[1],
        faces=len(mesh.faces),
        keys=mesh.quality,
        between=mesh.between,
        drift_pct=mesh.drift_pct,
        changes=mesh.changes,
        notes=notes,
        checkpoint=str(engine.checkpoint.path),
        checkpoint_hash=engine.checkpoint.sha256,
        device=str(engine.device),
        seconds={"load": loaded - started}
        | mesh.timings
        | {"write": done - writing, "total": done - started},
    )


def _frame(frames: Sequence[int], alpha: float) -> float:
    """When ``alpha`` is shown: even between two prompts."""
    first = min(int(alpha), len(frames) - 2)
    return frames[first] + (alpha - first) * (frames[first + 1] - frames[first])

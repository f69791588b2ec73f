"""``att3d interpolate``: a chain of prompts becomes one animated object in a file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..export.files import Colors, Timeline
from ..export.formats import check_output, write_animation, write_mesh
from ..inversion.object_file import objects_among
from ..progress import ProgressCallback
from ..prompts.chain import check_chain
from ..prompts.mixes import check_mix, check_path
from ..protocol.chain_quality import AlphaQuality, TopologyChange
from ..protocol.errors import BadRequest
from ..protocol.messages import ObjectCode
from ..protocol.options import ChainOptions, MeshOptions, SurfaceOptions, options_of
from .names import check_name

FRAMES = 48
"""Frames from one prompt to the next, when nothing is said."""
LAST_FRAME = 1_048_574
"""The last frame that a scene of Blender may have."""


@dataclass
class InterpolateReport:
    """What came of an ``interpolate``: what ``--json`` prints."""

    file: str
    prompts: list[str]
    frames: list[int]
    """The frame at which each prompt is shown."""
    vertices: int
    faces: int
    keys: list[AlphaQuality]
    between: list[AlphaQuality]
    """Quality at random alphas between the keys."""
    drift_pct: float
    changes: list[TopologyChange]
    notes: list[str]
    checkpoint: str
    checkpoint_hash: str
    device: str
    seconds: dict[str, float]
    """Seconds by stage, with ``load`` (imports included), ``write`` and ``total``."""


def as_text(report: InterpolateReport) -> str:
    """Where the object went, where its topology changes, its notes and the time, as lines for a
    person."""
    still = len(report.frames) < 2
    shown = "" if still else f"frames {report.frames[0]} to {report.frames[-1]}, "
    lines = [f"{report.file}: {len(report.prompts)} prompts, {shown}{report.faces} faces"]
    for change in report.changes:
        times = f" ({change.count} times)" if change.count > 1 else ""
        lines.append(f"  at {change.alpha:.2f}: {change.kind}{times}")
    lines += [f"  note: {note}" for note in report.notes]
    total, load = report.seconds["total"], report.seconds["load"]
    return "\n".join([*lines, f"{total:.1f} s, {load:.1f} s of it loading"])


def frames_of_prompts(frames: Sequence[int], prompts: int) -> list[int]:
    """The frame of each prompt.

    Args:
        frames: One number: from each prompt to the next, the first at frame 1. Otherwise the frame
            of each prompt.

    Raises:
        BadRequest: another count; not rising; beyond Blender's last frame.
    """
    if not frames:
        frames = [FRAMES]
    if len(frames) == 1:
        if frames[0] < 1:
            raise BadRequest(
                f"there must be at least one frame from prompt to prompt, not {frames[0]}",
                f"leave it out ({FRAMES}), or give a number from 1",
            )
        frames = [1 + index * frames[0] for index in range(prompts)]
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
    if max(map(abs, frames)) > LAST_FRAME:
        raise BadRequest(
            f"the prompts are at frames {frames[0]} to {frames[-1]}, and Blender's last frame is"
            f" {LAST_FRAME}",
            f"choose frames from -{LAST_FRAME} to {LAST_FRAME}",
        )
    return list(frames)


def interpolate(
    prompts: Sequence[str],
    output: Path,
    frames: Sequence[int],
    fps: int,
    options: ChainOptions,
    colors: Colors,
    conditions: Mapping[str, float],
    checkpoint: Path | None,
    device: str,
    accelerator: str,
    progress: ProgressCallback,
    started: float,
    weights: Sequence[Sequence[float]] = (),
) -> InterpolateReport:
    """Everything that can be refused is refused before the model is loaded.

    Args:
        prompts: descriptions, or files of inverted models.
        conditions: values of what the checkpoint amortizes over (A31).
        started: ``time.perf_counter()`` when the command began.
        weights: the share of each prompt at every stop of a path; one stop is a still object.

    Raises:
        Att3dError: see ``Engine.interpolate`` and :func:`check_output`.
    """
    said, objects = objects_among(list(prompts))
    check_name(output, ".glb")
    if len(weights) == 1:
        check_mix(said, weights[0])
        check_output(output)
        return _still(
            said, weights[0], output, options, conditions, objects, checkpoint, device, accelerator,
            progress, started,
        )  # fmt: skip
    clean = check_path(said, weights)[0] if weights else check_chain(said)
    at = frames_of_prompts(frames, len(weights) or len(clean))
    if not 1 <= fps <= 240:
        raise BadRequest(f"fps must be from 1 to 240, not {fps}", "24 is usual")
    check_output(output, animated=True)
    progress(0.0, "load")
    from ..engine import Engine
    from .automatic import candidates, choose_for_chain

    if checkpoint is None:
        checkpoint = choose_for_chain(candidates(), clean, objects).path
    engine = Engine(checkpoint, device, accelerator)
    loaded = time.perf_counter()
    mesh = engine.interpolate(
        clean,
        options,
        lambda fraction, stage: progress(0.97 * fraction, stage),
        conditions=conditions,
        objects=objects,
        weights=weights,
    )
    writing = time.perf_counter()
    progress(0.97, "write")
    notes = list(mesh.notes)
    notes += write_animation(mesh, output, Timeline(at, fps, colors))
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


def _still(
    prompts: Sequence[str],
    weights: Sequence[float],
    output: Path,
    options: ChainOptions,
    conditions: Mapping[str, float],
    objects: Mapping[str, ObjectCode],
    checkpoint: Path | None,
    device: str,
    accelerator: str,
    progress: ProgressCallback,
    started: float,
) -> InterpolateReport:
    """The object at one place between the prompts, as a file without animation."""
    progress(0.0, "load")
    from ..engine import Engine
    from .automatic import candidates, choose_for_chain

    if checkpoint is None:
        checkpoint = choose_for_chain(candidates(), prompts, objects).path
    engine = Engine(checkpoint, device, accelerator)
    loaded = time.perf_counter()
    shared = {option.name: getattr(options, option.name) for option in options_of(SurfaceOptions)}
    chosen = MeshOptions(**shared)
    mesh = engine.between(
        prompts,
        weights,
        chosen,
        lambda fraction, stage: progress(0.97 * fraction, stage),
        conditions=conditions,
        objects=objects,
    )
    writing = time.perf_counter()
    files = write_mesh(mesh, output)
    done = time.perf_counter()
    return InterpolateReport(
        file=", ".join(str(file) for file in files),
        prompts=[mesh.prompt],
        frames=[1],
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        keys=[],
        between=[],
        drift_pct=0.0,
        changes=[],
        notes=mesh.notes,
        checkpoint=str(engine.checkpoint.path),
        checkpoint_hash=engine.checkpoint.sha256,
        device=str(engine.device),
        seconds={"load": loaded - started}
        | mesh.timings
        | {"write": done - writing, "total": done - started},
    )


def parse_weights(said: Sequence[str]) -> list[list[float]]:
    """The shares that texts such as ``0.5,0.3,0.2`` give.

    Raises:
        BadRequest: a text of another form.
    """
    found = []
    for text in said:
        try:
            found.append([float(number) for number in text.split(",")])
        except ValueError:
            raise BadRequest(
                f"the weights {text!r} are not numbers with commas between them",
                "write them as in --weights 0.5,0.3,0.2",
            ) from None
    return found

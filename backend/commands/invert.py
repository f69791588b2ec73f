"""``att3d invert``: a model of one's own becomes an object that a checkpoint can make."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

from ..files import check_target
from ..inversion.object_file import ENDING, ObjectMetadata, write_object
from ..inversion.read_model import read_model
from ..progress import ProgressCallback
from ..prompts.normalize import normalize_prompt
from ..protocol.errors import BadRequest, OutputError
from ..protocol.foreign_text import one_line
from .names import check_name


@dataclass
class InvertReport:
    """What came of an ``invert``: what ``--json`` prints."""

    file: str
    name: str
    psnr: float
    """PSNR of pictures of the model and of what was found, dB."""
    iou: float
    """Overlap of their silhouettes; 1 is equal."""
    nearest: str
    """The known prompt whose object was nearest before the fit."""
    far: bool
    """Whether the checkpoint's world is too far away."""
    notes: list[str]
    checkpoint: str
    checkpoint_hash: str
    seconds: dict[str, float]


def as_text(report: InvertReport) -> str:
    """Where the object went, how well it was caught, and its notes, as lines for a person."""
    caught = f"PSNR {report.psnr:.1f} dB, overlap {100 * report.iou:.0f}%"
    seconds = f"{report.seconds['total']:.1f} s"
    first = f"{report.file}: {one_line(report.name)!r}, {caught}, {seconds}"
    return "\n".join([first, *(f"  note: {note}" for note in report.notes)])


def invert(
    model: Path,
    output: Path,
    name: str,
    turn: float | None,
    checkpoint: Path | None,
    device: str,
    progress: ProgressCallback,
    started: float,
) -> InvertReport:
    """Everything that can be refused is refused before the checkpoint is loaded.

    Args:
        name: what will stand for the model in prompts; empty: the output's name.
        turn: degrees about the vertical; None: what fits best.
        started: ``time.perf_counter()`` when the command began.

    Raises:
        Att3dError: see ``Engine.invert``, ``read_model``; the file cannot be written.
    """
    check_name(output, ENDING)
    if output.suffix != ENDING:
        raise BadRequest(
            f"an inverted model is a {ENDING} file, and {output.name!r} is none",
            f"name it {output.with_suffix(ENDING).name}",
        )
    if turn is not None and not math.isfinite(turn):
        raise BadRequest(f"the turn {turn:g} is no number of degrees", "write it as in --turn 90")
    name = normalize_prompt(name or output.stem.replace("-", " ").replace("_", " "))
    try:
        check_target(output)
        if not output.absolute().parent.is_dir():
            raise OutputError(f"there is no folder {output.absolute().parent}")
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error.strerror}") from error
    mesh = read_model(model)
    progress(0.0, "load")
    from ..engine import Engine

    engine = Engine(checkpoint, device)
    loaded = time.perf_counter()
    timings, found = engine.invert(mesh, turn, progress)
    writing = time.perf_counter()
    metadata = ObjectMetadata(
        name=name,
        checkpoint=engine.checkpoint.metadata.name,
        checkpoint_hash=engine.checkpoint.sha256,
        psnr=found.likeness.psnr,
        iou=found.likeness.iou,
        nearest=found.nearest,
        source=model.name,
    )
    write_object(output, found.code, metadata)
    done = time.perf_counter()
    return InvertReport(
        file=str(output),
        name=name,
        psnr=found.likeness.psnr,
        iou=found.likeness.iou,
        nearest=found.nearest,
        far=found.far,
        notes=found.notes,
        checkpoint=str(engine.checkpoint.path),
        checkpoint_hash=engine.checkpoint.sha256,
        seconds={"load": loaded - started}
        | timings
        | {"write": done - writing, "total": done - started},
    )

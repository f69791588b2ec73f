"""``att3d render``: a prompt becomes a volume-rendered picture or turntable."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..export.files import check_ending, check_folder, working_folder, write_files
from ..inversion.object_file import objects_among
from ..progress import ProgressCallback
from ..prompts.normalize import normalize_prompt
from ..protocol.errors import BadRequest
from ..shapes import UInt8
from .names import check_name

if TYPE_CHECKING:
    from ..rendering import Shading

FORMATS = (".png", ".gif", ".mp4")
VIEWS = (1, 720)
SIZE = (16, 2048)
TURNTABLE_VIEWS = 48
TURN_SECONDS = 4.0

Pictures = UInt8[np.ndarray, "views size size 3"]


@dataclass
class RenderReport:
    """What came of a ``render``: what ``--json`` prints."""

    prompt: str
    files: list[str]
    views: int
    size: int
    notes: list[str]
    checkpoint: str
    checkpoint_hash: str
    device: str
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds: load, text, render, write, total."""


def as_text(report: RenderReport) -> str:
    """Where the pictures went, and their notes, as lines for a person."""
    what = f"{report.views} views of {report.size} x {report.size}"
    return "\n".join([f"{report.files[0]}: {what}", *(f"  note: {note}" for note in report.notes)])


def render(
    prompt: str,
    output: Path,
    views: int | None,
    size: int,
    shading: Shading,
    conditions: Mapping[str, float],
    checkpoint: Path | None,
    device: str,
    accelerator: str,
    progress: ProgressCallback,
    started: float,
) -> RenderReport:
    """Views evenly around the object from the front on: side by side in a .png, in turn otherwise.

    Raises:
        BadRequest: an ending that is none of :data:`FORMATS`, or a number out of range.
        BadPrompt, CheckpointError, OutputError: as their names say.
    """
    (said,), objects = objects_among([prompt])
    prompt = normalize_prompt(said)
    count = _check(output, views, size)
    check_folder(output)
    progress(0.0, "load")
    from ..engine import Engine
    from ..rendering.turntable import Turntable
    from .automatic import candidates, choose

    if checkpoint is None:
        checkpoint = choose(candidates(), prompt, objects).path
    engine = Engine(checkpoint, device, accelerator)
    loaded = time.perf_counter()
    source, notes = engine.field(prompt, conditions, objects)
    embedded = time.perf_counter()
    turntable = Turntable(source)
    pictures = np.empty((count, size, size, 3), dtype=np.uint8)
    for view in range(count):
        progress(view / count, "render")
        rgb, _ = turntable.view(360.0 * view / count, size, shading)
        pictures[view] = np.rint(rgb * 255.0)
    rendered = time.perf_counter()
    write_files({output: _encode(pictures, output.suffix.lower())})
    finished = time.perf_counter()
    progress(1.0, "done")
    return RenderReport(
        prompt=prompt,
        files=[str(output)],
        views=count,
        size=size,
        notes=notes,
        checkpoint=str(engine.checkpoint.path),
        checkpoint_hash=engine.checkpoint.sha256,
        device=str(engine.device),
        timings={
            "load": loaded - started,
            "text": embedded - loaded,
            "render": rendered - embedded,
            "write": finished - rendered,
            "total": finished - started,
        },
    )


def _check(output: Path, views: int | None, size: int) -> int:
    """The number of views; raises BadRequest when something cannot be."""
    check_name(output, ".png")
    check_ending(output, FORMATS, "picture")
    ending = output.suffix.lower()
    count = (1 if ending == ".png" else TURNTABLE_VIEWS) if views is None else views
    for name, value, (low, high) in (("views", count, VIEWS), ("size", size, SIZE)):
        if not low <= value <= high:
            raise BadRequest(
                f"{name} must be a whole number from {low} to {high}, not {value}",
                f"choose a value from {low} to {high}",
            )
    if ending == ".mp4" and size % 2:
        raise BadRequest(f"an .mp4 needs an even size, not {size}", f"use {size + 1}")
    return count


def _encode(pictures: Pictures, ending: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    if ending == ".png":
        strip = pictures.transpose(1, 0, 2, 3).reshape(pictures.shape[1], -1, 3)
        Image.fromarray(strip).save(file, format="PNG")
    elif ending == ".gif":
        first, *rest = (Image.fromarray(picture) for picture in pictures)
        first.save(
            file,
            format="GIF",
            save_all=True,
            append_images=rest,
            duration=max(20, round(1000 * TURN_SECONDS / len(pictures))),
            loop=0,
        )
    else:
        return _mp4(pictures)
    return file.getvalue()


def _mp4(pictures: Pictures) -> bytes:
    import imageio.v2 as imageio

    with working_folder() as folder:
        path = folder / "turntable.mp4"
        rate = len(pictures) / TURN_SECONDS
        imageio.mimwrite(
            path,
            list(pictures),
            fps=max(rate, 1.0),
            codec="libx264",
            quality=8,
            macro_block_size=2,
        )
        return path.read_bytes()

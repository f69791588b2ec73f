"""Calls the engine and turns what it returns into files and messages."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from ..progress import CancelToken, ProgressCallback
from ..protocol.messages import (
    GenerateParams,
    GenerateResult,
    RenderParams,
    RenderResult,
)
from ..version import VERSION
from .result_folder import Session

if TYPE_CHECKING:
    from .engine_pool import EngineLike


def generate(
    engine: EngineLike,
    params: GenerateParams,
    session: Session,
    progress: ProgressCallback,
    cancel: CancelToken,
) -> GenerateResult:
    """Make a mesh and write its arrays to a new file of the session."""
    start = time.perf_counter()
    if params.chain:
        made = engine.between(params.chain, params.alpha, params, progress, cancel)
    else:
        made = engine.generate(params.prompt, params, progress, cancel)
    arrays = {
        "vertices": made.vertices,
        "faces": made.faces,
        "uvs": made.uvs,
        "texture": made.texture,
    }
    if made.normal_map is not None:
        arrays["normal_map"] = made.normal_map
    cancel.check()
    path = session.write_arrays(arrays)
    return GenerateResult(
        mesh=str(path),
        prompt=made.prompt,
        vertices=len(made.vertices),
        faces=len(made.faces),
        timings=dict(made.timings) | {"total": time.perf_counter() - start},
        notes=list(made.notes),
        checkpoint=str(engine.info()["checkpoint"]),
        checkpoint_hash=made.checkpoint_hash,
        version=VERSION,
    )


def render(
    engine: EngineLike,
    params: RenderParams,
    session: Session,
    progress: ProgressCallback,
    cancel: CancelToken,
) -> RenderResult:
    """Render a prompt and write the views side by side to a new PNG file of the session."""
    import torch
    from PIL import Image

    from ..rendering.cameras import orbit
    from ..rendering.volume import render_field

    start = time.perf_counter()
    progress(0.0, "text")
    field, notes = engine.field(params.prompt)
    cameras = orbit(params.views)
    pictures = []
    for view in range(params.views):
        progress(view / params.views, "render")  # raises Cancelled when asked to stop
        pictures.append(render_field(field, cameras[view : view + 1], params.size)[0][0])
    cancel.check()
    strip = torch.cat(pictures, dim=1).mul(255).round().byte().cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(strip).save(file, format="PNG")
    info = engine.info()
    return RenderResult(
        image=str(session.write_bytes(file.getvalue(), ".png")),
        prompt=params.prompt,
        timings={"total": time.perf_counter() - start},
        notes=list(notes),
        checkpoint=str(info["checkpoint"]),
        checkpoint_hash=str(info["checkpoint_hash"]),
    )

"""What the worker does for each job: calls the engine, and makes files and messages of its answer.

A method of the protocol that takes time is one function here, under its name in
:data:`backend.protocol.messages.METHODS`. The methods that are answered at once are the worker's.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import VERSION
from ..progress import CancelToken, ProgressCallback
from ..prompts.chain import check_chain, check_place
from ..prompts.materials import PLAIN
from ..prompts.mixes import check_mix, check_path
from ..prompts.normalize import normalize_prompt
from ..protocol.errors import BadRequest
from ..protocol.messages import (
    GenerateParams,
    GenerateResult,
    InterpolatedKey,
    InterpolateParams,
    InterpolateResult,
    InvertParams,
    InvertResult,
    ObjectCode,
    PreviewParams,
    PreviewResult,
    RenderParams,
    RenderResult,
)
from .result_folder import ResultFolder

if TYPE_CHECKING:
    from ..engine import Engine

P = TypeVar("P")


@dataclass(frozen=True)
class Context:
    """What a job works with."""

    engine: Engine
    """Loaded with the checkpoint that the request names."""
    results: ResultFolder
    progress: ProgressCallback
    cancel: CancelToken

    def origin(self) -> dict[str, str]:
        """The result's fields that say where it comes from."""
        info = self.engine.info()
        return {name: str(info[name]) for name in ("checkpoint", "checkpoint_hash")}


@dataclass(frozen=True)
class JobMethod:
    """How a method is answered by a job."""

    run: Callable[[Any, Context], object]
    """Turns the parameters into the result; runs in the thread that may touch the model."""
    check: Callable[[Any], object]
    """Raises Att3dError for what can be refused at once, before the job is queued."""
    latest: bool
    """Whether only the last of the requests that wait is worth an answer."""


JOBS: dict[str, JobMethod] = {}
"""Every method that is answered by a job."""


def _job(
    name: str, check: Callable[[Any], object], latest: bool = False
) -> Callable[[Callable[[P, Context], object]], Callable[[P, Context], object]]:
    def register(run: Callable[[P, Context], object]) -> Callable[[P, Context], object]:
        JOBS[name] = JobMethod(run, check, latest)
        return run

    return register


def _check_generate(params: GenerateParams) -> None:
    if params.chain:
        _check_between(params.chain, params.alpha, params.weights)
    else:
        normalize_prompt(params.prompt)


def _check_between(prompts: list[str], alpha: float, weights: list[float]) -> None:
    if weights:
        check_mix(prompts, weights)
    else:
        check_place(prompts, alpha)


def _check_interpolate(params: InterpolateParams) -> None:
    if params.weights:
        check_path(params.prompts, params.weights)
    else:
        check_chain(params.prompts)


@_job("generate", _check_generate)
def generate(params: GenerateParams, job: Context) -> GenerateResult:
    """A prompt, or a place in a chain, becomes a textured mesh."""
    start = time.perf_counter()
    if params.chain:
        made = job.engine.between(
            params.chain,
            params.weights or params.alpha,
            params,
            job.progress,
            job.cancel,
            params.conditions,
            params.objects,
        )
    else:
        made = job.engine.generate(
            params.prompt, params, job.progress, job.cancel, params.conditions, params.objects
        )
    import numpy as np

    arrays = {
        "vertices": made.vertices,
        "faces": made.faces,
        "uvs": made.uvs,
        "texture": made.texture,
    }
    if made.normal_map is not None:
        arrays["normal_map"] = made.normal_map
    if made.finish != PLAIN:
        arrays["finish"] = np.array(made.finish, dtype=np.float32)
    if made.finish_map is not None:
        arrays["finish_map"] = made.finish_map
    job.cancel.check()
    return GenerateResult(
        mesh=job.results.write_arrays(arrays),
        prompt=made.prompt,
        vertices=len(made.vertices),
        faces=len(made.faces),
        timings=_timings(made.timings, start),
        notes=list(made.notes),
        version=VERSION,
        **job.origin(),
    )


@_job("render", lambda params: normalize_prompt(params.prompt))
def render(params: RenderParams, job: Context) -> RenderResult:
    """Volume-rendered views of a prompt, side by side in one PNG."""
    import numpy as np
    from PIL import Image

    from ..rendering.turntable import Turntable

    start = time.perf_counter()
    job.progress(0.0, "text")
    field, notes = job.engine.field(params.prompt, params.conditions, params.objects)
    turntable = Turntable(field, job.cancel)
    pictures = []
    for view in range(params.views):
        job.progress(view / params.views, "render")  # raises Cancelled when asked to stop
        pictures.append(turntable.view(360.0 * view / params.views, params.size)[0])
    job.cancel.check()
    strip = np.rint(np.concatenate(pictures, axis=1) * 255.0).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(strip).save(file, format="PNG")
    return RenderResult(
        image=job.results.write_bytes(file.getvalue(), ".png"),
        prompt=params.prompt,
        timings=_timings({}, start),
        notes=list(notes),
        **job.origin(),
    )


@_job("interpolate", _check_interpolate)
def interpolate(params: InterpolateParams, job: Context) -> InterpolateResult:
    """A chain of prompts becomes one mesh whose vertices and texture change."""
    start = time.perf_counter()
    made = job.engine.interpolate(
        params.prompts,
        params,
        job.progress,
        job.cancel,
        params.conditions,
        params.objects,
        params.weights,
    )
    job.cancel.check()
    keys = zip(made.alphas, made.names, made.prompts_of_keys(), strict=True)
    return InterpolateResult(
        mesh=job.results.write_arrays(
            {
                "faces": made.faces,
                "uvs": made.uvs,
                "positions": made.positions,
                "alphas": made.alphas,
                "textures": made.textures,
                "texture_alphas": made.texture_alphas,
            }
        ),
        prompts=list(made.prompts),
        keys=[
            InterpolatedKey(alpha=float(alpha), name=name, prompt=prompt)
            for alpha, name, prompt in keys
        ],
        vertices=made.positions.shape[1],
        faces=len(made.faces),
        quality=list(made.quality),
        between=list(made.between),
        drift_pct=made.drift_pct,
        changes=list(made.changes),
        timings=_timings(made.timings, start),
        notes=list(made.notes),
        version=VERSION,
        **job.origin(),
    )


@_job(
    "preview",
    lambda params: _check_between(params.prompts, params.alpha, params.weights),
    latest=True,
)
def preview(params: PreviewParams, job: Context) -> PreviewResult:
    """The object at one place of a chain, quick and untextured."""
    start = time.perf_counter()
    made = job.engine.preview(
        params.prompts,
        params.weights or params.alpha,
        params.resolution,
        params.conditions,
        params.objects,
    )
    job.cancel.check()
    arrays = {"vertices": made.vertices, "faces": made.faces, "colors": made.colors}
    return PreviewResult(
        mesh=job.results.write_arrays(arrays),
        alpha=params.alpha,
        vertices=len(made.vertices),
        faces=len(made.faces),
        timings=_timings(made.timings, start),
        notes=list(made.notes),
        **job.origin(),
    )


def _check_invert(params: InvertParams) -> None:
    normalize_prompt(params.name)
    if bool(params.path) == bool(params.data):
        raise BadRequest("invert takes a path or data, one of the two.")


@_job("invert", _check_invert)
def invert(params: InvertParams, job: Context) -> InvertResult:
    """A model of the person's own becomes an object that the checkpoint can make."""
    from ..inversion.read_model import model_from_base64, read_model

    start = time.perf_counter()
    model = model_from_base64(params.data) if params.data else read_model(Path(params.path))
    stages, found = job.engine.invert(model, params.turn, job.progress, job.cancel)
    origin = job.origin()
    code = [float(number) for number in found.code]
    return InvertResult(
        name=normalize_prompt(params.name),
        object=ObjectCode(code=code, checkpoint_hash=origin["checkpoint_hash"]),
        psnr=found.likeness.psnr,
        iou=found.likeness.iou,
        nearest=found.nearest,
        far=found.far,
        timings=_timings(stages, start),
        notes=found.notes,
        **origin,
    )


def _timings(stages: Mapping[str, float], start: float) -> dict[str, float]:
    return dict(stages) | {"total": time.perf_counter() - start}

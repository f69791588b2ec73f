"""The methods about chains: calls the engine and turns what it returns into files and messages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..progress import CancelToken, ProgressCallback
from ..prompts.chain import check_chain, check_place
from ..protocol.messages import (
    InterpolatedKey,
    InterpolateParams,
    InterpolateResult,
    PreviewParams,
    PreviewResult,
)
from ..version import VERSION
from .result_folder import Session

if TYPE_CHECKING:
    from .engine_pool import EngineLike


def check_interpolate(params: InterpolateParams) -> None:
    """Raises BadRequest or BadPrompt for what can be refused at once."""
    check_chain(params.prompts)


def check_preview(params: PreviewParams) -> None:
    """Raises BadRequest or BadPrompt for what can be refused at once."""
    check_place(params.prompts, params.alpha)


def interpolate(
    engine: EngineLike,
    params: InterpolateParams,
    session: Session,
    progress: ProgressCallback,
    cancel: CancelToken,
) -> InterpolateResult:
    """Track a chain and write its arrays to a new file of the session."""
    start = time.perf_counter()
    made = engine.interpolate(params.prompts, params, progress, cancel)
    cancel.check()
    path = session.write_arrays(
        {
            "faces": made.faces,
            "uvs": made.uvs,
            "positions": made.positions,
            "alphas": made.alphas,
            "textures": made.textures,
        }
    )
    return InterpolateResult(
        mesh=str(path),
        prompts=list(made.prompts),
        keys=[
            InterpolatedKey(alpha=float(alpha), name=name, prompt=prompt)
            for alpha, name, prompt in zip(
                made.alphas, made.names, made.prompts_of_keys(), strict=True
            )
        ],
        vertices=made.positions.shape[1],
        faces=len(made.faces),
        quality=list(made.quality),
        between=list(made.between),
        drift_pct=made.drift_pct,
        changes=list(made.changes),
        timings=dict(made.timings) | {"total": time.perf_counter() - start},
        notes=list(made.notes),
        checkpoint=str(engine.info()["checkpoint"]),
        checkpoint_hash=made.checkpoint_hash,
        version=VERSION,
    )


def preview(
    engine: EngineLike, params: PreviewParams, session: Session, cancel: CancelToken
) -> PreviewResult:
    """Decode one place of a chain and write its arrays to a new file of the session."""
    start = time.perf_counter()
    made = engine.preview(params.prompts, params.alpha, params.resolution)
    cancel.check()
    path = session.write_arrays(
        {"vertices": made.vertices, "faces": made.faces, "colors": made.colors}
    )
    return PreviewResult(
        mesh=str(path),
        alpha=params.alpha,
        vertices=len(made.vertices),
        faces=len(made.faces),
        timings=dict(made.timings) | {"total": time.perf_counter() - start},
        notes=list(made.notes),
        checkpoint=str(engine.info()["checkpoint"]),
        checkpoint_hash=made.checkpoint_hash,
    )

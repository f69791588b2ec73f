"""A refinement, from a checkpoint and a prompt to a mesh (A26)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from backend.export.formats import check_output, write_mesh
from backend.model.field import Field
from backend.protocol.errors import TrainingError
from backend.protocol.options import MeshOptions

from ..amortized.one_prompt import OnePrompt
from ..amortized.run import build_guidance
from ..runs.folder import locked
from ..runs.log import TENSORBOARD
from ..runs.ranges import check_ranges
from ..runs.state import STATE_FILE
from .config import RefineConfig
from .mesh import RefinedSurface, contoured, painted
from .progress_sheet import RefineWatcher
from .renderer import MeshRenderer


def refine(checkpoint: Path, prompt: str, config: RefineConfig) -> Path:
    """Train vertices and colors to the end of ``config``; returns the mesh's path.

    The model stays as it is. A run that was interrupted goes on from its last state.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        BadPrompt: the prompt is empty or too long.
        BadRequest: the object has no surface, or an option of the mesh is out of range.
        TrainingError, NotDownloaded, OutputError: as :func:`~training.amortized.run.train`.
    """
    check_ranges(config)
    with locked(config.folder, (STATE_FILE, "sheets/", TENSORBOARD)):
        return _refine(checkpoint, prompt, config)


def _refine(checkpoint: Path, prompt: str, config: RefineConfig) -> Path:
    options = MeshOptions(config.faces, config.texture_size, config.resolution)
    if config.interpolation.kind != "none":
        raise TrainingError("one prompt has nothing in between", "leave out --interpolation.*")
    check_output(config.mesh)
    start = OnePrompt(checkpoint, prompt, config)
    config = dataclasses.replace(config, model=start.model.config)
    # All along in its own proportions, like the references; stretched at the end.
    asked = start.checkpoint.field(start.encoder.encode([start.prompt])[0])
    field = Field(start.model, asked.latent)
    vertices, faces = contoured(field, options)
    renderer = MeshRenderer(faces, config.rendering, config.cameras)
    surface = RefinedSurface(start.model, vertices, faces, stiffness=config.stiffness)
    guidance = build_guidance(
        config, start.prompts, start.encoder, start.assets, start.device, renderer
    )
    trainer = start.trainer(config, guidance, surface)
    watcher = RefineWatcher(config, renderer, start.assets and start.assets.unstretched())
    if trainer.accelerator.is_main_process:
        watcher.first(trainer)
    trainer.run(watcher)
    if trainer.accelerator.is_main_process:
        moved = asked.stretched(surface.vertices.detach()).cpu().double().numpy()
        tuned = Field(start.model, field.latent, surface.values.detach(), start.proportions)
        mesh = painted(tuned, moved, faces, config.texture_size)
        mesh.prompt, mesh.checkpoint_hash = start.prompt, start.checkpoint.sha256
        write_mesh(mesh, config.mesh)
    watcher.close()
    trainer.close()
    return config.mesh

"""From a checkpoint and a prompt to a refined mesh (A26)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from backend.engine import choose_device
from backend.mesh.export import check_output, write_mesh
from backend.mesh.options import MeshOptions
from backend.model.checkpoint import load_checkpoint
from backend.model.field import Field
from backend.protocol.errors import TrainingError
from backend.text.normalise import normalise_prompt

from ..guidance.toybox_assets import reference_assets
from ..loop import Trainer
from ..prompts import PromptSet
from ..run import build_guidance, embedder
from .config import RefineConfig
from .mesh import contoured, painted
from .renderer import MeshRenderer
from .surface import RefinedSurface
from .watch import RefineWatcher


def refine(checkpoint: Path, prompt: str, config: RefineConfig) -> Path:
    """Train vertices and colours to the end of ``config``; returns the mesh's path.

    The model stays as it is. A run that was interrupted goes on from its last state.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        BadPrompt: the prompt is empty or too long.
        BadRequest: the object has no surface, or an option of the mesh is out of range.
        TrainingError, NotDownloaded, OutputError: as :func:`~training.run.train`.
    """
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    options = MeshOptions(config.faces, config.texture_size, config.resolution)
    check_output(config.mesh)
    loaded = load_checkpoint(checkpoint, device)
    prompt = normalise_prompt(prompt)
    if config.interpolation.kind != "none":
        raise TrainingError("one prompt has nothing in between", "leave out --interpolation.*")
    prompts = PromptSet(f"{loaded.metadata.name}, {prompt!r}", (prompt,), (0,), ())
    config = dataclasses.replace(
        config, model=loaded.model.config, start=f"{loaded.sha256} {prompt}"
    )
    encoder = loaded.encoder()
    embedding = encoder.encode([prompt])[0]
    field = loaded.field(embedding)
    vertices, faces = contoured(field, options)
    assets = reference_assets(prompts.prompts, device, compiled=config.compiled)
    renderer = MeshRenderer(faces, config.rendering, config.cameras)
    surface = RefinedSurface(loaded.model, vertices, faces, stiffness=config.stiffness)
    trainer = Trainer(
        config=config,
        model=loaded.model,
        embed=embedder(prompts, encoder, 0.0),
        guidance=build_guidance(config, prompts, encoder, assets, device, renderer),
        seen=prompts.seen,
        device=device,
        offset=surface,
    )
    watcher = RefineWatcher(config, renderer, assets)
    if trainer.accelerator.is_main_process:
        watcher.first(trainer)
    trainer.run(watcher)
    if trainer.accelerator.is_main_process:
        moved = surface.vertices.detach().cpu().double().numpy().astype(np.float64)
        tuned = Field(loaded.model, field.latent, surface.values.detach())
        mesh = painted(tuned, moved, faces, config.texture_size)
        mesh.prompt, mesh.checkpoint_hash = prompt, loaded.sha256
        write_mesh(mesh, config.mesh)
    watcher.close()
    trainer.close()
    return config.mesh

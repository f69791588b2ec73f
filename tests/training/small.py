"""A real run, cut down to seconds."""

import dataclasses

from backend.model.config import GridConfig
from training.presets import preset


def small_config(folder, **changes):
    """The tiny preset, cut down to seconds."""
    base = preset("toybox-tiny")
    return dataclasses.replace(
        base,
        run=folder,
        steps=4,
        batch=2,
        save_every=2,
        sheet_every=4,
        watched=1,
        compiled=False,
        device="cpu",
        model=dataclasses.replace(base.model, latent=4, grid=GridConfig((5, 9), support="ball")),
        references=dataclasses.replace(
            base.references, size=16, rays=8, samples=8, points=64, picture_every=2
        ),
        **changes,
    )

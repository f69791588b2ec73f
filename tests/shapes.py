"""How the suite checks annotations: shapes and types of every call, an int where a float may be."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

CHECKED = (
    "backend.accelerator",
    "backend.atlas",
    "backend.commands",
    "backend.drawn",
    "backend.engine",
    "backend.export",
    "backend.faint_parts",
    "backend.field_reader",
    "backend.inversion",
    "backend.inference",
    "backend.loading",
    "backend.mesh_pipeline",
    "backend.model",
    "backend.recolored",
    "backend.prompt_reader",
    "backend.real_size",
    "backend.rendering",
    "backend.srgb",
    "backend.surface",
    "backend.text",
    "backend.textured_mesh",
    "backend.tracking",
    "training.amortized",
    "training.assets",
    "training.clip",
    "training.diffusion",
    "training.figures",
    "training.guidance",
    "training.library",
    "training.prompts",
    "training.refinement",
    "training.rendering",
    "training.toybox.kernels",
    "training.toybox.render",
    "training.toybox.sampling",
    "training.toybox.sheet",
    "training.toybox.table",
)
"""Every package with annotated shapes; ``tests/test_shapes.py`` finds one that is not here."""

TRACED = ("training.toybox.distance",)
"""Modules that ``torch.compile`` traces whole, through no check; the toybox's kernels, which call
them, are checked."""

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Python's numeric tower (PEP 484): what takes a float takes an int."""

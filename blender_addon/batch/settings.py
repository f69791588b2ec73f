"""What a scene remembers of its batch: the list of prompts, and the grid of its objects."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import FloatProperty, IntProperty, PointerProperty

SPACING = 2.0
"""Metres between neighbours: objects are at most 2 m wide."""


def columns_property(**more: Any) -> Any:
    """The columns of the grid, for the scene and for the operator."""
    return IntProperty(
        name="Columns",
        description="Objects in each row of the grid; 0: as many as make it square",
        default=0,
        min=0,
        soft_max=20,
        **more,
    )


def spacing_property(**more: Any) -> Any:
    """The distance of neighbours, for the scene and for the operator."""
    return FloatProperty(
        name="Spacing",
        description="Distance between neighbours in the grid. Objects are at most 2 m wide",
        default=SPACING,
        min=0.01,
        soft_min=0.5,
        soft_max=5.0,
        subtype="DISTANCE",
        **more,
    )


class BatchSettings:
    """The batch of a scene; part of ``scene.att3d``."""

    batch_text: PointerProperty(
        type=bpy.types.Text,
        name="List of Prompts",
        description="A text with one prompt on each line; lines that begin with # are left out",
    )
    batch_columns: columns_property()
    batch_spacing: spacing_property()

"""What a scene remembers of its exports; the operators have the same options."""

from __future__ import annotations

from typing import Any

from bpy.props import EnumProperty, FloatProperty

from .formats import FORMATS

COLORS = [
    ("NOW", "As Shown Now", "The colors at the current frame, all the time"),
    ("VALUE", "Of One Place", "The colors at a chosen value of Interpolation, all the time"),
    (
        "VERTEX",
        "Of the Points",
        "A color for each point of the mesh, which changes with the shape. Coarser than a texture, "
        "but glTF, USD and Alembic keep the change",
    ),
    (
        "SEQUENCE",
        "A Picture a Frame",
        "Pictures of the changing colors, one a frame, in a folder. Blender plays them; "
        "glTF, USD and Alembic do not",
    ),
]
"""Choices of colors, as items of an enum property."""


def colors_property() -> Any:
    """Which colors are baked, for the scene and for the operators."""
    return EnumProperty(
        name="Colors",
        description="What becomes of the changing colors in the export",
        items=COLORS,
        default="NOW",
    )


def value_property() -> Any:
    """Where the colors of one place are taken from, for the scene and for the operators."""
    return FloatProperty(
        name="Interpolation",
        description="Where the colors of the export are taken from: 0 is the first prompt",
        default=0.0,
        min=0.0,
        soft_max=15.0,
    )


class ExportSettings:
    """The export of a scene; part of ``scene.att3d``."""

    export_format: EnumProperty(
        name="Format",
        description="What the animated object is exported to",
        items=[(known.identifier, known.label, known.description) for known in FORMATS],
    )
    export_colors: colors_property()
    export_value: value_property()

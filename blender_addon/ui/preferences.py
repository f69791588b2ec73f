"""The preferences of this extension, for whoever reads them; ``setup`` has their page."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import bpy

if TYPE_CHECKING:
    from bpy.types import Context

    from ..setup.preferences import Preferences

EXTENSION = (__package__ or "").rsplit(".", 2)[0]
"""The extension's package, ``bl_ext.<repository>.att3d``: its name in Blender's preferences."""


def preferences(context: Context | None = None) -> Preferences:
    """The preferences of this extension."""
    addons = (context or bpy.context).preferences.addons
    return cast("Preferences", addons[EXTENSION].preferences)

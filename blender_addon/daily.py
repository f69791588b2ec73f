"""Daily use: everything around one prompt and one result, registered together.

known, suggestions   what the checkpoint knows, while typing
again                Regenerate, Duplicate as Variant
history/             what was made
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import bpy

from .assets import operators as asset_operators
from .batch import operators as batch_operators
from .batch import panel as batch_panel
from .checkpoints import operators, panel
from .generate import last_options, presets, regenerate, suggestions
from .history import operators as history_operators
from .history import panel as history_panel
from .history import record
from .ui import icons, menus

CLASSES = (
    *suggestions.CLASSES,
    *regenerate.CLASSES,
    *presets.CLASSES,
    *asset_operators.CLASSES,
    *operators.CLASSES,
    *panel.CLASSES,
    *batch_operators.CLASSES,
    *batch_panel.CLASSES,
    *menus.CLASSES,
    *history_operators.CLASSES,
    *history_panel.CLASSES,
)


def register() -> None:
    """After the classes."""
    bpy.types.WindowManager.att3d_history = bpy.props.PointerProperty(
        type=history_panel.HistoryView,
        name="ATT3D History",
        description="What the history panel shows",
    )
    last_options.register()
    menus.register()
    asset_operators.register()


def unregister() -> None:
    """Before the classes."""
    asset_operators.unregister()
    menus.unregister()
    last_options.unregister()
    record.forget()
    icons.forget()
    del bpy.types.WindowManager.att3d_history

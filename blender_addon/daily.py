"""Daily use: everything around one prompt and one result, registered together.

known, suggestions   what the checkpoint knows, while typing
again                Regenerate, Duplicate as Variant
history/             what was made
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import bpy

from . import again, icons, suggestions
from .history import operators as history_operators
from .history import panel as history_panel
from .history import record

CLASSES = (
    *suggestions.CLASSES,
    *again.CLASSES,
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


def unregister() -> None:
    """Before the classes."""
    record.forget()
    icons.forget()
    del bpy.types.WindowManager.att3d_history

"""The rows of the list in the sidebar (``scene.att3d.chain``)."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty, StringProperty

from . import live

if TYPE_CHECKING:
    from bpy.types import Context

    from .store import Chain

SPACING = 48
"""Frames between a new row and the one before: two seconds at 24 frames a second."""


def _prompt_changed(row: ChainRow, context: Context) -> None:
    live.prompts_changed(row.id_data)


class ChainRow(bpy.types.PropertyGroup):
    """One prompt of a chain and when it is shown."""

    prompt: StringProperty(
        name="Prompt",
        description="What the object is at this frame, in a few words",
        update=_prompt_changed,
    )
    frame: IntProperty(
        name="Frame",
        description=(
            "When the object is just this. Between two frames it changes from the one prompt to "
            "the other"
        ),
        default=1,
        options=set(),
    )


def rows_of(scene: bpy.types.Scene) -> list[tuple[str, int]]:
    """Prompts and frames of the list, as they stand there."""
    return [(row.prompt, row.frame) for row in scene.att3d.chain]


def show_chain(scene: bpy.types.Scene, chain: Chain) -> None:
    """Put a chain into the list."""
    rows = scene.att3d.chain
    if rows_of(scene) == list(zip(chain.prompts, chain.frames, strict=True)):
        return
    rows.clear()
    for prompt, frame in zip(chain.prompts, chain.frames, strict=True):
        row = rows.add()
        row.prompt, row.frame = prompt, frame
    scene.att3d.chain_index = min(max(scene.att3d.chain_index, 0), len(rows) - 1)


def next_frame(scene: bpy.types.Scene) -> int:
    """Where a new row goes: after the last, or at the start of the scene."""
    rows = scene.att3d.chain
    return max(row.frame for row in rows) + SPACING if rows else scene.frame_start

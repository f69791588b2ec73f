"""Help: the manual, which the extension carries as one page; no network is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

if TYPE_CHECKING:
    from bpy.types import Context

PAGE = Path(__file__).with_name("manual.html")
"""The manual of a built zip. A checkout has the text that it is made of."""
SOURCE = Path(__file__).parents[2] / "docs" / "manual.md"


def manual() -> Path | None:
    """The manual's file; None where neither is there."""
    return next((path for path in (PAGE, SOURCE) if path.is_file()), None)


class ATT3D_OT_manual(bpy.types.Operator):
    """Open the manual in the browser: every button, and what to do about every message"""

    bl_idname = "att3d.manual"
    bl_label = "Manual"

    def execute(self, context: Context) -> set[str]:
        page = manual()
        if page is None:
            self.report({"WARNING"}, rpt_("The extension was built without its manual"))
            return {"CANCELLED"}
        if not bpy.app.background:
            bpy.ops.wm.url_open(url=page.as_uri())
        self.report({"INFO"}, str(page))
        return {"FINISHED"}


def draw_manual(panel: bpy.types.Panel, context: Context) -> None:
    """The button in a panel's header."""
    row = panel.layout.row(align=True)
    row.operator("att3d.manual", text="", icon="HELP", emboss=False)
    if panel.use_pin:
        row.label(text="", icon="BLANK1")  # Blender draws the pin over the header's end


CLASSES = (ATT3D_OT_manual,)

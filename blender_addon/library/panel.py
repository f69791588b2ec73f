"""*Trainings* in the "ATT3D" tab: trainings on exported models, and their checkpoints to add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...backend.protocol.errors import Att3dError
from ..process.session import redraw
from ..ui.status_text import told
from .awaited import Training, awaited, unwatch, watch

if TYPE_CHECKING:
    from bpy.types import Context


class ATT3D_PT_library(bpy.types.Panel):
    """What is trained on exported models, or is to be; shown while there is something."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ATT3D"
    bl_label = "Trainings"
    bl_parent_id = "ATT3D_PT_create"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return bool(awaited.trainings)

    def draw(self, context: Context) -> None:
        for training in awaited.trainings:
            row = self.layout.row(align=True)
            if training in awaited.finished:
                text = iface_("Add “{name}”").format(name=training.name)
                button = row.operator(
                    "att3d.add_checkpoint", text=text, icon="ADD", translate=False
                )
                button.filepath = str(training.checkpoint)
                button.automatic = True
            else:
                text = iface_("“{name}” is not trained yet").format(name=training.name)
                row.label(text=text, icon="TIME", translate=False)
                button = row.operator("att3d.copy_training", text="", icon="COPYDOWN")
                button.folder = str(training.folder)
            button = row.operator("att3d.forget_training", text="", icon="X")
            button.folder = str(training.folder)


class ATT3D_OT_copy_training(bpy.types.Operator):
    """Copy the commands that train on the exported models, for a terminal"""

    bl_idname = "att3d.copy_training"
    bl_label = "Copy Commands"

    folder: StringProperty(
        name="Folder", description="The exported models", options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, context: Context) -> set[str]:
        command = Training(Path(self.folder)).command
        context.window_manager.clipboard = command
        self.report({"INFO"}, rpt_("To the clipboard: {command}").format(command=command))
        return {"FINISHED"}


class ATT3D_OT_forget_training(bpy.types.Operator):
    """Wait for this training no longer. Its files stay, and its model can be added from its file"""

    bl_idname = "att3d.forget_training"
    bl_label = "Forget Training"

    folder: StringProperty(
        name="Folder", description="The exported models", options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, context: Context) -> set[str]:
        try:
            awaited.forget(Training(Path(self.folder)))
        except Att3dError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        redraw()
        return {"FINISHED"}


def register() -> None:
    watch()


def unregister() -> None:
    unwatch()


CLASSES = (ATT3D_PT_library, ATT3D_OT_copy_training, ATT3D_OT_forget_training)

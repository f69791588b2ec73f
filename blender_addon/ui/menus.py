"""Everything also in Blender's menus, so that F3 finds it and no mouse is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from bpy.types import Context


class ATT3D_MT_add(bpy.types.Menu):
    """What makes new objects; in the viewport's Add menu."""

    bl_idname = "ATT3D_MT_add"
    bl_label = "ATT3D"

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("att3d.ask_prompt", icon="SHADERFX")
        layout.operator("att3d.batch", icon="IMGDISPLAY")
        layout.operator("att3d.animate", icon="ANIM").rebuild = False
        layout.operator("att3d.slider_start", icon="PLAY")
        layout.operator("att3d.history_restore", text="Restore the Last Result", icon="IMPORT")


class ATT3D_MT_object(bpy.types.Menu):
    """What is done with an object of ours; in the viewport's Object menu."""

    bl_idname = "ATT3D_MT_object"
    bl_label = "ATT3D"

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("att3d.regenerate", icon="FILE_REFRESH")
        layout.operator("att3d.variant", icon="DUPLICATE")
        layout.operator("att3d.use_prompt", icon="EYEDROPPER")
        layout.operator("att3d.mark_asset", icon="ASSET_MANAGER")
        layout.separator()
        layout.operator("att3d.chain_load", icon="IMPORT")
        layout.operator("att3d.animate", text="Rebuild", icon="FILE_REFRESH").rebuild = True
        layout.operator("att3d.bake_for_export", icon="ACTION")
        layout.operator("att3d.export_animation", icon="EXPORT")
        layout.separator()
        layout.operator("att3d.history_compare", text="Compare Results", icon="IMAGE_DATA")
        layout.operator("att3d.checkpoint_card", icon="TEXT")
        layout.operator("att3d.open_checkpoint", icon="ADD")
        layout.separator()
        layout.operator("att3d.set_up", icon="IMPORT")
        layout.operator("att3d.restart_backend", icon="FILE_REFRESH")
        layout.operator("att3d.open_preferences", icon="PREFERENCES")
        layout.operator("att3d.manual", icon="HELP")


def _in_add(menu: bpy.types.Menu, context: Context) -> None:
    menu.layout.menu("ATT3D_MT_add", icon="SHADERFX")


def _in_object(menu: bpy.types.Menu, context: Context) -> None:
    menu.layout.separator()
    menu.layout.menu("ATT3D_MT_object", icon="SHADERFX")


PLACES = (("VIEW3D_MT_add", _in_add), ("VIEW3D_MT_object", _in_object))


def register() -> None:
    for name, draw in PLACES:
        getattr(bpy.types, name).append(draw)


def unregister() -> None:
    for name, draw in PLACES:
        getattr(bpy.types, name).remove(draw)


CLASSES = (ATT3D_MT_add, ATT3D_MT_object)

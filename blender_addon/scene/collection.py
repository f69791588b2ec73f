"""Where new objects go, the "ATT3D" collection of the scene; and how they come into view."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from .data_blocks import data_name, find_by_uid

NAME = "ATT3D"


def home(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's own "ATT3D" collection, made and linked at first use."""
    for collection in scene.collection.children_recursive:
        if collection.name.split(".")[0] == NAME and collection.library is None:
            return collection
    collection = bpy.data.collections.new(NAME)
    collection.color_tag = "COLOR_05"
    scene.collection.children.link(collection)
    return collection


def batch_collection(scene: bpy.types.Scene, name: str, uid: int) -> bpy.types.Collection:
    """The collection with this ``session_uid`` below the scene's "ATT3D" collection, or a new one.

    Args:
        scene: that has it.
        name: for a new one.
        uid: 0: a new one is wanted. One that has been deleted meanwhile is made again.
    """
    parent = home(scene)
    found = find_by_uid(parent.children_recursive, uid)
    if found is not None:
        return found
    collection = bpy.data.collections.new(data_name(name))
    parent.children.link(collection)
    return collection


def move_into(collection: bpy.types.Collection, ob: bpy.types.Object) -> None:
    """Put an object into a collection and out of all others."""
    for other in ob.users_collection:
        other.objects.unlink(ob)
    collection.objects.link(ob)


def select_only(context: bpy.types.Context, ob: bpy.types.Object) -> bool:
    """Make ``ob`` the active and only selected object. False when it cannot be now.

    That is so in Edit or Sculpt Mode, where taking away the active object would end the person's
    work, and when the collection is excluded from the view layer.
    """
    layer = context.view_layer
    if context.mode != "OBJECT" or ob.name not in layer.objects:
        return False
    for other in layer.objects.selected[:]:
        other.select_set(False, view_layer=layer)
    ob.select_set(True, view_layer=layer)
    layer.objects.active = ob
    return True


def why_hidden(context: bpy.types.Context, ob: bpy.types.Object) -> str:
    """Why a new object is not selected or cannot be seen now; empty where it can."""
    layer = context.view_layer
    if ob.name not in layer.objects:
        text = rpt_("“{name}” is in the collection “{collection}”, which is off in the Outliner")
        home_name = next((c.name for c in ob.users_collection), NAME)
        return text.format(name=ob.name, collection=home_name)
    if context.mode != "OBJECT":
        return rpt_("“{name}” is there; leave this mode to select it").format(name=ob.name)
    if not ob.visible_get(view_layer=layer):
        return rpt_("“{name}” is there, but its collection is hidden").format(name=ob.name)
    return ""


def frame_selected(context: bpy.types.Context) -> None:
    """Turn the window's viewports to what is selected, as Blender's *Frame Selected* does."""
    window = context.window
    for area in window.screen.areas if window is not None else ():
        region = next((r for r in area.regions if r.type == "WINDOW"), None)
        if area.type == "VIEW_3D" and region is not None:
            with context.temp_override(window=window, area=area, region=region):
                bpy.ops.view3d.view_selected()

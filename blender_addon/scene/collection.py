"""Where new objects go: the "ATT3D" collection of the scene."""

from __future__ import annotations

import bpy

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

"""Where new objects go: the "ATT3D" collection of the scene."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import bpy

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

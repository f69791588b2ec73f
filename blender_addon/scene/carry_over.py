"""What a person has added to a mesh, when another mesh takes its place.

Vertex groups are taken over: every new vertex gets the weights of the old one that was nearest.
What cannot be taken over (shape keys, painted colors, further UV maps) is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from mathutils.kdtree import KDTree

from .mesh import UV_LAYER


@dataclass(frozen=True)
class Additions:
    """What was on the old mesh of an object; :func:`additions_of` reads it."""

    groups: tuple[str, ...]
    """Names of the vertex groups."""
    weights: tuple[tuple[tuple[int, float], ...], ...]
    """The groups of each old vertex, by index, and its weights there."""
    nearest: KDTree | None
    """The old vertices; None where no vertex group needs them."""
    lost: tuple[str, ...]
    """Names of what cannot be taken over."""

    def put_on(self, ob: bpy.types.Object) -> list[str]:
        """Give the object's new mesh the vertex groups. What there is to say about all this."""
        notes = []
        if self.nearest is not None:
            ob.vertex_groups.clear()
            groups = [ob.vertex_groups.new(name=name) for name in self.groups]
            for vertex in ob.data.vertices:
                _, old, _ = self.nearest.find(vertex.co)
                for group, weight in self.weights[old]:
                    groups[group].add([vertex.index], weight, "REPLACE")
            text = rpt_("The weights of {names} were taken over to the new mesh. Look at them.")
            notes.append(text.format(names=_quoted(self.groups)))
        if self.lost:
            text = rpt_("Gone with the old mesh: {names}. Undo brings it back.")
            notes.append(text.format(names=_quoted(self.lost)))
        return notes


def additions_of(ob: bpy.types.Object, *, own_keys: bool = False) -> Additions:
    """What a person has added to the mesh of an object of ours.

    Args:
        ob: whose mesh is about to be replaced.
        own_keys: its shape keys are ours, and are made anew.
    """
    mesh = ob.data
    groups = tuple(group.name for group in ob.vertex_groups)
    weights = tuple(
        tuple((g.group, g.weight) for g in vertex.groups if g.group < len(groups))
        for vertex in (mesh.vertices if groups else ())
    )
    nearest = None
    if any(weights):
        nearest = KDTree(len(mesh.vertices))
        for vertex in mesh.vertices:
            nearest.insert(vertex.co, vertex.index)
        nearest.balance()
    lost = [layer.name for layer in mesh.uv_layers if layer.name != UV_LAYER]
    lost += [layer.name for layer in mesh.color_attributes]
    if mesh.shape_keys is not None and not own_keys:
        lost += [key.name for key in mesh.shape_keys.key_blocks[1:]]
    return Additions(groups, weights, nearest, tuple(lost))


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"“{name}”" for name in names)

"""Makes an object in the scene from the backend's arrays, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .collection import home
from .data_blocks import Together, data_name
from .material import make_material
from .mesh import fill_mesh

if TYPE_CHECKING:
    from .arrays import MeshArrays
    from .place import Placement
    from .provenance import Provenance


def add_object(
    scene: bpy.types.Scene,
    arrays: MeshArrays,
    provenance: Provenance,
    placement: Placement,
) -> bpy.types.Object:
    """Make mesh, images, material and object, and link the object into the scene.

    Nothing was made before this call. When it fails, nothing is left behind.

    Args:
        scene: that gets the object.
        arrays: from the backend.
        provenance: where it came from; it names the object.
        placement: where it stands, and how tall it is.
    """
    name = data_name(provenance.name)
    with Together() as keep:
        mesh = keep(bpy.data.meshes.new(name))
        fill_mesh(mesh, arrays)
        mesh.materials.append(make_material(name, arrays, keep))
        ob = keep(bpy.data.objects.new(name, mesh))
        placement.apply(ob, scene)
        provenance.write(ob)
        home(scene).objects.link(ob)
    return ob

"""What an animated object is at some frames, in the world."""

from __future__ import annotations

import bpy
import numpy as np

FRAMES = (1, 6, 11, 16, 21, 33, 41, 50)


def corners(ob: bpy.types.Object) -> np.ndarray:
    """f32[T, 3 F, 3] in the world, faces in their order, at every frame of :data:`FRAMES`."""
    found = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        evaluated = ob.evaluated_get(graph)
        mesh = evaluated.to_mesh()
        matrix = np.array(evaluated.matrix_world)
        positions = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", positions)
        positions = positions.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
        order = np.empty(len(mesh.loops), np.int32)
        mesh.loops.foreach_get("vertex_index", order)
        found.append(positions[order])
        evaluated.to_mesh_clear()
    return np.stack(found).astype(np.float32)

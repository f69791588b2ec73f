"""Animate a chain, save it, export it to every format, and import each file again.

python roundtrip.py JOB.json

Writes ``truth.npz`` (what the object is at some frames), ``chain.blend``, ``copy.glb`` (the baked
copy, exported with the exporter's defaults) and, for each format, ``chain.<suffix>``,
``colored.<suffix>`` (with colors at the vertices), and what Blender reads from the first,
``<suffix>.npz``: ``corners`` f32[T, 3 F, 3], the positions of the faces' corners in world space.
In a process of its own: 4.2.0 crashes when it quits after a glTF export.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "wire"))

from chain_bench import ROWS, animate
from film import FRAMES, corners
from harness import Bench
from scripted_objects import chain_arrays

IMPORTERS = {
    "glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    "usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
    "abc": lambda path: bpy.ops.wm.alembic_import(filepath=path, as_background_job=False),
}


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    bench = Bench(Path(job["zip"]), job["python"], Path(job["checkpoint"]), Path(job["folder"]))
    bench.reset()
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 50
    scene.render.fps = 24
    ob = animate(bench)
    ob.location = (1.0, -2.0, 0.5)
    ob.rotation_euler = (0.1, 0.2, 0.3)
    # Edited in the timeline, and slower in the NLA: the truth is what is seen, not what was made.
    track = ob.animation_data.nla_tracks.new()
    action = ob.animation_data.action
    strip = track.strips.new("chain", 1, action)
    if hasattr(strip, "action_slot") and strip.action_slot is None:
        strip.action_slot = action.slots[0]
    ob.animation_data.action = None
    strip.scale = 1.15
    np.savez(bench.folder / "truth.npz", corners=corners(ob), frames=FRAMES, colors=true_colors(ob))
    bpy.ops.wm.save_as_mainfile(filepath=str(bench.folder / "chain.blend"))
    # As a person might: the baked copy, with the exporter as it is set at first.
    ob.select_set(True)
    bpy.context.view_layer.objects.active = ob
    assert bpy.ops.att3d.bake_for_export() == {"FINISHED"}
    bpy.ops.export_scene.gltf(filepath=str(bench.folder / "copy.glb"), use_selection=True)
    bpy.ops.object.delete()
    ob.hide_set(False)
    bpy.context.view_layer.objects.active = ob
    for suffix in IMPORTERS:
        path = bench.folder / f"chain.{suffix}"
        assert bpy.ops.att3d.export_animation(filepath=str(path)) == {"FINISHED"}
    for suffix in ("glb", "usda", "abc"):  # .usda is a text, which needs no reader
        path = str(bench.folder / f"colored.{suffix}")
        assert bpy.ops.att3d.export_animation(filepath=path, colors="VERTEX") == {"FINISHED"}
    for suffix, load in IMPORTERS.items():
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        scene = bpy.context.scene
        scene.render.fps = 24
        load(str(bench.folder / f"chain.{suffix}"))
        meshes = [ob for ob in bpy.data.objects if ob.type == "MESH" and len(ob.data.polygons) > 50]
        if len(meshes) != 1:
            raise AssertionError(f"{suffix}: {[ob.name for ob in bpy.data.objects]}")
        np.savez(bench.folder / f"{suffix}.npz", corners=corners(meshes[0]))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    IMPORTERS["abc"](str(bench.folder / "colored.abc"))
    (ob,) = (ob for ob in bpy.data.objects if ob.type == "MESH")
    colors = [np.asarray(evaluated_colors(ob, frame)) for frame in FRAMES]
    np.savez(bench.folder / "colored.npz", colors=np.stack(colors), corners=corners(ob))


def true_colors(ob: bpy.types.Object) -> np.ndarray:
    """Green and blue of the whole object at every frame, linear light: f64[T, 2].

    The scripted backend's textures are of one green and one blue, so the mean over the vertices
    needs no look at any texture.
    """
    arrays = chain_arrays([prompt for prompt, _ in ROWS], 3)
    srgb = arrays["textures"][:, 0, 0, 1:] / 255.0
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    found = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        value = ob.evaluated_get(graph)["Interpolation"]
        found.append([np.interp(value, arrays["alphas"], light[:, c]) for c in range(2)])
    return np.array(found)


def evaluated_colors(ob: bpy.types.Object, frame: int) -> np.ndarray:
    """The colors that an imported object has at a frame: f32[N, 3]."""
    bpy.context.scene.frame_set(frame)
    mesh = ob.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    (layer,) = mesh.color_attributes
    values = np.empty(4 * len(layer.data), np.float32)
    layer.data.foreach_get("color", values)
    ob.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh_clear()
    return values.reshape(-1, 4)[:, :3]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

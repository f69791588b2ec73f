"""Light on a mesh, rendered by Blender: which normals come nearest to the field's.

    python benchmarks/shading.py [--prompt P] [--json FILE] [--picture docs/images/x.jpg]

Face, hat and hand from half a metre, without their colors: the field, a mesh of *Standard* as it is
(smooth-shaded), with the field's normals at its vertices, with a normal map, and the mesh of
*Detailed*. Printed is the PSNR against the field's picture. Needs bpy; renders with Cycles on the
processor.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see backend/process_tuning.py

import bpy
import numpy as np
from mathutils import Vector
from PIL import Image

from backend.engine import Engine
from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.protocol.options import MeshOptions
from backend.protocol.presets import PRESETS
from backend.surface.project import GRADIENT_STEP
from backend.textured_mesh import GeneratedMesh
from benchmarks.close_up import places
from benchmarks.pictures import FOCAL, decibels, surface_of, write

DISTANCE, FINE, SIZE, SAMPLES = 0.5, 224, 320, 24
COLOR = (0.8, 0.35, 0.4, 1.0)


def added(
    name: str, vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray | None = None
) -> bpy.types.Object:
    """A smooth-shaded object of one color; ``normals`` at its vertices, or Blender's own."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = COLOR
    mesh.materials.append(material)
    mesh.update()
    if normals is not None:
        mesh.normals_split_custom_set_from_vertices(normals.tolist())
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def mapped(name: str, made: GeneratedMesh) -> bpy.types.Object:
    """An object with its normal map."""
    found = added(name, made.vertices, made.faces)
    layer = found.data.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", np.ascontiguousarray(made.uvs, np.float32).reshape(-1))
    assert made.normal_map is not None
    size = made.normal_map.shape[0]
    image = bpy.data.images.new(name, size, size)
    image.colorspace_settings.name = "Non-Color"
    pixels = np.ones((size, size, 4), np.float32)
    pixels[..., :3] = made.normal_map[::-1] / 255.0
    image.pixels.foreach_set(pixels.reshape(-1))
    image.pack()
    tree = found.data.materials[0].node_tree
    texture, bump = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "NormalMap"))
    texture.image = image
    tree.links.new(texture.outputs["Color"], bump.inputs["Color"])
    tree.links.new(bump.outputs["Normal"], tree.nodes["Principled BSDF"].inputs["Normal"])
    return found


def set_up() -> bpy.types.Object:
    """An empty scene with light; returns its camera."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = SAMPLES, False
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.threads_mode, scene.render.threads = "FIXED", 2
    scene.view_settings.view_transform = "Standard"
    world = bpy.data.worlds.new("world")
    world.color = (0.4, 0.4, 0.4)
    scene.world = world
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy = 3.0
    sun.rotation_euler = (math.radians(50), math.radians(10), math.radians(-50))
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.lens = FOCAL * camera.data.sensor_width
    for item in (sun, camera):
        scene.collection.objects.link(item)
    scene.camera = camera
    return camera


def rendered(shown: bpy.types.Object, others: list[bpy.types.Object], folder: str) -> np.ndarray:
    """A picture of one of the objects, RGB in [0, 1]."""
    for other in others:
        other.hide_render = other is not shown
    path = str(Path(folder) / "picture.png")
    bpy.context.scene.render.filepath = path
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path).convert("RGB")) / 255.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompt", default="a pig holding a book wearing a tophat")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    engine = Engine()
    reader = Reader(engine.field(arguments.prompt)[0], CancelToken())
    plain = engine.generate(arguments.prompt, MeshOptions(normal_map=True))
    detailed = engine.generate(arguments.prompt, PRESETS["DETAILED"].options)
    vertices, faces = surface_of(reader, FINE)
    camera = set_up()
    own = reader.normals(plain.vertices, GRADIENT_STEP)
    objects = {
        "field": added("field", vertices, faces, reader.normals(vertices, GRADIENT_STEP / 2)),
        "standard": added("standard", plain.vertices, plain.faces),
        "field's normals": added("field's normals", plain.vertices, plain.faces, own),
        "normal map": mapped("normal map", plain),
        "detailed": mapped("detailed", detailed),
    }
    found: dict[str, dict[str, float]] = {}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for what, place in places(vertices).items():
            camera.location = place - np.array([0.0, DISTANCE, 0.0])
            camera.rotation_euler = Vector((0.0, 1.0, 0.0)).to_track_quat("-Z", "Y").to_euler()
            row = [rendered(shown, list(objects.values()), folder) for shown in objects.values()]
            found[what] = {
                name: decibels(picture - row[0])
                for name, picture in zip(objects, row, strict=True)
                if name != "field"
            }
            rows.append(np.concatenate(row, axis=1))
    for what, scores in found.items():
        print(f"{what:5}", "  ".join(f"{name} {score:.1f} dB" for name, score in scores.items()))
    write(arguments.json, found, arguments.picture, rows)


if __name__ == "__main__":
    main()

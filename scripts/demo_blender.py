"""The part of the demo that runs inside Blender (the bpy module). ``scripts/demo.py`` starts it.

Installs the zip. For each prompt: the extension's operator, a little studio around the object, then
a .blend, a .glb of the object alone, and a picture by Cycles.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from pathlib import Path

import bpy
from inside_blender import backend_facts, install
from mathutils import Vector

PICTURE = 512
AZIMUTH = math.radians(28.0)
"""Three-quarter view: the front looks along -y, so 0 would be straight ahead."""
ELEVATION = math.radians(14.0)


def main(job_file: Path) -> int:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    stage = "installing the extension"
    entries = []
    try:
        install(job)
        for kind, prompt in job["prompts"].items():
            stage = f"“{prompt}”"
            entries.append(make(kind, prompt, job))
        stage = "asking the backend what it runs on"
        backend = backend_facts()
    except Exception as error:  # whatever it is, a person reads one line of it
        print(f"failed: {stage}. {' '.join(str(error).split())}", flush=True)
        return 1
    report = {"backend": backend, "prompts": entries}
    Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")
    return 0


def make(kind: str, prompt: str, job: dict) -> dict[str, object]:
    """One prompt, all its files."""
    output = Path(job["output"])
    seconds: dict[str, float] = {}
    stem = output / re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:60]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)

    started = time.monotonic()
    bpy.ops.att3d.generate(prompt=prompt, checkpoint=job["checkpoint"])
    seconds["generate"] = time.monotonic() - started
    toy = bpy.context.object

    started = time.monotonic()
    glb = stem.with_suffix(".glb")
    bpy.ops.export_scene.gltf(filepath=str(glb), use_selection=True, export_extras=True)
    seconds["glb"] = time.monotonic() - started

    started = time.monotonic()
    studio(bpy.context.scene, toy)
    picture = stem.with_suffix(".png")
    render(bpy.context.scene, picture, job["samples"])
    seconds["picture"] = time.monotonic() - started

    started = time.monotonic()
    blend = stem.with_suffix(".blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
    blend.with_suffix(".blend1").unlink(missing_ok=True)
    seconds["blend"] = time.monotonic() - started
    return {
        "kind": kind,
        "prompt": prompt,
        "faces": len(toy.data.polygons),
        "files": [str(blend), str(glb), str(picture)],
        "seconds": seconds,
        "notes": toy.get("att3d_notes", "").splitlines(),
    }


# --- a little studio --------------------------------------------------------------------------


def studio(scene: bpy.types.Scene, toy: bpy.types.Object) -> None:
    """Backdrop, three soft lights and a camera that frames the toy, in their own collection."""
    collection = bpy.data.collections.new("Studio")
    scene.collection.children.link(collection)
    size = max(toy.dimensions)
    middle = toy.location + Vector((0.0, 0.0, toy.dimensions.z / 2))

    collection.objects.link(backdrop(size))
    for name, azimuth, elevation, distance, watts, extent, color in (
        ("Key", -42.0, 48.0, 2.4, 85.0, 1.4, (1.0, 0.94, 0.86)),
        ("Fill", 70.0, 22.0, 2.6, 14.0, 2.4, (0.80, 0.90, 1.0)),
        ("Rim", 165.0, 50.0, 2.4, 40.0, 1.0, (1.0, 1.0, 1.0)),
    ):
        data = bpy.data.lights.new(name, "AREA")
        data.shape, data.size, data.energy = "DISK", extent * size, watts * size**2
        data.color = color
        light = bpy.data.objects.new(name, data)
        light.location = middle + around(azimuth, elevation) * distance * size
        light.rotation_euler = (middle - light.location).to_track_quat("-Z", "Y").to_euler()
        collection.objects.link(light)

    world = bpy.data.worlds.new("Studio")
    if world.node_tree is None:
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.9, 0.94, 1.0, 1.0)
    background.inputs["Strength"].default_value = 0.22
    scene.world = world

    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.lens = 70.0
    direction = around(math.degrees(AZIMUTH), math.degrees(ELEVATION))
    camera.rotation_euler = (-direction).to_track_quat("-Z", "Y").to_euler()
    collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x = scene.render.resolution_y = PICTURE
    bpy.context.view_layer.update()
    corners = [value for corner in toy.bound_box for value in toy.matrix_world @ Vector(corner)]
    position, _ = camera.camera_fit_coords(bpy.context.evaluated_depsgraph_get(), corners)
    camera.location = middle + (position - middle) * 1.12


def around(azimuth: float, elevation: float) -> Vector:
    """Unit vector towards a place around the toy; degrees, azimuth 0 is in front (-y)."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return Vector((math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)))


def backdrop(size: float) -> bpy.types.Object:
    """A floor that rises behind the toy in a quarter circle, so that no horizon is seen."""
    width, front, back, radius, height = 14.0, 8.0, 2.2, 2.0, 8.0
    profile = [(-front, 0.0)]
    for step in range(17):
        angle = math.pi / 2 * step / 16
        profile.append((back + radius * math.sin(angle), radius * (1 - math.cos(angle))))
    profile.append((back + radius, height))
    vertices = [
        (side * width * size / 2, y * size, z * size) for y, z in profile for side in (-1, 1)
    ]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("Backdrop")
    mesh.from_pydata(vertices, [], faces)
    mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
    material = bpy.data.materials.new("Backdrop")
    if material.node_tree is None:
        material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.36, 0.52, 0.60, 1.0)
    shader.inputs["Roughness"].default_value = 0.9
    mesh.materials.append(material)
    floor = bpy.data.objects.new("Backdrop", mesh)
    # Turned with the camera, so that the wall is straight behind the toy.
    floor.rotation_euler.z = AZIMUTH
    return floor


def render(scene: bpy.types.Scene, path: Path, samples: int) -> None:
    """A picture by Cycles on the CPU: the bpy module has no window and so no GPU viewport."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 3
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

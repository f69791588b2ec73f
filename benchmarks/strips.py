"""Pictures of animated objects: a strip for each file, and one looping picture of all.

    att3d interpolate "a tree in spring" "a tree in summer" "a tree in autumn" "a tree in winter" \
        --checkpoint checkpoints/tree-seasons.safetensors -o tree-seasons.blend
    python benchmarks/strips.py strip tree-seasons.blend docs/images/chain-tree-seasons.jpg
    python benchmarks/strips.py loop tree-seasons.blend baby-dragon.blend docs/images/chains.webp

Renders what the files hold with Cycles on the processor; the camera stands still. Needs bpy.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from PIL import Image

PAPER = ((250, 244, 232), (233, 224, 207))
"""Color of the background, above and below."""
TOWARDS = Vector((0.5, -1.0, 0.36)).normalized()
"""From the object to the camera: its front looks along -y."""
LENS = 65.0
MARGIN = 1.12
FADE = 0.16
"""Share of a frame at its edges over which shadows fade."""
SAMPLES = 10


def open_animated(path: Path) -> bpy.types.Object:
    """Open a file; its one animated object."""
    bpy.ops.wm.open_mainfile(filepath=str(path.resolve()))
    found = [ob for ob in bpy.data.objects if "Interpolation" in ob]
    if len(found) != 1:
        raise SystemExit(f"{path}: {len(found)} animated objects; `att3d interpolate` writes one")
    return found[0]


def keyframes(ob: bpy.types.Object) -> tuple[float, float]:
    """First and last frame of the animation."""
    first, last = ob.animation_data.action.frame_range
    return float(first), float(last)


def set_frame(frame: float) -> None:
    whole = int(np.floor(frame))
    bpy.context.scene.frame_set(whole, subframe=frame - whole)


def corners(ob: bpy.types.Object, frames: Sequence[float]) -> np.ndarray:
    """Every vertex at every frame, in the world."""
    points = []
    for frame in frames:
        set_frame(frame)
        made = ob.evaluated_get(bpy.context.evaluated_depsgraph_get())
        local = np.empty(3 * len(made.data.vertices), dtype=np.float32)
        made.data.vertices.foreach_get("co", local)
        matrix = np.array(made.matrix_world)
        points.append(local.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
    return np.concatenate(points)


def set_stage(points: np.ndarray, size: int) -> None:
    """A camera that sees all points, three lights, and a floor that only takes shadows."""
    scene = bpy.context.scene
    for ob in [ob for ob in scene.objects if ob.type in ("CAMERA", "LIGHT")]:
        bpy.data.objects.remove(ob)
    low, high = points.min(axis=0), points.max(axis=0)
    middle = Vector(0.5 * (low + high))
    camera = bpy.data.cameras.new("Camera")
    camera.lens = LENS
    eye = bpy.data.objects.new("Camera", camera)
    turn = TOWARDS.to_track_quat("Z", "Y")
    eye.rotation_euler = turn.to_euler()
    scene.collection.objects.link(eye)
    # Half the field's width at distance one, and what each point needs of it.
    half = 18.0 / LENS / MARGIN
    seen = (points - np.array(middle)) @ np.array(turn.to_matrix())
    distance = float((np.abs(seen[:, :2]).max(axis=1) / half + seen[:, 2]).max())
    eye.location = middle + distance * TOWARDS
    scene.camera = eye

    extent = float(np.linalg.norm(high - low))
    for name, where, power, width, color in (
        ("Key", (-0.9, -1.0, 1.5), 50.0, 0.9, (1.0, 0.94, 0.85)),
        ("Fill", (1.5, -0.9, 0.5), 15.0, 1.6, (0.85, 0.92, 1.0)),
        ("Rim", (0.5, 1.4, 1.2), 36.0, 0.8, (1.0, 0.97, 0.92)),
    ):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size, light.color = power * extent**2, width * extent, color
        lamp = bpy.data.objects.new(name, light)
        lamp.location = middle + extent * Vector(where)
        lamp.rotation_euler = Vector(where).to_track_quat("Z", "Y").to_euler()
        scene.collection.objects.link(lamp)
    mesh = bpy.data.meshes.new("Floor")
    far = 20.0 * extent
    edge = [(-far, -far, 0.0), (far, -far, 0.0), (far, far, 0.0), (-far, far, 0.0)]
    mesh.from_pydata(edge, [], [(0, 1, 2, 3)])
    floor = bpy.data.objects.new("Floor", mesh)
    floor.location.z = float(low[2])
    floor.is_shadow_catcher = True
    scene.collection.objects.link(floor)

    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (1.0, 0.97, 0.92, 1.0)
    world.node_tree.nodes["Background"].inputs[1].default_value = 0.45
    scene.world = world
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 2
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"


def render(frame: float) -> Image.Image:
    """The scene at a frame, with alpha."""
    set_frame(frame)
    with tempfile.TemporaryDirectory() as folder:
        bpy.context.scene.render.filepath = f"{folder}/frame.png"
        bpy.ops.render.render(write_still=True)
        pixels = np.array(Image.open(f"{folder}/frame.png").convert("RGBA"))
    line = (np.arange(len(pixels)) + 0.5) / len(pixels)
    ramp = np.clip(np.minimum(line, 1.0 - line) / FADE, 0.0, 1.0)
    ramp = ramp * ramp * (3.0 - 2.0 * ramp)
    alpha = pixels[:, :, 3] * ramp[:, None] * ramp[None, :]
    # Shadows are black: what has a color is the object.
    solid = pixels[:, :, :3].max(axis=2) > 30
    pixels[:, :, 3] = np.where(solid & (pixels[:, :, 3] > 200), pixels[:, :, 3], alpha)
    return Image.fromarray(pixels)


def on_paper(tiles: Sequence[Image.Image]) -> Image.Image:
    """Tiles side by side on one background."""
    width, height = sum(tile.width for tile in tiles), tiles[0].height
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    top, bottom = (np.array(color, dtype=float) for color in PAPER)
    rows = np.broadcast_to((1.0 - share) * top + share * bottom, (height, width, 3))
    paper = Image.fromarray(rows.astype(np.uint8)).convert("RGBA")
    x = 0
    for tile in tiles:
        paper.alpha_composite(tile, (x, 0))
        x += tile.width
    return paper.convert("RGB")


def strip(path: Path, target: Path, count: int, size: int) -> None:
    """``count`` frames, the first and the last prompt among them, in one row."""
    ob = open_animated(path)
    frames = np.linspace(*keyframes(ob), count).tolist()
    set_stage(corners(ob, frames), size)
    picture = on_paper([render(frame) for frame in frames])
    picture.save(target, quality=86, optimize=True)
    print(f"{target}: {target.stat().st_size // 1024} KiB")


def column(path: Path, steps: int, size: int, folder: Path) -> list[Image.Image]:
    """One file's frames of the loop. Those that ``folder`` has, newer than the file, are read."""
    kept = [folder / f"{path.stem}-{size}-{steps}-{index:02d}.png" for index in range(steps)]
    missing = [
        index
        for index, name in enumerate(kept)
        if not name.exists() or name.stat().st_mtime < path.stat().st_mtime
    ]
    if missing:
        ob = open_animated(path)
        # It starts slowly and stops slowly.
        share = np.linspace(0.0, 1.0, steps)
        first, last = keyframes(ob)
        frames = (first + (last - first) * share * share * (3.0 - 2.0 * share)).tolist()
        set_stage(corners(ob, frames), size)
        for index in missing:
            render(frames[index]).save(kept[index])
    return [Image.open(name).convert("RGBA") for name in kept]


def loop(
    paths: Sequence[Path], target: Path, steps: int, size: int, milliseconds: int, folder: Path
) -> None:
    """All files side by side, from the first prompt to the last and back."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = [column(path, steps, size, folder) for path in paths]
    there = [on_paper(tiles) for tiles in zip(*columns, strict=True)]
    pictures = there + there[-2:0:-1]
    duration = [milliseconds] * len(pictures)
    duration[0] = duration[steps - 1] = 6 * milliseconds
    pictures[0].save(
        target,
        save_all=True,
        append_images=pictures[1:],
        duration=duration,
        loop=0,
        quality=80,
        method=6,
    )
    print(f"{target}: {target.stat().st_size // 1024} KiB, {sum(duration) / 1000:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["strip", "loop"])
    parser.add_argument("files", type=Path, nargs="+", help=".blend files, and last the picture")
    parser.add_argument("--count", type=int, default=7, help="frames of a strip")
    parser.add_argument("--steps", type=int, default=16, help="frames of the loop, one way")
    parser.add_argument("--size", type=int, default=0, help="pixels of a frame")
    parser.add_argument("--milliseconds", type=int, default=70, help="a frame of the loop lasts")
    parser.add_argument(
        "--frames",
        type=Path,
        default=Path(tempfile.gettempdir()) / "att3d-strips",
        help="where frames of the loop are kept",
    )
    options = parser.parse_args()
    *sources, target = options.files
    if options.what == "loop" and sources:
        size = options.size or 200
        loop(sources, target, options.steps, size, options.milliseconds, options.frames)
    elif len(sources) == 1:
        strip(sources[0], target, options.count, options.size or 220)
    else:
        parser.error("one .blend and one picture for a strip; some .blend and one picture to loop")


if __name__ == "__main__":
    main()

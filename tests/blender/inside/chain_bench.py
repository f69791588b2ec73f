"""What the checks of chains share: a quick backend, and what an object should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy
import numpy as np
from harness import Bench, unchanged

ROWS = (("a tree in spring", 1), ("a tree in summer", 21), ("a tree in winter", 41))


def use_scripted(bench: Bench) -> None:
    """Use the backend that answers at once."""
    bench.preferences.backend_command = bench.scripted


def fill(rows: Sequence[tuple[str, int]] = ROWS) -> None:
    """Put these rows into the list of the sidebar."""
    chain = bpy.context.scene.att3d.chain
    chain.clear()
    for prompt, frame in rows:
        row = chain.add()
        row.prompt, row.frame = prompt, frame


def animate(bench: Bench, rows: Sequence[tuple[str, int]] = ROWS, **options: object):
    """Run Animate with the quick backend and return the object."""
    use_scripted(bench)
    fill(rows)
    assert bpy.ops.att3d.animate(**options) == {"FINISHED"}
    return bpy.context.object


def fails(bench: Bench, rows: Sequence[tuple[str, int]] | None = None, **options: object):
    """Animate must fail: reported with a remedy, in the panel, scene unchanged."""
    if rows is not None:
        fill(rows)
    before = list_rows()
    with unchanged():
        try:
            bpy.ops.att3d.animate(**options)
        except RuntimeError as reported:
            text = str(reported)
        else:
            raise AssertionError("no error was reported")
    error = bench.session.error
    assert error is not None and error.message in text and error.remedy in text, text
    assert "Traceback" not in text and not bench.session.busy
    assert list_rows() == before, "the list stays as it was typed"
    return error


def list_rows() -> list[tuple[str, int]]:
    return [(row.prompt, row.frame) for row in bpy.context.scene.att3d.chain]


def shown(ob: bpy.types.Object, frame: float | None = None) -> np.ndarray:
    """Where the object's vertices are at a frame, in its own space: f64[V, 3]."""
    if frame is not None:
        whole = int(frame // 1)
        bpy.context.scene.frame_set(whole, subframe=frame - whole)
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = ob.evaluated_get(graph).data
    positions = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", positions)
    return positions.reshape(-1, 3).astype(float)


def pixel_of(bench: Bench, ob: bpy.types.Object) -> Callable[[], np.ndarray]:
    """Cycles looks at the colors of a chain object alone: a function that gives f64[16, 3]."""
    tree = ob.data.materials[0].node_tree
    glow = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(tree.nodes["Colors"].outputs[2], glow.inputs["Color"])
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    tree.links.new(glow.outputs[0], output.inputs["Surface"])
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    camera.location = (0, -5, 0.4)
    camera.rotation_euler = (np.pi / 2, 0, 0)
    camera.data.lens = 1000  # only the ball is seen
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x = scene.render.resolution_y = 4
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "OPEN_EXR"
    path = bench.folder / "pixel.exr"
    scene.render.filepath = str(path)

    def pixel() -> np.ndarray:
        ob.update_tag()
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(str(path), check_existing=False)
        return np.array(image.pixels[:]).reshape(-1, image.channels)[:, :3]

    return pixel


def keys_of(ob: bpy.types.Object) -> np.ndarray:
    """The shape keys' vertices, f64[K, V, 3]."""
    keys = []
    for block in ob.data.shape_keys.key_blocks:
        positions = np.empty(3 * len(block.data), np.float32)
        block.data.foreach_get("co", positions)
        keys.append(positions.reshape(-1, 3).astype(float))
    return np.stack(keys)


def blended(keys: np.ndarray, alphas: Sequence[float], t: float) -> np.ndarray:
    """The truth: piecewise linear between the keys, and still outside."""
    t = min(max(t, alphas[0]), alphas[-1])
    i = min(int(np.searchsorted(alphas, t, side="right")) - 1, len(alphas) - 2)
    share = (t - alphas[i]) / (alphas[i + 1] - alphas[i])
    return keys[i] * (1 - share) + keys[i + 1] * share

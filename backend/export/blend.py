"""A .blend file with the object that the extension would make, written by a Python that has bpy.

The arrays go in a .safetensors file to ``blender_addon.scene.blend_file``, which runs in a process
of its own: bpy cannot be unloaded, and may need another Python than the backend's. It is the
extension's own builder, so a file from the command line and an object made in Blender are the same.
Nothing of the extension is imported here; a test holds :data:`WRITER` against its module.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..paths import root
from ..protocol.errors import InternalError, MissingDependency
from .files import working_folder

if TYPE_CHECKING:
    import numpy as np

    from ..textured_mesh import GeneratedMesh
    from ..tracking.tracked_mesh import TrackedMesh

PYTHON_VARIABLE = "ATT3D_BPY_PYTHON"
"""Names a Python interpreter that has bpy, when the backend's own has not."""
TIMEOUT_SECONDS = 120.0
WRITER = "blender_addon.scene.blend_file"
"""The module of the extension that writes the file."""
_START = """
import runpy, sys, types
# The extension's modules import each other and the backend relatively, as parts of one package.
extension = types.ModuleType("att3d_extension")
extension.__path__ = [sys.argv.pop(1)]
sys.modules[extension.__name__] = extension
runpy.run_module(f"att3d_extension.{sys.argv.pop(1)}", run_name="__main__", alter_sys=True)
"""


def find_python() -> str:
    """A Python interpreter that can import bpy.

    Raises:
        MissingDependency: there is none, or the extension's own code is not installed.
    """
    if not (root() / "blender_addon").is_dir():
        raise MissingDependency(
            "writing .blend needs the blender_addon package, which is not installed here",
            "run it from the repository, or write .glb, which Blender imports",
        )
    chosen = os.environ.get(PYTHON_VARIABLE)
    if chosen:
        return chosen
    if importlib.util.find_spec("bpy") is not None:
        return sys.executable
    raise MissingDependency(
        "writing .blend needs Blender's Python module bpy, which this Python does not have",
        f"install it (pip install bpy), or set {PYTHON_VARIABLE} to a Python that has it, "
        "or write .glb, which Blender imports",
    )


def blend_bytes(mesh: GeneratedMesh) -> bytes:
    """The content of a .blend file with the mesh as its one object, textures packed.

    Raises:
        MissingDependency: no Python with bpy.
        OutputError: there is no room for temporary files.
        InternalError: bpy failed.
    """
    import numpy as np

    arrays = {
        "vertices": mesh.vertices,
        "faces": mesh.faces,
        "uvs": mesh.uvs,
        "texture": mesh.texture,
    }
    if mesh.normal_map is not None:
        arrays["normal_map"] = mesh.normal_map
    if mesh.finish_map is not None:
        arrays["finish_map"] = mesh.finish_map
    arrays["finish"] = np.array(mesh.finish, dtype=np.float32)
    facts = {
        "prompt": mesh.prompt,
        "checkpoint_hash": mesh.checkpoint_hash,
        "notes": mesh.notes,
        "options": {
            "faces": len(mesh.faces),
            "texture_size": mesh.texture.shape[0],
            "normal_map": mesh.normal_map is not None,
            "topology": "quads" if mesh.faces.shape[1] == 4 else "triangles",
        },
    }
    return _write(arrays, facts)


def chain_blend_bytes(mesh: TrackedMesh, frames: Sequence[int], fps: int) -> bytes:
    """The content of a .blend file with a chain's animated object, as the extension makes it:
    shape keys and textures that follow its one property Interpolation.

    Args:
        frames: At which each prompt is shown; rising.
        fps: Frames a second of the scene, which plays from the first frame to the last.

    Raises:
        MissingDependency: no Python with bpy.
        OutputError: there is no room for temporary files.
        InternalError: bpy failed.
    """
    arrays = {
        "faces": mesh.faces,
        "uvs": mesh.uvs,
        "positions": mesh.positions,
        "alphas": mesh.alphas,
        "textures": mesh.textures,
        "texture_alphas": mesh.texture_alphas,
    }
    facts = {
        "chain": {"prompts": mesh.prompts, "frames": list(frames), "fps": fps, "keys": mesh.names},
        "prompt": "",
        "checkpoint_hash": mesh.checkpoint_hash,
        "notes": mesh.notes,
        "options": {
            "faces": len(mesh.faces),
            "texture_size": mesh.textures.shape[1],
            "topology": "quads" if mesh.faces.shape[1] == 4 else "triangles",
        },
    }
    return _write(arrays, facts)


def _write(arrays: Mapping[str, np.ndarray], facts: Mapping[str, object]) -> bytes:
    """Hand over to the child, and read the file that it wrote."""
    from safetensors.numpy import save

    python = find_python()
    with working_folder() as folder:
        source, target = folder / "mesh.safetensors", folder / "out.blend"
        source.write_bytes(save(dict(arrays)))
        command = [
            python,
            "-c",
            _START,
            str(root()),
            WRITER,
            str(source),
            str(target),
            json.dumps(facts),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=root(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except OSError as error:
            raise MissingDependency(
                f"cannot run {python}, which should have bpy: {error.strerror}",
                f"set {PYTHON_VARIABLE} to a Python interpreter that has bpy",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise InternalError(f"bpy did not finish in {TIMEOUT_SECONDS:.0f} s") from error
        if "No module named 'bpy'" in done.stderr:
            raise MissingDependency(
                f"{python} does not have bpy", f"set {PYTHON_VARIABLE} to a Python that has it"
            )
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        if done.returncode != 0 or not target.is_file():
            raise InternalError(f"bpy could not write the .blend file: {done.stderr[-500:]}")
        return target.read_bytes()

"""A .blend file with the object that the extension would make, for the backend's command line.

``backend/export/blend.py`` runs this module in a process of its own, in a Python that has bpy:
``SOURCE.safetensors TARGET.blend FACTS``, the last as JSON. A file from the command line and an
object made in Blender are the same, because both come from this package's builders.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy

from ...backend import VERSION
from .animation import add_animated_object
from .arrays import read_chain, read_mesh
from .build import add_object
from .chain import Chain
from .place import Placement
from .provenance import Provenance


def write(source: Path, target: Path, facts: dict[str, Any]) -> None:
    """Make the object of the arrays in ``source`` in an empty scene, and save the file.

    Args:
        facts: ``prompt``, ``checkpoint_hash``, ``notes`` and ``options`` of the result; for an
            animated object also ``chain`` with ``prompts``, ``frames``, ``fps`` and ``keys``.

    Raises:
        ProtocolError: ``source`` is damaged.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    provenance = Provenance(
        prompt=facts["prompt"],
        checkpoint="",
        checkpoint_hash=facts["checkpoint_hash"],
        extension_version=VERSION,
        backend_version=VERSION,
        options=facts["options"],
        notes=tuple(facts["notes"]),
    )
    if "chain" in facts:
        animated = facts["chain"]
        chain = Chain(tuple(animated["prompts"]), tuple(animated["frames"]))
        scene.render.fps = animated["fps"]
        scene.frame_start, scene.frame_end = animated["frames"][0], animated["frames"][-1]
        arrays = read_chain(source, len(chain.prompts))
        add_animated_object(scene, arrays, animated["keys"], chain, provenance, Placement())
    else:
        add_object(scene, read_mesh(source), provenance, Placement())
    bpy.ops.wm.save_as_mainfile(filepath=str(target), compress=True, check_existing=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))

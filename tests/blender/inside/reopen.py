"""Open a .blend in a Blender that knows no extension and runs no scripts; write what is seen.

python reopen.py FILE.blend OUT.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from film import corners


def main(file: str, out: str) -> None:
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    bpy.ops.wm.open_mainfile(filepath=file, use_scripts=False)
    assert not hasattr(bpy.types.Scene, "att3d"), "the extension is here"
    ob = next(ob for ob in bpy.data.objects if ob.type == "MESH")
    packed = [image.packed_file is not None for image in bpy.data.images if image.users]
    np.savez(out, corners=corners(ob), packed=packed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""The extension's own modules, imported as Blender does: below a package, without bpy.

``blender_addon`` reaches ``backend.protocol`` by relative imports, so it has to be imported below a
package; and inside it, ``protocol`` has exception classes of its own.
"""

from __future__ import annotations

import sys
import types

from .pipes import ROOT


def _package(name: str, path: str) -> None:
    package = types.ModuleType(name)
    package.__path__ = [path]
    sys.modules[name] = package


# The package of the add-on itself is left empty: its __init__ is for Blender.
_package("att3d_extension", str(ROOT))
_package("att3d_extension.blender_addon", str(ROOT / "blender_addon"))

from att3d_extension.backend.protocol import errors, framing, messages  # noqa: E402
from att3d_extension.blender_addon.process import (  # noqa: E402
    child,
    client,
    connection,
    safetensors_reader,
)
from att3d_extension.blender_addon.scene import arrays  # noqa: E402

__all__ = [
    "arrays",
    "child",
    "client",
    "connection",
    "errors",
    "framing",
    "messages",
    "safetensors_reader",
]

"""What scripts inside a fresh Blender share: installing the extension, asking what its backend is.

Not imported outside Blender (``fresh_blender.py`` starts the scripts that use it).
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy

MODULE = "bl_ext.user_default.att3d"
_ASK = """
import importlib.util, platform
torch = importlib.util.find_spec("torch") is not None
print(f"Python {platform.python_version()}, {'torch is there' if torch else 'no torch'}")
"""


def install(job: dict[str, Any]) -> None:
    """Install the zip and enable it. What it keeps goes into the profile, not to this person's."""
    bpy.ops.extensions.package_install_files(
        filepath=job["zip"], repo="user_default", enable_on_install=True
    )
    enable(job)


def enable(job: dict[str, Any]) -> None:
    """Enable the extension that an earlier process has installed into this profile."""
    if MODULE not in bpy.context.preferences.addons:
        bpy.ops.preferences.addon_enable(module=MODULE)
    chosen = bpy.context.preferences.addons[MODULE].preferences
    chosen.history_folder = str(Path(job["profile"]) / "history")
    chosen.setup.folder = str(Path(job["profile"]) / "accelerator")


def session() -> Any:
    """The extension's session: its process, its last error."""
    return importlib.import_module(f"{MODULE}.blender_addon.process.session").session


def backend_facts() -> str:
    """Which Python the backend runs in, whether torch is there, on which device. Asked, not known:
    the same command with the same environment says what it can import."""
    launch = bpy.context.preferences.addons[MODULE].preferences.launch()
    python = Path(launch.command[0])
    asked = subprocess.run(
        [str(python), "-c", _ASK],
        env=dict(launch.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    own = os.path.samefile(python.parent, Path(sys.executable).parent)
    whose = "Blender's own Python" if own else str(python)
    said = asked.stdout.strip()
    how = "numpy" if "no torch" in said else "numpy, or torch on a GPU"
    return f"{how} on {session().process.device} in {whose} ({said})"

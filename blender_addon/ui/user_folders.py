"""Where a person's own files of this extension live: outside every Blender version. No bpy.

Blender removes an extension's own folders at an update or with the extension; results and
checkpoints that somebody added must outlive both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ...backend.files import home_folder


def data_folder(
    environ: Mapping[str, str] | None = None, platform: str = sys.platform, home: Path | None = None
) -> Path:
    """The folder for this user's data, which may not exist yet.

    ``%LOCALAPPDATA%\\ATT3D`` on Windows, ``~/Library/Application Support/ATT3D`` on macOS, else
    ``$XDG_DATA_HOME/att3d``, or ``~/.local/share/att3d``.
    """
    environ = os.environ if environ is None else environ
    home = home_folder() if home is None else home
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "ATT3D"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "ATT3D"
    named = environ.get("XDG_DATA_HOME", "")
    # The specification says that a relative path is to be ignored.
    return (Path(named) if os.path.isabs(named) else home / ".local" / "share") / "att3d"

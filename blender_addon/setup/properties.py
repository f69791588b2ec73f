"""What a person chooses about the set-up: kept in the preferences as ``preferences.setup``."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

import sys
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from . import folders
from .builds import offered

AUTO = "AUTO"


class SetupSettings(bpy.types.PropertyGroup):
    """How the backend's environment is made."""

    build: EnumProperty(
        name="PyTorch",
        description="Which build of PyTorch is installed: it decides what the model runs on",
        items=[
            (AUTO, "Automatic", "The build that suits this machine's graphics card"),
            *((one.identifier, one.label, one.description) for one in offered(sys.platform)),
        ],
        default=AUTO,
    )
    folder: StringProperty(
        name="Folder",
        description=(
            "Where the engine is set up: an empty folder outside Blender's own, so that it "
            "outlives updates. Empty: the usual place for programs' data"
        ),
        subtype="DIR_PATH",
    )
    python: StringProperty(
        name="Python",
        description=(
            "The Python (3.11 to 3.14) that the environment is made with. Empty: one that is "
            "found on this machine, else one that is downloaded, or a copy of Blender's"
        ),
        subtype="FILE_PATH",
    )
    wheels: StringProperty(
        name="Folder of Packages",
        description=(
            "Install from the packages (wheels, .whl) in this folder, without the network. "
            "Empty: download"
        ),
        subtype="DIR_PATH",
    )
    torch_index: StringProperty(
        name="PyTorch Address",
        description="The https index that PyTorch is downloaded from. Empty: that of the build",
    )

    @property
    def folder_path(self) -> Path:
        """The chosen folder, or the default."""
        if self.folder:
            return Path(bpy.path.abspath(self.folder))
        return folders.default_folder()

    @property
    def environment(self) -> str:
        """The interpreter of the backend that is set up here; empty: there is none."""
        marker = folders.read_marker(self.folder_path)
        if marker is None or marker.state != "complete":
            return ""
        python = folders.environment_python(self.folder_path)
        return str(python) if python.is_file() else ""

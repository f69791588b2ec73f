"""Models of Blender files for ``python -m training library``: written by Export Library, and read
from .blend and .fbx files by a process of its own."""

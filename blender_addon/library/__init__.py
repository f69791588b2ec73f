"""Models of a Blender file as the models of a library: read for ``python -m training library``."""

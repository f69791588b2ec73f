"""Blender data made from a generated mesh, one concept a file. Main thread only."""

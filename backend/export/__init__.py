"""Meshes and animated meshes as files that other programs read."""

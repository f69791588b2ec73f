"""The second stage (A26): the mesh of one prompt is refined itself, as in Magic3D.

The first stage's object, fine-tuned (A25) or not, becomes a mesh; from there on its vertices and
colors follow the same guidances through pictures of the mesh, whose outlines are sharp and whose
faces are finer than the volume's cells.
"""

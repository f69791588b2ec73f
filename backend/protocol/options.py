"""What a person may ask of a mesh, with the ranges that are allowed. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import BadRequest

FACES = (100, 200_000)
TEXTURE_SIZE = (64, 8192)
RESOLUTION = (32, 512)


@dataclass(frozen=True)
class MeshOptions:
    """Size and detail of the mesh. Raises BadRequest when a value is outside its range."""

    faces: int = 8000
    """Most triangles of the mesh, 100 to 200000."""
    texture_size: int = 1024
    """Width and height of the textures in texels, 64 to 8192."""
    resolution: int = 128
    """Samples along each axis when the surface is looked for, 32 to 512."""
    normal_map: bool = False
    """Also bake a tangent-space normal map."""

    def __post_init__(self) -> None:
        _check("faces", self.faces, FACES, "the number of triangles")
        _check("texture_size", self.texture_size, TEXTURE_SIZE, "the texture's width in texels")
        _check("resolution", self.resolution, RESOLUTION, "the samples along each axis")
        if not isinstance(self.normal_map, bool):
            raise BadRequest(
                f"normal_map must be true or false, not {self.normal_map!r}",
                "pass true to bake a normal map, false to leave it out",
            )


def _check(name: str, value: object, allowed: tuple[int, int], meaning: str) -> None:
    low, high = allowed
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadRequest(
            f"{name} ({meaning}) must be a whole number from {low} to {high}, not {value!r}",
            f"choose a value from {low} to {high}",
        )

"""Configuration of a refinement: a run of one prompt, and its mesh (A26)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..amortized.config import TrainConfig
from ..runs.ranges import within


@dataclass(frozen=True)
class RefineConfig(TrainConfig):
    """One refinement. ``batch`` is the number of views a step, ``rendering.size`` their pixels."""

    output: Path | None = None
    """The finished mesh (.glb, .obj, .ply, .blend); mesh.glb in the run's folder by default."""
    faces: int = 20_000
    """Most triangles of the mesh."""
    resolution: int = 192
    """Samples along each axis when the first surface is looked for."""
    texture_size: int = 2048
    """Width and height of the texture in texels."""
    stiffness: float = within(20.0, 0.0, 1e6)
    """How far a vertex takes its neighbours along; 0: not at all."""

    @property
    def mesh(self) -> Path:
        return self.output if self.output is not None else self.folder / "mesh.glb"

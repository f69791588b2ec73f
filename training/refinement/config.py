"""Configuration of a refinement: a run of one prompt, and its mesh (A26)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.protocol.errors import TrainingError

from ..amortized.config import TrainConfig


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
    stiffness: float = 20.0
    """How far a vertex takes its neighbours along; 0: not at all."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.stiffness <= 1e6:
            raise TrainingError(
                f"the stiffness cannot be {self.stiffness:g}", "set --stiffness from 0 to 1e6"
            )

    @property
    def mesh(self) -> Path:
        return self.output if self.output is not None else self.folder / "mesh.glb"

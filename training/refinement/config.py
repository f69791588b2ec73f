"""Configuration of a refinement: a run of one prompt, and its mesh (A26)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.protocol.errors import TrainingError

from ..config import TrainConfig


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
    start: str = ""
    """Set by the run: hash of the checkpoint that it starts from, and prompt."""

    def __post_init__(self) -> None:
        if self.stiffness < 0:
            raise TrainingError(
                "the stiffness must not be negative", "set --stiffness to 0 or more"
            )

    @property
    def mesh(self) -> Path:
        return self.output if self.output is not None else self.folder / "mesh.glb"

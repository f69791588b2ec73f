"""Fine-tuning on one prompt (A25): a learned offset on the mapping network's output."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .att3d import ATT3D, Objects


class OutputOffset(nn.Module):
    """What fine-tuning trains, while the mapping network and the text stay as they are.

    Starts at zero: the first object is the amortized one. ``save_checkpoint(..., offset=)`` writes
    a checkpoint whose every object has it added, which the backend loads like any other.
    """

    values: Float[Tensor, " size"]

    def __init__(self, model: ATT3D) -> None:
        super().__init__()
        device = next(model.parameters()).device
        self.values = nn.Parameter(torch.zeros(model.grid.size, device=device))

    def forward(self, objects: Objects) -> Objects:
        """``objects`` with the offset; gradients reach the offset only."""
        return Objects(objects.latent.detach(), objects.values.detach() + self.values)

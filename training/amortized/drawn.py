"""Fields of prompts as they are drawn, for pictures of volumes: what ``backend/drawn.py`` is for
meshes.

A known thing is rendered as it was learnt, recolored and stretched by what the prompt's words mean
(``backend/prompts/attributes.py``). Faint parts, which are drawn whole in a mesh, stay as the grid
has them: a picture of a volume shows how much light they stop.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from backend.accelerator import TorchField
from backend.model.checkpoint import Checkpoint
from backend.model.field import Field
from backend.prompts.attributes import AS_IT_IS, Attributes
from backend.recolored import Tint, lightness_of
from backend.text.encoder import TextEncoder

from ..library.attributes import recolored


class DrawnPrompts:
    """The prompts of one checkpoint."""

    def __init__(self, checkpoint: Checkpoint, encoder: TextEncoder) -> None:
        about = checkpoint.metadata
        self._checkpoint, self._encoder = checkpoint, encoder
        self._attributes = Attributes(about.captions, about.tints, about.proportions)

    def field(self, prompt: str) -> Field:
        """The object of a prompt."""
        described = self._attributes.of(prompt)
        embedding = self._encoder.encode([described.thing])[0]
        if not described.known:
            return self._checkpoint.field(embedding)
        about, as_it_is = self._checkpoint.metadata, torch.tensor(AS_IT_IS)
        if not about.config.proportions:
            as_it_is = None
        plain = self._checkpoint.field(embedding, None, as_it_is)
        field = plain
        if described.stretch is not None and as_it_is is not None:
            factors = torch.tensor(about.proportions[described.stretch])
            field = self._checkpoint.field(embedding, None, factors)
        if described.recolor is None:
            return field
        lightness = lightness_of(TorchField(plain), max(about.config.grid.levels))
        return RecoloredField(field, about.tints[described.recolor], lightness)


class RecoloredField(Field):
    """A field in other colors (``backend/recolored.py``)."""

    def __init__(self, field: Field, tint: Tint, lightness: float) -> None:
        """``lightness``: the mean over the object's surface, which becomes the tint's middle."""
        self.__dict__.update(field.__dict__)
        device = field.device
        self._which = torch.zeros(1, dtype=torch.long, device=device)
        self._tint = torch.tensor([tint.numbers], device=device)
        self._lightness = torch.tensor([lightness], device=device)

    @torch.inference_mode()
    def sample(
        self, points: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Pre-density and sRGB color at ``points``."""
        density, color = super().sample(points)
        places = self.unstretched(points)[None]
        new = recolored(color[None], places, self._which, self._lightness, self._tint)
        return density, new[0].clamp(0.0, 1.0)

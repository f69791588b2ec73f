"""The field of a prompt as it is drawn: what the mapping network makes of a text is one part of it.

A known thing is drawn as it was learnt, recolored and stretched by what the prompt's words mean
(``backend/prompts/attributes.py``); faint parts are drawn whole (``backend/faint_parts.py``). What
a prompt says becomes rows of numbers that may be blended with those of another prompt: the text
embedding of the thing, and below it the logarithms of the factors along x, y and z, the share of
the recoloring, and this share of the tint's numbers and of the lightness that it goes by.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .faint_parts import FaintParts
from .field_reader import Field
from .loading import Model
from .prompts.attributes import AS_IT_IS, Attributes, Described, Factors
from .recolored import NUMBERS, Recolored, Tint, lightness_of
from .shapes import Float

SAID = 3 + 1 + NUMBERS + 1
"""Numbers below a text embedding."""
LEAST = 1e-3
"""Share of a recoloring up to which there is none."""
Rows = Float[np.ndarray, "rows width"]


class DrawnFields:
    """Fields of one checkpoint."""

    def __init__(self, checkpoint: Model) -> None:
        about = checkpoint.metadata
        self._checkpoint, self._config = checkpoint, about.config
        self._tints, self._factors = about.tints, about.proportions
        self.attributes = Attributes(about.captions, about.tints, about.proportions)

    def describe(self, prompt: str) -> Described:
        """What a prompt says."""
        return self.attributes.of(prompt)

    def factors(
        self, described: Described, embedding: Float[np.ndarray, "tokens width"]
    ) -> Factors:
        """How what is described is stretched; of what is no known thing the network guesses it
        from its embedding."""
        if described.known:
            return self._factors.get(described.stretch or "", AS_IT_IS)
        x, y, z = (float(factor) for factor in self._checkpoint.proportions(embedding))
        return x, y, z

    def rows(self, described: Described, embedding: Float[np.ndarray, "tokens width"]) -> Rows:
        """What is described, in numbers; ``embedding`` is the thing's."""
        if not self.attributes:
            return embedding
        said = np.zeros(SAID)
        said[:3] = np.log(self.factors(described, embedding))
        if described.recolor is not None:
            tint = self._tints[described.recolor].numbers
            plain = self._field(embedding, {}, AS_IT_IS)
            said[3:] = 1.0, *tint, lightness_of(plain, self._finest)
        width = embedding.shape[1]
        below = np.zeros((-(-SAID // width), width), dtype=np.float32)
        below.reshape(-1)[:SAID] = said
        return np.concatenate([embedding, below])

    def field(self, rows: Rows, conditions: Mapping[str, float]) -> Field:
        """The field of such numbers."""
        tokens = self._config.tokens
        if len(rows) == tokens:
            field = self._checkpoint.field(rows, conditions)
        else:
            said = [float(number) for number in rows[tokens:].reshape(-1)[:SAID]]
            x, y, z = np.exp(said[:3])
            field = self._field(rows[:tokens], conditions, (float(x), float(y), float(z)))
            if (share := said[3]) > LEAST:
                *tint, lightness = np.array(said[4:]) / share
                feet = 0.0, 0.0, -self._config.ground
                made = Tint.of_numbers(np.array(tint))
                field = Recolored(field, made, float(lightness), share, (x, y, z), feet)
        faint = self._config.faint
        return FaintParts(field, faint, self._finest) if faint else field

    @property
    def _finest(self) -> int:
        return max(self._config.grid.levels)

    def _field(
        self,
        embedding: Float[np.ndarray, "tokens width"],
        conditions: Mapping[str, float],
        factors: Factors,
    ) -> Field:
        stretched = np.array(factors, np.float32) if self._config.proportions else None
        return self._checkpoint.field(embedding, conditions, stretched)

"""Objects as large as the things are: metres, standing on the ground, the origin at the foot.

A checkpoint says in its metadata how large what its prompts name is (``sizes``). A prompt that is
not among these takes the size of the nearest one. In a chain the size changes as its logarithm
does, so that from a dagger to a castle every step is an equal factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from .prompts.vocabulary import MakeHearing, Vocabulary
from .shapes import Float

UNKNOWN = "Its real size is not known: it has unit size."


class RealSizes:
    """The real sizes that a checkpoint knows.

    Args:
        sizes: the largest side in metres, by prompt; sizes that are none are left out.
        hearing: makes the prompts' words available by meaning.
    """

    def __init__(self, sizes: Mapping[str, float], hearing: MakeHearing | None = None) -> None:
        usable = {p: float(s) for p, s in sizes.items() if np.isfinite(s) and s > 0}
        self._sizes = {prompt.casefold(): size for prompt, size in usable.items()}
        self._hearing = hearing

    def of(self, prompt: str) -> float | None:
        """The largest side in metres of what a prompt names; None where nobody knows."""
        known = self._sizes.get(" ".join(prompt.split()).casefold())
        if known is not None or not self._sizes:
            return known
        if not self._vocabulary.knows_subject(prompt):
            return None
        nearest = self._vocabulary.familiarity(prompt, nearest=1).nearest
        return self._sizes[nearest[0]] if nearest else None

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(list(self._sizes), hearing=self._hearing)


def at_real_size(
    vertices: Float[np.ndarray, "vertices 3"], metres: float
) -> Float[np.ndarray, "vertices 3"]:
    """Vertices scaled until the largest side of their box is so long, standing on z = 0."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    largest = float((high - low).max())
    scaled = vertices * np.float32(metres / largest if largest > 0 else 1.0)
    scaled[:, 2] -= scaled[:, 2].min()
    return scaled.astype(np.float32)


def chain_at_real_size(
    positions: Float[np.ndarray, "keys vertices 3"],
    alphas: Float[np.ndarray, " keys"],
    metres: Sequence[float],
) -> Float[np.ndarray, "keys vertices 3"]:
    """Every key of a chain at its size.

    Args:
        positions: of the keys.
        alphas: the keys' places, from 0 to N-1.
        metres: sizes of the N prompts.
    """
    logarithms = np.interp(alphas, np.arange(len(metres)), np.log(metres))
    sizes = np.exp(logarithms)
    return np.stack([at_real_size(p, float(s)) for p, s in zip(positions, sizes, strict=True)])

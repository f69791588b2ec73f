"""A chain of prompts, and the object at any place of it (A27).

Prompt i sits at alpha i. Between two neighbours the text embedding is blended linearly and goes
through the mapping network like any other; the path is continuous in alpha in [0, N-1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..field_reader import Field
from ..prompts.mixes import mix_name
from ..protocol.errors import BadRequest
from ..shapes import Float

END = 1e-6
"""Alphas this close to a whole number are that prompt."""


@runtime_checkable
class FieldChain(Protocol):
    """What tracking needs: a field for every alpha. Tests have analytic ones."""

    @property
    def prompts(self) -> Sequence[str]: ...
    def field(self, alpha: float) -> Field: ...


@dataclass(frozen=True)
class PromptChain:
    """Prompts, their embeddings, and the model that turns an embedding into a field."""

    prompts: tuple[str, ...]
    embeddings: Float[np.ndarray, "prompts tokens width"]
    make: Callable[[np.ndarray], Field]

    def embedding(self, alpha: float) -> Float[np.ndarray, "tokens width"]:
        """Linear between the two prompts around ``alpha`` (A27)."""
        first = min(int(alpha), len(self.prompts) - 2)
        share = np.float32(alpha - first)
        return self.embeddings[first] * (1 - share) + self.embeddings[first + 1] * share

    def field(self, alpha: float) -> Field:
        """The object at ``alpha`` in [0, N-1].

        Raises:
            BadRequest: ``alpha`` is not in the chain.
        """
        last = len(self.prompts) - 1
        if not math.isfinite(alpha) or not -END <= alpha <= last + END:
            raise BadRequest(
                f"alpha must be from 0 to {last} in a chain of {last + 1} prompts, not {alpha!r}",
                f"choose a value from 0 to {last}",
            )
        return self.make(self.embedding(min(max(alpha, 0.0), float(last))))

    def mixed(self, shares: Sequence[float]) -> Field:
        """The object whose embedding is this mix of the prompts' embeddings."""
        return self.make(np.tensordot(np.asarray(shares, np.float32), self.embeddings, 1))

    def path(self, stops: Sequence[Sequence[float]]) -> PromptChain:
        """The chain whose stops are mixes of these prompts."""
        names = tuple(mix_name(self.prompts, shares) for shares in stops)
        mixed = np.tensordot(np.asarray(stops, np.float32), self.embeddings, 1)
        return PromptChain(names, mixed, self.make)


def key_name(prompts: Sequence[str], alpha: float) -> str:
    """Readable, sorted like the alphas, at most 60 bytes (Blender cuts names at 63)."""
    nearest = round(alpha)
    if abs(alpha - nearest) <= END:
        return _cut(f"{nearest + 1:02d} {prompts[nearest]}", 60)
    first = int(alpha)
    one, other = (_cut(prompts[first + k], 24) for k in (0, 1))
    # Two digits at least; keys around a moment differ in the fourth.
    place = f"{alpha + 1:07.4f}"
    place = place[:-2] + place[-2:].rstrip("0")
    return f"{place} {one} - {other}"


def _cut(text: str, size: int) -> str:
    """Cut a text to at most ``size`` bytes of UTF-8."""
    if len(text.encode()) <= size:
        return text
    return text.encode()[: size - 3].decode(errors="ignore").rstrip() + "..."

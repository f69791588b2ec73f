"""Which of several checkpoints answers a prompt: the one that knows it best.

Standard library only: the command line and Blender choose alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from .vocabulary import Vocabulary


@dataclass(frozen=True)
class Fit:
    """How far a checkpoint is from knowing some prompts; compared field by field."""

    nameless: int = 0
    """Prompts that name no thing that it knows."""
    unknown: int = 0
    """Words that it does not know."""
    not_obeyed: int = 0
    """Words that have no effect, or that are heard as others."""
    new: int = 0
    """Prompts that it was not trained on."""

    @property
    def knows_all(self) -> bool:
        """Whether every prompt names a thing that it knows."""
        return not self.nameless


def fit(vocabulary: Vocabulary, prompts: Sequence[str]) -> Fit:
    """How far a checkpoint with this vocabulary is from knowing all the prompts."""
    nameless = unknown = not_obeyed = new = 0
    for prompt in prompts:
        about = vocabulary.familiarity(prompt)
        unheard = about.unheard
        nameless += not (about.known_any and vocabulary.knows_subject(prompt))
        unknown += len(about.unknown_words)
        not_obeyed += len(unheard.alone) + len(unheard.rivals) + len(about.heard_as)
        new += not about.seen_exactly
    return Fit(nameless, unknown, not_obeyed, new)


def best(fits: Sequence[Fit]) -> int:
    """The place of the best fit; of equal ones, the first."""
    return min(range(len(fits)), key=lambda index: astuple(fits[index]))

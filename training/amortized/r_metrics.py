"""R-precision and R-probability: whether pictures are recognised as their prompt (A34).

The paper's: each of an object's views is scored against all queries by itself, then the views of
the object are averaged, and the objects of a set. R-precision is the share of views whose most
likely query is the object's prompt; R-probability is that prompt's mean probability, by the scoring
model's learned temperature (without it every R-probability is about one over the queries).

The ``joint`` figures are not the paper's: the views' features are averaged before they are scored
once, as if a person had walked around the object. They are higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from backend.protocol.errors import TrainingError

from ..clip.scoring import Scorer

R_FIGURES = ("r_precision", "r_probability", "joint_r_precision", "joint_r_probability")


@dataclass(frozen=True)
class RScore:
    """What one object's pictures score, each in [0, 1]."""

    r_precision: float
    """Share of the views whose first query is the object's prompt."""
    r_probability: float
    """Mean over the views of the prompt's probability."""
    joint_r_precision: float
    """1 if the prompt is first for the mean of the views' features."""
    joint_r_probability: float
    """The prompt's probability for the mean of the views' features."""


def r_score(
    images: Float[Tensor, "views features"],
    queries: Float[Tensor, "queries features"],
    logit_scale: float,
    index: int,
) -> RScore:
    """Score views of an object whose prompt is ``queries[index]``. Features are unit vectors."""
    joint = functional.normalize(images.mean(0, keepdim=True), dim=-1)
    logits = logit_scale * torch.cat([images, joint]) @ queries.T
    first = (logits.argmax(-1) == index).float()
    probability = logits.softmax(-1)[:, index]
    return RScore(
        r_precision=first[:-1].mean().item(),
        r_probability=probability[:-1].mean().item(),
        joint_r_precision=first[-1].item(),
        joint_r_probability=probability[-1].item(),
    )


class Queries:
    """The prompts that pictures are scored against, embedded once."""

    def __init__(self, scorer: Scorer, prompts: Sequence[str], more: Sequence[str] = ()) -> None:
        """``prompts`` keep their indices; those of ``more`` follow, each prompt once.

        Raises:
            UnknownWords: some query has words that the scorer never saw.
        """
        self.scorer = scorer
        self.prompts = tuple(dict.fromkeys((*prompts, *more)))
        unknown = scorer.unknown_words(self.prompts)
        if unknown:
            raise UnknownWords(scorer.name, unknown)
        self._features = scorer.text_features(self.prompts)

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def chance(self) -> float:
        """R-precision of a guess."""
        return 1.0 / len(self)

    def score(self, pictures: Float[Tensor, "views size size 3"], index: int) -> RScore:
        """Score sRGB pictures of the object whose prompt has ``index``."""
        images = self.scorer.image_features(pictures)
        return r_score(images, self._features, self.scorer.logit_scale, index)


class UnknownWords(TrainingError):
    """A scoring model that never saw some words of the queries: its figures would be chance."""

    def __init__(self, scorer: str, words: Sequence[str]) -> None:
        named = ", ".join(words[:12]) + (f" and {len(words) - 12} more" if len(words) > 12 else "")
        super().__init__(
            f"the scoring model {scorer} never saw these words of the prompts: {named}",
            "score with an open_clip model (--scoring ViT-B-32/openai), or with none"
            " (--scoring none)",
        )

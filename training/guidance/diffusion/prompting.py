"""What a diffusion model is asked about each view: prompts with view words, embedded (A16)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.rendering.cameras import Cameras

from ...prompts.views import VIEW_WORDS, ViewScheme, perp_negatives, view_prompt, view_weights
from .conditions import TextCondition
from .config import DiffusionGuidanceConfig
from .model import DiffusionModel


@dataclass(frozen=True)
class Question:
    """One prompt an object, as the diffusion model reads it."""

    positive: TextCondition
    negatives: tuple[TextCondition, ...] = ()
    """Conditions of Perp-Neg's negative prompts; none without it."""

    def mix(self, others: Sequence[Question], shares: Float[Tensor, "objects ends"]) -> Question:
        """The embeddings of this question and ``others``, summed by share (A28, latent)."""
        every = (self, *others)
        return Question(
            TextCondition.sum([q.positive for q in every], shares),
            tuple(
                TextCondition.sum([q.negatives[j] for q in every], shares)
                for j in range(len(self.negatives))
            ),
        )


class Prompter:
    """Writes the questions of a prompt set."""

    def __init__(
        self, model: DiffusionModel, prompts: Sequence[str], config: DiffusionGuidanceConfig
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._config = config
        self._scheme: ViewScheme | None = None
        if config.views not in ("model", "none"):  # "model" was replaced by what that has
            self._scheme = config.views
        self._words: tuple[str, ...] = VIEW_WORDS[self._scheme] if self._scheme else ("",)

    def texts(self) -> Iterator[str]:
        """All texts that the model may be asked about, one by one."""
        yield self._config.negative
        for prompt in self._prompts:
            for words in self._words:
                yield view_prompt(prompt, words)

    def unconditional(self, count: int) -> TextCondition:
        """The empty prompt, or the negative one, ``count`` times."""
        one = self._model.embed([self._config.negative])
        return one[torch.zeros(count, dtype=torch.long, device=one.tokens.device)]

    def ask(self, prompts: Sequence[int], cameras: Cameras) -> Question:
        """Ask about each prompt from its camera. With Perp-Neg the view words are blended."""
        config = self._config
        if self._scheme is None:
            return Question(self._model.embed([self._prompts[i] for i in prompts]))
        cameras = cameras.to("cpu")
        weights = view_weights(cameras, self._scheme, blended=config.blended or config.perp_neg)
        positive = self._said(prompts, weights)
        if not config.perp_neg:
            return Question(positive)
        index, _ = perp_negatives(cameras, self._scheme)
        one_hot = torch.nn.functional.one_hot(index, len(self._words)).float()
        return Question(positive, tuple(self._said(prompts, one_hot[:, j]) for j in range(2)))

    def negative_weights(self, cameras: Cameras) -> Float[Tensor, "objects negatives"]:
        """Perp-Neg's weights by camera; no columns without it."""
        if self._scheme is None or not self._config.perp_neg:
            return torch.zeros(len(cameras), 0)
        return perp_negatives(cameras.to("cpu"), self._scheme)[1]

    def _said(
        self, prompts: Sequence[int], weights: Float[Tensor, "objects words"]
    ) -> TextCondition:
        """Each prompt with the words that have a weight, embedded and mixed."""
        rows, columns = weights.nonzero(as_tuple=True)
        texts = [
            view_prompt(self._prompts[prompts[int(row)]], self._words[int(column)])
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        distinct = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        condition = self._model.embed(list(distinct))
        place = torch.tensor([distinct[text] for text in texts])
        if len(texts) == len(prompts):
            return condition[place.to(condition.tokens.device, non_blocking=True)]
        shares = torch.zeros(len(prompts), len(distinct))
        shares.index_put_((rows, place), weights[rows, columns], accumulate=True)
        return condition.mix(shares.to(condition.tokens.device, non_blocking=True))

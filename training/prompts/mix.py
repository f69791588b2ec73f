"""What a step's objects are asked to be: prompts, their shares, and conditions (A27-A29, A31).

The mapping network always sees the mix of the text embeddings, in every interpolation type; the
types differ in what the guidance makes of it (A28).
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.model.config import Condition
from backend.protocol.errors import TrainingError

from ..runs.ranges import within

SURE = 1.0 - 1e-6
"""A prompt with this share or more is alone in its mix."""


@dataclass(frozen=True)
class PromptMix:
    """What each object was asked to be: prompts, and their shares (A27).

    Without interpolation an object has one prompt with share 1.
    """

    prompts: Int[Tensor, "objects ends"]
    """Indices into the prompt set, on the CPU."""
    shares: Float[Tensor, "objects ends"]
    """Not negative, sums to one; on the CPU."""

    @classmethod
    def plain(cls, prompts: Sequence[int]) -> PromptMix:
        """One prompt an object."""
        index = torch.tensor(list(prompts))[:, None]
        return cls(index, torch.ones(index.shape))

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def leading(self) -> list[int]:
        """Each object's prompt with the largest share."""
        chosen = self.shares.argmax(dim=1, keepdim=True)
        return self.prompts.gather(1, chosen)[:, 0].tolist()

    @property
    def between(self) -> list[int]:
        """The objects that lie between prompts: none of their prompts has the whole share."""
        return (self.shares.amax(1) < SURE).nonzero()[:, 0].tolist()


Interpolation = Literal["none", "latent", "loss", "bernoulli", "guidance", "truth"]
"""``latent``, ``loss``, ``bernoulli``, ``guidance``: Eq. 8-11. ``truth``: references of assets with
a continuous parameter, which have a true picture at every share."""


@dataclass(frozen=True)
class InterpolationConfig:
    """How much is trained between prompts, and how."""

    kind: Interpolation = "none"
    share: float = within(1.0, 0.0, 1.0)
    """Share of the objects that lie between prompts; the others are one prompt each."""
    kappa: tuple[float, ...] = (2.0, 0.5)
    """Concentrations of the Dirichlet distribution that shares are drawn from (A29): 1 is uniform,
    more prefers the middle, less the ends. One for each stretch of the run."""
    kappa_until: tuple[int, ...] = (5_000,)
    """Step at which each of them but the last ends."""
    ends: int = 2
    """Prompts in a mix."""
    pairs: Literal["any", "neighbours"] = "any"
    """``any``: prompts at random; ``neighbours``: consecutive prompts of the set, which is then a
    chain (A30)."""

    def __post_init__(self) -> None:
        if len(self.kappa) != len(self.kappa_until) + 1:
            raise TrainingError(
                f"{len(self.kappa)} values of kappa need {len(self.kappa) - 1} steps at which to"
                f" change, not {len(self.kappa_until)}",
                "set --interpolation.kappa and --interpolation.kappa-until to fit",
            )
        if list(self.kappa_until) != sorted(set(self.kappa_until)):
            raise TrainingError(
                "the steps in --interpolation.kappa-until do not grow", "write them in order"
            )
        if min(self.kappa) <= 0:
            raise TrainingError(
                f"kappa {min(self.kappa):g} is not positive",
                "use values above 0; below 1 the ends are preferred",
            )
        if self.ends < 2:
            raise TrainingError(
                f"a mix of {self.ends} prompts is not between prompts",
                "use --interpolation.ends 2 or more",
            )

    def kappa_at(self, step: int) -> float:
        """The concentration at ``step``."""
        return self.kappa[bisect.bisect_right(self.kappa_until, step)]


def sample_mix(
    leading: Sequence[int],
    seen: Sequence[int],
    config: InterpolationConfig,
    step: int,
    generator: torch.Generator,
) -> PromptMix:
    """Mixes of prompts, each of which has one of ``leading`` among its ends.

    Shares are drawn from Dir(kappa) (A29); for some objects the leading prompt has the whole share
    (``config.share``). With ``neighbours`` the ends are consecutive in
    ``seen``; otherwise the others are drawn from ``seen``, all different.

    Raises:
        TrainingError: there are fewer prompts than ends.
    """
    if config.kind == "none":
        return PromptMix.plain(leading)
    if len(seen) < config.ends:
        raise TrainingError(
            f"mixes of {config.ends} prompts need as many prompts, but there are {len(seen)}",
            "lower --interpolation.ends, use a larger prompt set, or --interpolation.kind none",
        )
    seed = int(torch.randint(2**62, (1,), generator=generator).item())
    random = np.random.default_rng(seed)
    place = {prompt: row for row, prompt in enumerate(seen)}
    rows = []
    for prompt in leading:
        own = place[prompt]
        if config.pairs == "neighbours":
            first = own - int(random.integers(config.ends))
            first = min(max(first, 0), len(seen) - config.ends)
            rows.append(list(seen[first : first + config.ends]))
        else:
            others = random.choice(len(seen) - 1, config.ends - 1, replace=False)
            rows.append([prompt, *(seen[i + (i >= own)] for i in others.tolist())])
    shares = random.dirichlet([config.kappa_at(step)] * config.ends, len(rows))
    alone = random.random(len(rows)) >= config.share
    first = [row.index(prompt) for row, prompt in zip(rows, leading, strict=True)]
    shares[alone] = np.eye(config.ends)[first][alone]
    return PromptMix(torch.tensor(rows), torch.from_numpy(shares).float())


def sample_conditions(
    conditions: Sequence[Condition], count: int, generator: torch.Generator
) -> dict[str, Float[Tensor, " objects"]]:
    """A value of each condition for ``count`` objects (A31): uniform over its range, or over the
    range's logarithm."""
    drawn: dict[str, Float[Tensor, " objects"]] = {}
    for condition in conditions:
        share = torch.rand(count, generator=generator)
        if condition.logarithmic:
            drawn[condition.name] = condition.low * (condition.high / condition.low) ** share
        else:
            drawn[condition.name] = condition.low + (condition.high - condition.low) * share
    return drawn

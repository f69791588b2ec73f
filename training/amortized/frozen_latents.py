"""The latent that fits each prompt's reference best, with grid and MLP frozen: an auto-decoder.

What a mapping network says is blurred by what text lets it say, and a checkpoint has nothing of the
run that made it. So each prompt starts from the v that its text gives, and Adam moves that alone,
in coordinates in which grids of known prompts are spread alike in every direction: what few of
them differ by moves little. A deep mapping network is then fitted to what was found
(``latents.py``, ``scripts/refit_mapping.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from backend.model.att3d import ATT3D

from ..guidance import Guidance
from ..prompts import PromptMix
from ..rendering.scene import Step
from ..runs.optimizer import OptimizerConfig, schedule_factor

LEAST = -0.2784
"""Just above the least value of SiLU: what a mapping network can say."""
NARROWEST = 0.02
"""Least spread of a direction, in that of the widest."""


def find_latents(
    model: ATT3D,
    start: Float[Tensor, "prompts v"],
    guidance: Guidance,
    *,
    visits: int,
    batch: int = 48,
    rate: float = 0.05,
    seed: int = 0,
    watch: Callable[[int, int, dict[str, float]], None] = lambda *_: None,
) -> Float[Tensor, "prompts v"]:
    """v of every prompt, found from ``start``, v by text.

    Args:
        guidance: its prompts are numbered like the rows of ``start``.
        visits: how often each prompt is looked at.
        rate: Adam's, in units of a direction's spread over the prompts.
        watch: called with each step's number, the number of steps, and the losses.
    """
    axes = spread_axes(model, start)
    found = start.clamp_min(LEAST)
    first, second = torch.zeros_like(found), torch.zeros_like(found)
    seen = torch.zeros(len(found), 1)
    cosine = OptimizerConfig(schedule="cosine")
    steps = max(visits * len(found) // batch, 1)
    for index, rows in enumerate(_batches(len(found), batch, steps, seed)):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + index)
        v = found[rows].requires_grad_()
        mix = PromptMix.plain(rows)
        step = Step(model, model.objects_of_latent(v), mix, index, steps, generator)
        loss, parts = guidance(step)
        (gradient,) = torch.autograd.grad(loss * len(rows), v)
        # Adam of the rows that were looked at: the moments of the others stay as they are.
        slope = gradient @ axes.T
        seen[rows] += 1
        first[rows] = 0.9 * first[rows] + 0.1 * slope
        second[rows] = 0.99 * second[rows] + 0.01 * slope.square()
        mean = first[rows] / (1 - 0.9 ** seen[rows])
        size = (second[rows] / (1 - 0.99 ** seen[rows])).sqrt()
        move = rate * schedule_factor(cosine, index / steps) * mean / (size + 1e-12)
        found[rows] = (found[rows] - move @ axes).clamp_min(LEAST)
        watch(index, steps, {name: value.item() for name, value in parts.items()})
    return found


@torch.no_grad()
def spread_axes(model: ATT3D, known: Float[Tensor, "prompts v"]) -> Float[Tensor, "v v"]:
    """Directions of v, as rows, in which the grids of ``known`` are spread by one each, and
    nothing is correlated."""
    decode = model.mapping.plain_weights()["decode.weight"].double()
    values, vectors = torch.linalg.eigh(decode.T @ decode)
    size = values.clamp_min(1e-9 * values[-1]).sqrt()
    # Coordinates whose distances are those of grids.
    isometric = (known - known.mean(0)).double() @ (vectors * size)
    spread, turned = torch.linalg.eigh(isometric.T @ isometric / len(known))
    length = spread.clamp_min(0.0).sqrt()
    length = length.clamp_min(NARROWEST * length[-1])
    return ((turned * length).T @ (vectors / size).T).to(known)


def _batches(count: int, batch: int, steps: int, seed: int) -> Iterator[Sequence[int]]:
    """Rows of each step: every epoch visits each once, in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    waiting: list[int] = []
    for _ in range(steps):
        if len(waiting) < min(batch, count):
            waiting += torch.randperm(count, generator=generator).tolist()
        rows, waiting = waiting[:batch], waiting[batch:]
        yield list(dict.fromkeys(rows))

"""What words say of proportions, as a small network that a checkpoint keeps.

How each word stretches an asset is known, so nothing has to be rendered: the network is fitted to
captions and factors before a run begins, and the run then shows every asset in its own proportions,
whatever its caption says of them (:mod:`backend.model.proportions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import torch
from jaxtyping import Float
from torch import Tensor, nn

from backend.model.proportions import Proportions
from backend.prompts.attributes import Factors
from backend.protocol.errors import TrainingError
from backend.text.encoder import TextEncoder

from ..assets import AssetCollection
from ..prompts import PromptSet
from ..runs.optimizer import OptimizerConfig, schedule_factor

CAPTIONS, MOST, LEAST = 10_000, 100, 16
"""Captions that a fit sees, about; at most so many of an asset, and at least so many."""
COMPONENTS = 1500
"""Principal components of their embeddings that it looks at, at most."""
EPOCHS, FEWEST, BATCH, RATE, DECAY = 75, 600, 256, 4e-3, 0.1
"""How often a fit sees every caption, and its fewest steps."""
AS_IT_IS = 3.0
"""Weight of captions that stretch nothing: a small axe that is called so is as large as it is."""
NOISE = 0.05
"""Spread of what is added to whitened embeddings: captions like these mean the same."""
SHARP = 0.05
"""Errors of a factor's logarithm above this count by their size, those below by their square."""
ENCODED = 256
"""Captions encoded at once."""


def teach_proportions(
    network: Proportions,
    prompts: PromptSet,
    collection: AssetCollection,
    encoder: TextEncoder,
    *,
    seed: int = 0,
) -> None:
    """Fit ``network`` to what words ask of the assets of the seen prompts.

    Raises:
        TrainingError: no word stretches such assets.
    """
    seen = list(dict.fromkeys(prompts.prompts[index] for index in prompts.seen))
    assets = len({shown.asset for shown in collection.shown(seen)})
    said = collection.proportions(seen, min(max(CAPTIONS // assets, LEAST), MOST), Random(seed))
    if not said:
        raise TrainingError(
            f"no word stretches the assets of {collection.name}",
            "use --model.proportions 0, or a library with its attributes",
        )
    captions = [caption for caption, _ in said]
    parts = [captions[first : first + ENCODED] for first in range(0, len(captions), ENCODED)]
    embeddings = torch.cat([encoder.encode(part) for part in parts])
    fit_proportions(network, embeddings, [factors for _, factors in said], seed=seed)


def fit_proportions(
    network: Proportions,
    embeddings: Float[Tensor, "captions tokens width"],
    factors: Sequence[Factors],
    *,
    seed: int = 0,
) -> None:
    """Make ``network`` say the factors of these embeddings, and of others as alike as may be."""
    flat = embeddings.flatten(1)
    middle = flat.mean(0)
    axes = _whitening(flat - middle)
    inputs = (flat - middle) @ axes
    wanted = torch.tensor(factors).log()
    weights = torch.where((wanted == 0.0).all(1), AS_IT_IS, 1.0)
    hidden = len(network.bias)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, last = nn.Linear(inputs.shape[1], hidden), nn.Linear(hidden, 3, bias=False)
    optimizer = torch.optim.AdamW(
        [*first.parameters(), *last.parameters()], RATE, weight_decay=DECAY
    )
    cosine = OptimizerConfig(schedule="cosine")
    generator = torch.Generator().manual_seed(seed)
    steps = max(EPOCHS * len(inputs) // BATCH, FEWEST)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * schedule_factor(cosine, step / steps)
        some = torch.multinomial(weights, BATCH, replacement=True, generator=generator)
        seen = inputs[some]
        seen = seen + NOISE * torch.randn(seen.shape, generator=generator)
        answer = last(nn.functional.silu(first(seen)))
        loss = nn.functional.smooth_l1_loss(answer, wanted[some], beta=SHARP)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        # As checkpoints store it.
        network.weight.copy_((first.weight @ axes.T).half())
        network.bias.copy_(first.bias - network.weight @ middle.to(network.weight))
        network.out.copy_(last.weight)


def _whitening(
    centered: Float[Tensor, "captions numbers"],
) -> Float[Tensor, "numbers components"]:
    """The leading principal components, scaled to equal spread; little ones are damped."""
    few = len(centered) < centered.shape[1]
    square = centered @ centered.T if few else centered.T @ centered
    values, vectors = torch.linalg.eigh(square / len(centered))
    values, vectors = values[-COMPONENTS:].clamp_min(0.0), vectors[:, -COMPONENTS:]
    axes = nn.functional.normalize(centered.T @ vectors, dim=0) if few else vectors
    return axes / (values + 1e-3 * values[-1]).sqrt().clamp_min(1e-9)

"""An auto-decoder beside the mapping network: every asset has a part of v of its own.

The linear mapping network (A4) gives the latents of a thousand captions with fewer numbers than
they have, so that a large library is blurred by what v can be, not by what a grid can hold. While
such a run trains, an asset's own numbers are added to v before its SiLU (as DeepSDF learns a code a
shape); copies of an asset share them, and what a word adds is the mapping network's to say. For
every checkpoint a deep mapping network (A5) is fitted to the sums, and text alone gives them. It is
fitted to captions that nobody wrote, too: a network that knows no more than what a thousand
captions say has no reason to say anything sensible of another. What v these should have is judged
by their words (``prompts/imagined.py``), or for copies of assets by what they show (``copies.py``).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.model.att3d import ATT3D
from backend.model.config import ModelConfig
from backend.model.mapping import MappingNetwork
from backend.protocol.errors import TrainingError
from backend.text.encoder import TextEncoder

from ..assets import AssetCollection, Shown
from ..prompts import PromptMix
from ..prompts.imagined import imagined_captions, shares_of
from ..runs.optimizer import OptimizerConfig, schedule_factor
from ..runs.ranges import within
from .copies import shares_of_copies
from .evaluation import evenly

BATCH = 256
"""Prompts of a step of the fit."""
EXPLAINING = 4000
"""Prompts that explain imagined captions, at most: the time goes with the cube of their number."""


@dataclass(frozen=True)
class LatentsConfig:
    """Whether assets have parts of v of their own, and the network that says them by text."""

    own: bool = False
    """Each asset learns numbers that are added to v; with a linear mapping network only."""
    hidden: int = within(256, 0, 65_536)
    """Units of the fitted network's hidden layer, beside the 2 v that begin as the linear map."""
    second: int = within(0, 0, 65_536)
    """Units of a second hidden layer, likewise; 0: there is none. Units there cost less of a file
    than in the first, which reads whole embeddings."""
    components: int = within(512, 1, 65_536)
    """Principal components of the text embeddings that it sees, at most."""
    wordings: int = within(4, 1, 1000)
    """Wordings of each prompt that it is fitted to."""
    epochs: int = within(40, 1, 1_000_000)
    """Times that the fit sees all of them."""
    rate: float = within(5e-4, 0.0, 1.0)
    """Adam's rate in the fit."""
    imagined: int = within(8000, 0, 1_000_000)
    """Captions that nobody wrote, to which it is fitted as well, of models and of copies each."""
    imagined_weight: float = within(0.5, 0.0, 1000.0)
    """What they weigh together, beside the written ones."""
    between: float = within(0.0, 0.0, 1.0)
    """What prompts between two written ones weigh, beside the others: there v is the mix of what
    theirs are before their SiLU, as in training between prompts."""


@dataclass(frozen=True)
class Imagined:
    """Captions that nobody wrote."""

    embeddings: Float[Tensor, "captions tokens width"]
    known: Int[Tensor, " known"]
    """Places, among the prompts of the fit, of those that explain the captions."""
    expected: Expected
    """How much of each one's v a caption is expected to have."""


Expected = Callable[
    [Float[Tensor, "known v"], Float[Tensor, "v v"]], Float[Tensor, "captions known"]
]
"""Shares of the known v, from these and the metric by which they differ."""


class LatentTable(nn.Module):
    """The assets' own parts of v, all zero at first."""

    owner: Tensor

    def __init__(self, owners: Sequence[int], config: ModelConfig, fit: LatentsConfig) -> None:
        """``owners``: for each prompt of the set the number of its asset.

        Raises:
            TrainingError: the model's mapping network is not a linear one, has conditions, or its
                v is too wide for the network that ``fit`` describes.
        """
        if config.mapping != "linear" or config.conditions:
            raise TrainingError(
                "assets have parts of v of their own only beside a linear mapping network without"
                " conditions",
                "use --model.mapping linear, or --latents.no-own",
            )
        problem = deep_config(config, fit).problem
        if problem:
            raise TrainingError(
                f"no network could say the assets' parts of v: {problem}",
                "choose a smaller --latents.hidden or --model.latent",
            )
        super().__init__()
        self.register_buffer("owner", torch.tensor(list(owners)))
        self.values = nn.Parameter(torch.zeros(max(owners) + 1, config.latent))

    def forward(self, mix: PromptMix) -> Float[Tensor, "objects v"]:
        """What is added to each object's v before its SiLU; between prompts, by their shares."""
        own = self.values[self.owner[mix.prompts.to(self.owner.device)]]
        return (own * mix.shares.to(own)[..., None]).sum(1)


def imagine(
    captions: Sequence[str],
    encoder: TextEncoder,
    config: LatentsConfig,
    collection: AssetCollection | None = None,
    *,
    proportions: bool = False,
) -> list[Imagined]:
    """Captions that ``captions`` explain, without those that repeat for the prompts of the fit.

    Captions that repeat explain some by themselves: models come more often than their copies, and
    how tall copies of a red tavern look says little of a blue tavern. All together explain the
    copies of ``collection`` that are not among them, or where it has none, some more by words.
    With ``proportions`` the model says beside v how copies are stretched, so that v is the same.
    """
    visits = Counter(captions)
    models = [caption for caption in visits if visits[caption] > min(visits.values())]
    place = {caption: i for i, caption in enumerate(visits)}
    copies = _copies(list(visits), collection, config.imagined) if collection else {}
    found = []
    for some in (models,) if copies else (models, list(visits)):
        imagined = imagined_captions(some, config.imagined)
        if not imagined:
            continue
        known = evenly(some, EXPLAINING)
        shares = torch.from_numpy(shares_of(imagined, known))
        found.append(
            Imagined(
                _encoded(imagined, encoder),
                torch.tensor([place[caption] for caption in known]),
                lambda v, _metric, shares=shares: shares.to(v),
            )
        )
    if collection and copies:
        shown = collection.shown(list(visits))
        asked = list(copies.values())
        if proportions:
            shown, asked = ([each.unstretched for each in some] for some in (shown, asked))
        plain = [i for i, each in enumerate(shown) if each.as_it_is]
        rest = sorted(set(range(len(shown))) - set(plain))
        known = sorted([*plain, *evenly(rest, max(EXPLAINING - len(plain), 1))])
        found.append(
            Imagined(
                _encoded(list(copies), encoder),
                torch.tensor(known),
                partial(shares_of_copies, asked, [shown[i] for i in known]),
            )
        )
    return found


def _copies(captions: Sequence[str], collection: AssetCollection, most: int) -> dict[str, Shown]:
    """Copies of what captions show that are none of these, at most ``most``, drawn."""
    taken = set(captions)
    found = {
        caption: shown
        for plain in captions
        for caption, shown in collection.copies(plain).items()
        if caption not in taken
    }
    drawn = Random(0).sample(sorted(found), min(len(found), most))
    return {caption: found[caption] for caption in drawn}


def _encoded(
    captions: Sequence[str], encoder: TextEncoder
) -> Float[Tensor, "captions tokens width"]:
    parts = [captions[first : first + BATCH] for first in range(0, len(captions), BATCH)]
    return torch.cat([encoder.encode(part) for part in parts])


def say_latents_by_text(
    model: ATT3D,
    own: Float[Tensor, "prompts v"],
    said: Sequence[Float[Tensor, "prompts tokens width"]],
    weights: Float[Tensor, " prompts"],
    config: LatentsConfig,
    imagined: Sequence[Imagined] = (),
    *,
    seed: int = 0,
) -> ATT3D:
    """A model whose deep mapping network gives by text what ``model``'s gives with ``own`` added.

    ``said`` are embeddings of the prompts, one tensor for each wording; ``weights`` say how much
    each prompt matters. Everything but the mapping network is ``model``'s.
    """
    plain = {k: v.to(own.device) for k, v in model.mapping.plain_weights().items()}
    linear = nn.functional.linear(
        torch.cat(list(said)).flatten(1), plain["encode.weight"], plain["encode.bias"]
    )
    before = linear + own.repeat(len(said), 1)
    return fit_mapping(model, before, said, weights, config, imagined, seed=seed)


def fit_mapping(
    model: ATT3D,
    before: Float[Tensor, "said v"],
    said: Sequence[Float[Tensor, "prompts tokens width"]],
    weights: Float[Tensor, " prompts"],
    config: LatentsConfig,
    imagined: Sequence[Imagined] = (),
    *,
    seed: int = 0,
) -> ATT3D:
    """``model`` with a deep mapping network that is fitted to v, before its SiLU, of every wording
    of every prompt.

    The error is measured on grids: v's error through the decoding layer. The network begins as
    ``model``'s own, if that is as wide. Otherwise the hidden layer begins as the best linear map,
    written with SiLU(x) - SiLU(-x) = x, so the fit can only become better than that.
    """
    device = before.device
    decode = model.mapping.plain_weights()["decode.weight"].to(device)
    metric = decode.T @ decode
    embeddings = torch.cat(list(said))
    weights = weights.to(device).repeat(len(said)) / weights.mean()
    written, learnt = before, nn.functional.silu(before)
    truth = learnt
    for some in imagined:
        known = some.known.to(device)
        shares = some.expected(learnt[known], metric)
        light = config.imagined_weight * len(written) / (len(shares) * len(imagined))
        before = torch.cat([before, shares @ written[known]])
        truth = torch.cat([truth, shares @ learnt[known]])
        embeddings = torch.cat([embeddings, some.embeddings.to(device)])
        weights = torch.cat([weights, torch.full((len(shares),), light, device=device)])

    result, inputs = _deep(model, embeddings, config, seed)
    mapping = result.mapping
    assert isinstance(mapping, MappingNetwork)
    if _hidden(mapping) == _hidden(model.mapping):
        _begin_as(mapping, cast(MappingNetwork, model.mapping))
    else:
        _begin_linear(mapping, inputs, before, weights)
    away = truth - truth.mean(0)
    spread = ((away @ metric) * away).sum(1).mean().clamp_min(1e-12)
    steps = config.epochs * max(len(inputs) // BATCH, 1)
    optimizer = torch.optim.Adam((*mapping.encode.parameters(), *mapping.deeper.parameters()))
    cosine = OptimizerConfig(schedule="cosine")
    generator = torch.Generator().manual_seed(seed)
    mixed = round(config.between * BATCH)
    pairs = weights[: len(written)].cpu().float()
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        if len(order) < min(BATCH, len(inputs)):
            order = torch.randperm(len(inputs), generator=generator)
        some, order = order[:BATCH].to(device), order[BATCH:]
        for group in optimizer.param_groups:
            group["lr"] = config.rate * schedule_factor(cosine, step / steps)
        error = _v(mapping, inputs[some]) - truth[some]
        loss = (((error @ metric) * error).sum(1) * weights[some]).mean() / spread
        if mixed:
            ends = torch.multinomial(pairs, 2 * mixed, replacement=True, generator=generator)
            share = torch.rand(mixed, 1, generator=generator).to(device)
            one, other = ends.to(device).chunk(2)
            asked = torch.lerp(inputs[one], inputs[other], share)
            meant = nn.functional.silu(torch.lerp(written[one], written[other], share))
            error = _v(mapping, asked) - meant
            loss = loss + mixed / BATCH * ((error @ metric) * error).sum(1).mean() / spread
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return result


def deep_config(known: ModelConfig, config: LatentsConfig) -> ModelConfig:
    """The model whose deep mapping network says what ``known``'s and the parts of v do."""
    widths = (config.hidden, config.second) if config.second else (config.hidden,)
    return dataclasses.replace(
        known,
        mapping="deep",
        mapping_hidden=tuple(2 * known.latent + width for width in widths),
        components=min(config.components, known.tokens * known.width),
        spectral_norm=False,
    )


def _deep(
    model: ATT3D,
    embeddings: Float[Tensor, "prompts tokens width"],
    config: LatentsConfig,
    seed: int,
) -> tuple[ATT3D, Float[Tensor, "prompts components"]]:
    """``model`` with a new deep mapping network, and what that sees of the embeddings."""
    deep = deep_config(model.config, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        result = ATT3D(deep).to(embeddings.device)
    state = result.state_dict()
    state |= {k: v for k, v in model.state_dict().items() if not k.startswith("mapping.")}
    state["mapping.decode.weight"] = model.mapping.plain_weights()["decode.weight"]
    result.load_state_dict(state)
    mapping = result.mapping
    assert isinstance(mapping, MappingNetwork)
    mapping.whiten_on(embeddings, floor=1e-3)
    return result, (embeddings.flatten(1) - mapping.shift) @ mapping.basis


def _hidden(mapping: nn.Module) -> list[int]:
    """Widths of a mapping network's layers from the first one on."""
    if not isinstance(mapping, MappingNetwork):
        return []
    return [cast(nn.Linear, layer).out_features for layer in (mapping.encode, *mapping.deeper)]


@torch.no_grad()
def _begin_as(mapping: MappingNetwork, known: MappingNetwork) -> None:
    """Make ``mapping`` the function that ``known`` is, as far as what it sees of embeddings goes:
    an embedding is its shift and a sum of the components' axes."""
    plain = known.plain_weights()
    weight, axes = plain["encode.weight"], torch.linalg.pinv(mapping.basis)
    mapping.encode.weight.copy_(weight @ axes.T)
    mapping.encode.bias.copy_(plain["encode.bias"] + weight @ mapping.shift)
    for layer, other in zip(mapping.deeper, known.deeper, strict=True):
        layer.load_state_dict(other.state_dict())


@torch.no_grad()
def _begin_linear(
    mapping: MappingNetwork,
    inputs: Float[Tensor, "prompts components"],
    before: Float[Tensor, "prompts v"],
    weights: Float[Tensor, " prompts"],
) -> None:
    """Make ``mapping`` the linear map of ``inputs`` that comes nearest to ``before``; the hidden
    units beyond those that it takes have no say yet."""
    mean, wide = before.mean(0), inputs.double()
    weighted = wide * weights[:, None]
    square = weighted.T @ wide
    ridge = 1e-6 * square.diagonal().mean().clamp_min(1e-12)
    square.diagonal().add_(ridge)
    best = torch.linalg.solve(square, weighted.T @ (before - mean).double()).T.to(inputs)
    v = len(best)
    mapping.encode.weight[:v], mapping.encode.weight[v : 2 * v] = best, -best
    mapping.encode.bias[: 2 * v] = 0.0
    same = torch.eye(v).to(best)
    *between, last = (cast(nn.Linear, layer) for layer in mapping.deeper)
    for layer in between:
        layer.weight[: 2 * v] = 0.0
        layer.weight[:v, :v], layer.weight[:v, v : 2 * v] = same, -same
        layer.weight[v : 2 * v] = -layer.weight[:v]
        layer.bias[: 2 * v] = 0.0
    last.weight.zero_()
    last.weight[:, :v], last.weight[:, v : 2 * v] = same, -same
    last.bias.copy_(mean)


def _v(
    mapping: MappingNetwork, inputs: Float[Tensor, "prompts components"]
) -> Float[Tensor, "prompts v"]:
    v = mapping.encode(inputs)
    for layer in mapping.deeper:
        v = layer(nn.functional.silu(v))
    return nn.functional.silu(v)

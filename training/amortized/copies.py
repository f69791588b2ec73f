"""What v a copy should have that training never saw: a Gaussian process over assets and words.

A copy is an asset changed by a word that paints ("red"), by one that stretches ("tall"), or by
both. v of two copies is as alike as they have the asset, the word that paints and the word that
stretches in common, and a word does alike things to assets whose own v is alike. Given v of the
copies that were seen, v of another one is then a sum of theirs with known shares.

The kernel's weights are those that left least of v of a tenth of the copies of 163 models, which
were held out (``benchmarks/imagined_copies.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..assets import Shown

SAME_ASSET = 4.0
"""The kernel of two copies of one asset."""
SAME_PROPORTIONS = 0.02
"""The kernel of one asset in the same proportions, beside ``SAME_ASSET``."""
SAME_WORD = 1.0
"""The kernel of two assets in one paint, or of two that one word stretches."""
PAINTED_ALIKE, STRETCHED_ALIKE = 0.1, 0.4
"""What is added to ``SAME_WORD``, times how alike the assets themselves are."""
PAINTED = 0.1
"""The kernel of two assets in any paint, times how alike they are."""
NOISE = 0.08
"""Ridge of the regression."""
AT_ONCE = 1024
"""Copies whose kernel is held at once."""


def shares_of_copies(
    asked: Sequence[Shown],
    known: Sequence[Shown],
    v: Float[Tensor, "known v"],
    metric: Float[Tensor, "v v"],
) -> Float[Tensor, "asked known"]:
    """How much of each known v a copy is expected to have; rows sum to 1.

    ``v`` are the known ones', and ``metric`` says what their differences weigh.
    """
    told = _kernel(known, known, v, metric).double()
    told.diagonal().add_(NOISE)
    factor = torch.linalg.cholesky(told)
    found = []
    for first in range(0, len(asked), AT_ONCE):
        k = _kernel(asked[first : first + AT_ONCE], known, v, metric)
        shares = torch.cholesky_solve(k.T.double(), factor).T
        found.append((shares + (1.0 - shares.sum(1, keepdim=True)) / len(known)).to(v))
    return torch.cat(found)


def _kernel(
    asked: Sequence[Shown],
    known: Sequence[Shown],
    v: Float[Tensor, "known v"],
    metric: Float[Tensor, "v v"],
) -> Float[Tensor, "asked known"]:
    """How alike v of what is asked and of what is known are expected to be."""
    like = _likeness(asked, known, v, metric)

    def same(of: Callable[[Shown], object]) -> Float[Tensor, "asked known"]:
        """1 where both have the same, and have it at all."""
        places = {value: place for place, value in enumerate(dict.fromkeys(map(of, known)))}
        there, here = (
            torch.tensor([-1 if of(one) == "" else places.get(of(one), -1) for one in some])
            for some in (asked, known)
        )
        return ((there[:, None] == here) & (there >= 0)[:, None]).to(v)

    asset = same(lambda one: one.asset)
    return (
        SAME_ASSET * asset
        + SAME_PROPORTIONS * asset * same(lambda one: one.stretch or "as it is")
        + same(lambda one: one.paint) * (SAME_WORD + PAINTED_ALIKE * like)
        + same(lambda one: one.stretch) * (SAME_WORD + STRETCHED_ALIKE * like)
        + same(lambda one: "painted" if one.paint else "") * PAINTED * like
    )


def _likeness(
    asked: Sequence[Shown],
    known: Sequence[Shown],
    v: Float[Tensor, "known v"],
    metric: Float[Tensor, "v v"],
) -> Float[Tensor, "asked known"]:
    """How alike the assets are, as they are: products of v around its mean, 1 for an asset with
    itself on average, and 0 where v of one of them is not known."""
    plain = {each.asset: row for row, each in enumerate(known) if each.as_it_is}
    if not plain:
        return v.new_zeros(len(asked), len(known))
    away = v[list(plain.values())]
    away = away - away.mean(0)
    products = away @ metric @ away.T
    products = products / products.diagonal().mean().clamp_min(1e-12)
    # One row and column more, of zeros, for assets that are not known as they are.
    padded = nn.functional.pad(products, (0, 1, 0, 1))
    place = {asset: row for row, asset in enumerate(plain)}
    there, here = (
        torch.tensor([place.get(each.asset, len(plain)) for each in some])
        for some in (asked, known)
    )
    return padded[there][:, here]

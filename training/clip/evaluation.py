"""Retrieval among all captions, and how plainly a text tower shows the attributes (A9, A34)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from backend.text.encoder import TextEncoder

from .model import SmallClip, normalise_pixels
from .sampling import on_white
from .source import PairSource

_BATCH = 256


@dataclass(frozen=True)
class Retrieval:
    """How often the right caption, or a caption with the right attribute, comes first."""

    top1: float
    """Right caption among all, from one view."""
    top1_views: float
    """The same, with the cosines of an object's views averaged."""
    attributes: dict[str, float]
    """Right attribute of the first caption, views averaged."""

    def line(self) -> str:
        parts = "  ".join(f"{name} {value:.3f}" for name, value in self.attributes.items())
        return f"top-1 {self.top1:.3f} (4 views {self.top1_views:.3f})  {parts}"


@torch.no_grad()
def image_features(
    clip: SmallClip, rgb: Float[Tensor, "pictures 3 size size"]
) -> Float[Tensor, "pictures features"]:
    """Unit vectors; ``rgb`` already has the model's size."""
    was_training = clip.towers.training
    clip.towers.eval()
    parts = [clip.towers.encode_image(normalise_pixels(part)) for part in rgb.split(_BATCH)]
    clip.towers.train(was_training)
    return functional.normalize(torch.cat(parts).float(), dim=-1)


@torch.no_grad()
def text_features(clip: SmallClip, prompts: Sequence[str]) -> Float[Tensor, "prompts features"]:
    """Unit vectors of the prompts in the space shared with pictures."""
    was_training = clip.towers.training
    clip.towers.eval()
    ids = torch.from_numpy(clip.tokenizer(prompts))
    parts = [clip.towers.encode_text(part) for part in ids.split(_BATCH)]
    clip.towers.train(was_training)
    return functional.normalize(torch.cat(parts).float(), dim=-1)


def retrieval(
    clip: SmallClip,
    source: PairSource,
    objects: Int[Tensor, " objects"],
    pictures: UInt8[Tensor, "objects views 4 size size"],
) -> Retrieval:
    """Look the pictures' captions up among all captions of the source."""
    queries = text_features(clip, list(source.captions))
    seen = image_features(clip, on_white(pictures, clip.shape.image_size))
    cosines = (seen @ queries.T).reshape(len(objects), pictures.shape[1], -1)
    best = cosines.mean(1).argmax(-1)
    right = source.attributes[best] == source.attributes[objects]
    return Retrieval(
        top1=(cosines.argmax(-1) == objects[:, None]).float().mean().item(),
        top1_views=(best == objects).float().mean().item(),
        attributes={
            name: right[:, column].float().mean().item()
            for column, name in enumerate(source.attribute_names)
        },
    )


def linear_probes(
    train: Float[Tensor, "train width"],
    train_labels: Int[Tensor, "train attributes"],
    test: Float[Tensor, "test width"],
    test_labels: Int[Tensor, "test attributes"],
    ridge: float = 1e-3,
) -> list[float]:
    """Accuracies of ridge classifiers: can a linear layer read each attribute off the embedding?"""
    mean = train.mean(0)
    x = torch.cat([train - mean, torch.ones(len(train), 1)], dim=1).double()
    z = torch.cat([test - mean, torch.ones(len(test), 1)], dim=1).double()
    weight = ridge * len(x) * x.square().mean()
    gram = x.T @ x + weight * torch.eye(x.shape[1], dtype=x.dtype)
    classes = torch.maximum(train_labels.amax(0), test_labels.amax(0)) + 1
    targets = [
        functional.one_hot(labels, int(count))
        for labels, count in zip(train_labels.T, classes, strict=True)
    ]
    scores = z @ torch.linalg.solve(gram, x.T @ torch.cat(targets, dim=1).double())
    return [
        (part.argmax(-1) == labels).float().mean().item()
        for part, labels in zip(scores.split(classes.tolist(), 1), test_labels.T, strict=True)
    ]


@dataclass(frozen=True)
class Separability:
    """Linear readability of the attributes in a text tower's embeddings, on unseen objects."""

    template: dict[str, float]
    """Figures from the last position, of unseen objects' own captions."""
    paraphrase: dict[str, float]
    """Figures from the last position, of unseen objects said in other words."""
    flattened: dict[str, float]
    """Figures from all positions, which the mapping network flattens (A4); other words."""

    def line(self) -> str:
        def group(name: str, values: dict[str, float]) -> str:
            return f"{name}: " + " ".join(f"{k} {v:.3f}" for k, v in values.items())

        return "; ".join(group(*item) for item in vars(self).items())


def separability(
    encoder: TextEncoder, source: PairSource, seed: int = 0, captions: int = 3000
) -> Separability:
    """Fit probes on captions and paraphrases of trainable objects; test them on all others."""
    chance = random.Random(seed)
    seen = source.trainable
    unseen = torch.tensor(sorted(set(range(len(source.captions))) - set(seen.tolist())))
    rounds = max(1, captions // (2 * len(seen)))
    train = [source.captions[i] for i in seen.tolist()]
    for _ in range(2 * rounds - 1):
        train += [source.paraphrase(i, chance) for i in seen.tolist()]
    x = encoder.encode(train)
    y = source.attributes[seen].repeat(2 * rounds, 1)
    plain = encoder.encode([source.captions[i] for i in unseen.tolist()])
    other = encoder.encode([source.paraphrase(i, chance) for i in unseen.tolist()])
    truth = source.attributes[unseen]

    def probe(fit: Tensor, test: Tensor) -> dict[str, float]:
        return dict(zip(source.attribute_names, linear_probes(fit, y, test, truth), strict=True))

    return Separability(
        template=probe(x[:, -1], plain[:, -1]),
        paraphrase=probe(x[:, -1], other[:, -1]),
        flattened=probe(x.flatten(1), other.flatten(1)),
    )

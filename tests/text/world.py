"""A world small enough to learn in seconds: colored squares, discs, stripes and frames."""

from __future__ import annotations

import random

import torch

_COLORS = {"red": (1.0, 0.1, 0.1), "green": (0.1, 0.8, 0.1), "blue": (0.1, 0.2, 1.0)}
_FORMS = ("square", "disc", "stripe")


class SquaresSource:
    """A :class:`training.clip.source.PairSource` of nine objects."""

    def __init__(self) -> None:
        self._objects = [(color, form) for color in _COLORS for form in _FORMS]
        self.captions = [f"a {color} {form}" for color, form in self._objects]
        self.attributes = torch.tensor([(i // 3, i % 3) for i in range(9)])
        self.name = "squares"
        self.attribute_names = ("color", "form")
        self.fingerprint = "squares"
        self.trainable = torch.arange(8)

    def paraphrase(self, index: int, chance: random.Random) -> str:
        color, form = self._objects[index]
        return chance.choice([f"one {form} that is {color}", f"the {color} {form}"])

    def vocabulary_texts(self) -> list[str]:
        return [*self.captions, "one that is the"]

    def random_views(
        self, indices: torch.Tensor, size: int, generator: torch.Generator
    ) -> torch.Tensor:
        centre = 0.2 * torch.rand(len(indices), 2, generator=generator) - 0.1
        return torch.stack(
            [self._draw(int(i), size, c) for i, c in zip(indices, centre, strict=True)]
        )

    def fixed_views(self, indices: torch.Tensor, size: int) -> torch.Tensor:
        offsets = torch.tensor([[0.0, 0.0], [0.05, 0.0], [0.0, 0.05], [0.05, 0.05]])
        return torch.stack(
            [torch.stack([self._draw(int(i), size, o) for o in offsets]) for i in indices]
        )

    def _draw(self, index: int, size: int, centre: torch.Tensor) -> torch.Tensor:
        color, form = self._objects[index]
        line = (torch.arange(size) + 0.5) / size * 2.0 - 1.0
        y, x = torch.meshgrid(line - centre[0], line - centre[1], indexing="ij")
        inside = {
            "square": (x.abs() < 0.5) & (y.abs() < 0.5),
            "disc": x.square() + y.square() < 0.4,
            "stripe": y.abs() < 0.2,
        }[form]
        picture = torch.zeros(4, size, size)
        picture[:3] = torch.tensor(_COLORS[color])[:, None, None] * inside
        picture[3] = inside.float()
        return picture

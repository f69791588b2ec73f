"""A contact sheet of the toybox: ``python -m training.toybox.sheet -o FILE``.

With ``--families``, the families: a row each, from the chain's first prompt to its last.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.rendering.cameras import Cameras

from ..prompts import FAMILIES, chain
from ..prompts.specs import ACTIVITIES, ANIMALS, HATS, THEMES, CharacterSpec, Spec
from ..rendering.contact_sheet import to_image
from .build import build, build_mix
from .render import render
from .table import stack

Between = tuple[Sequence[Spec], Sequence[float]]
"""Stages of a family, and their shares."""
View = tuple[Spec | Between, int]
"""A toy, and the azimuth it is seen from, degrees."""

CHUNK = 16
COLUMNS = 10


def rows(seed: int = 5) -> list[Sequence[View]]:
    """Every animal from three sides, every activity, theme and hat, and random compositions."""
    chance = random.Random(seed)
    sheet: list[Sequence[View]] = [
        [(CharacterSpec(animal), azimuth) for animal in ANIMALS] for azimuth in (20, 100, 195)
    ]
    sheet.append(
        [(CharacterSpec(a, c), 30) for a, c in zip(ANIMALS, ACTIVITIES, strict=False)]
        + [(CharacterSpec("pig", ACTIVITIES[i]), -65) for i in (0, 1)]
    )
    sheet.append(
        [(CharacterSpec(a, None, t), 20) for a, t in zip(ANIMALS[2:], THEMES, strict=True)]
        + [(CharacterSpec("rabbit", None, THEMES[i]), 200) for i in (3, 7)]
    )
    sheet.append(
        [
            (CharacterSpec(animal, None, None, hat), azimuth)
            for animals, azimuth in ((ANIMALS[:5], 20), (ANIMALS[5:], -25))
            for animal, hat in zip(animals, HATS, strict=True)
        ]
    )
    sheet += [
        [
            (
                CharacterSpec(
                    chance.choice(ANIMALS),
                    chance.choice(ACTIVITIES),
                    chance.choice(THEMES),
                    chance.choice(HATS),
                ),
                chance.choice((25, -30, 40)),
            )
            for _ in range(COLUMNS)
        ]
        for _ in range(2)
    ]
    return sheet


def family_rows(columns: int = COLUMNS, azimuths: Sequence[int] = (25,)) -> list[Sequence[View]]:
    """Each family at ``columns`` places evenly along its chain, from each azimuth."""
    sheet: list[Sequence[View]] = []
    for family in FAMILIES:
        stages = chain(family)
        places = torch.linspace(0.0, len(stages) - 1.0, columns, dtype=torch.float64).tolist()
        row: list[Between] = []
        for place in places:
            first = min(int(place), len(stages) - 2)
            share = place - first
            row.append((stages[first : first + 2], (1.0 - share, share)))
        for azimuth in azimuths:
            views: list[View] = [(between, azimuth) for between in row]
            sheet.append(views)
    return sheet


def render_sheet(
    sheet: Sequence[Sequence[View]], size: int, *, compiled: bool = True
) -> Float[Tensor, "height width 3"]:
    """Render the views of a sheet, ``size`` pixels each, from twice as large pictures."""
    views = [view for row in sheet for view in row]
    toys = [toy for toy, _ in views]
    batch = stack([build_mix(*t) if isinstance(t, tuple) else build(t) for t in toys])
    count = len(views)
    cameras = Cameras(
        azimuth=torch.deg2rad(torch.tensor([azimuth for _, azimuth in views])),
        elevation=torch.full((count,), 0.2),
        distance=torch.full((count,), 3.2),
        focal=torch.full((count,), 1.6),
        height=torch.zeros(count),
    )
    pictures = torch.cat(
        [
            render(batch[i : i + CHUNK], cameras[i : i + CHUNK], 2 * size, compiled=compiled).rgb
            for i in range(0, count, CHUNK)
        ]
    )
    pictures = pictures.unflatten(1, (size, 2)).unflatten(3, (size, 2)).mean((2, 4))
    columns = max(len(row) for row in sheet)
    blank = torch.ones(size, size, 3)
    lines, start = [], 0
    for row in sheet:
        cells = list(pictures[start : start + len(row)]) + [blank] * (columns - len(row))
        lines.append(torch.cat(cells, dim=1))
        start += len(row)
    return torch.cat(lines)


def main(arguments: list[str] | None = None) -> None:
    """Write the sheet to a file."""
    parser = argparse.ArgumentParser(prog="python -m training.toybox.sheet", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=120, help="pixels a toy")
    parser.add_argument("--seed", type=int, default=5, help="of the random compositions")
    parser.add_argument("--eager", action="store_true", help="no compiler: slow")
    parser.add_argument("--families", action="store_true", help="the families instead")
    options = parser.parse_args(arguments)
    shown = family_rows() if options.families else rows(options.seed)
    sheet = render_sheet(shown, options.size, compiled=not options.eager)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    to_image(sheet).save(options.output, optimize=True)


if __name__ == "__main__":
    main()

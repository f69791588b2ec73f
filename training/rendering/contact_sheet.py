"""Contact sheets: what the model makes of some prompts, beside what it should make."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from backend.files import replacing

Row = tuple[str, Sequence[Float[Tensor, "size size 3"]]]
"""A row's name and its pictures, one a column."""

_JPEG = {"format": "JPEG", "quality": 88}
FORMATS: Mapping[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "optimize": True},
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
"""How a sheet is saved, by the ending of its name."""


def contact_sheet(
    path: Path, columns: Sequence[str], rows: Sequence[Row], *, tile: int = 128, across: int = 0
) -> None:
    """Write pictures as a table, prompts below; ``path`` is replaced at once or not at all.

    With more columns than ``across`` the table goes on below; 0: all columns side by side.
    """
    side, text = 88, 64
    across = min(across or len(columns), len(columns))
    height = tile * len(rows) + text
    bands = -(-len(columns) // across)
    sheet = Image.new("RGB", (side + tile * across, height * bands), "white")
    draw = ImageDraw.Draw(sheet)
    for band in range(bands):
        top = band * height
        shown = range(band * across, min((band + 1) * across, len(columns)))
        for y, (name, pictures) in enumerate(rows):
            place = (4, top + y * tile + tile // 2 - 6)
            draw.text(place, textwrap.fill(name, 13), fill="black")
            for x, column in enumerate(shown):
                sheet.paste(
                    to_image(pictures[column]).resize((tile, tile), Image.Resampling.LANCZOS),
                    (side + x * tile, top + y * tile),
                )
        for x, column in enumerate(shown):
            label = textwrap.fill(columns[column], tile // 6)
            place = (side + x * tile + 2, top + tile * len(rows) + 2)
            draw.multiline_text(place, label, fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        sheet.save(unfinished, **FORMATS[path.suffix.lower()])


def to_image(picture: Float[Tensor, "height width 3"]) -> Image.Image:
    """An sRGB picture in [0, 1] as 8 bits."""
    levels = (picture.detach().float().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    return Image.fromarray(levels.cpu().numpy())

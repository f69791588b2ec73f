"""Contact sheets: what the model makes of some prompts, beside what it should make."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

Row = tuple[str, Sequence[Float[Tensor, "size size 3"]]]
"""A row's name and its pictures, one a column."""


def contact_sheet(
    path: Path, columns: Sequence[str], rows: Sequence[Row], *, tile: int = 128
) -> None:
    """Write pictures as a table, prompts below; ``path`` is replaced at once or not at all."""
    side, text = 88, 64
    sheet = Image.new("RGB", (side + tile * len(columns), tile * len(rows) + text), "white")
    draw = ImageDraw.Draw(sheet)
    for y, (name, pictures) in enumerate(rows):
        draw.text((4, y * tile + tile // 2 - 6), textwrap.fill(name, 13), fill="black")
        for x, picture in enumerate(pictures):
            sheet.paste(
                to_image(picture).resize((tile, tile), Image.Resampling.LANCZOS),
                (side + x * tile, y * tile),
            )
    for x, prompt in enumerate(columns):
        label = textwrap.fill(prompt, tile // 6)
        draw.multiline_text((side + x * tile + 2, tile * len(rows) + 2), label, fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    sheet.save(temporary, format="PNG", optimize=True)
    temporary.replace(path)


def to_image(picture: Float[Tensor, "height width 3"]) -> Image.Image:
    """An sRGB picture in [0, 1] as 8 bits."""
    levels = (picture.detach().float().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    return Image.fromarray(levels.cpu().numpy())

"""Contact sheets: every picture in its place, in as many bands as it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.rendering.contact_sheet import contact_sheet, to_image

SIDE, TEXT, TILE = 88, 64, 32


def flat(level: float) -> torch.Tensor:
    return torch.full((8, 8, 3), level)


def sheet(path: Path, across: int = 0) -> np.ndarray:
    levels = [[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]]
    rows = [(f"row {row}", [flat(x) for x in line]) for row, line in enumerate(levels)]
    contact_sheet(path, ["a", "b", "c"], rows, tile=TILE, across=across)
    return np.asarray(Image.open(path).convert("RGB"))


def middle(picture: np.ndarray, column: int, top: int) -> int:
    return int(picture[top + TILE // 2, SIDE + column * TILE + TILE // 2, 0])


def test_rows_and_columns_are_where_they_belong(tmp_path: Path):
    picture = sheet(tmp_path / "new" / "sheet.png")
    assert picture.shape == (2 * TILE + TEXT, SIDE + 3 * TILE, 3)
    assert [middle(picture, x, 0) for x in range(3)] == [26, 51, 76]
    assert [middle(picture, x, TILE) for x in range(3)] == [153, 178, 204]


def test_more_columns_go_on_below(tmp_path: Path):
    picture = sheet(tmp_path / "sheet.png", across=2)
    band = 2 * TILE + TEXT
    assert picture.shape == (2 * band, SIDE + 2 * TILE, 3)
    assert [middle(picture, 0, band), middle(picture, 0, band + TILE)] == [76, 204]


def test_the_file_is_replaced_whole(tmp_path: Path):
    path = tmp_path / "sheet.png"
    sheet(path)
    before = path.read_bytes()
    with pytest.raises(IndexError):
        contact_sheet(path, ["a", "b"], [("row", [flat(0.5)])])
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_values_beyond_the_range_are_cut():
    picture = torch.tensor([-1.0, 0.5, 2.0]).reshape(1, 1, 3)
    assert to_image(picture).getpixel((0, 0)) == (0, 128, 255)

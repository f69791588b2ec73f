"""Textures as PNG files: what Blender packs, made where it does not hold up the window."""

from __future__ import annotations

import gc
import importlib
import io

import numpy as np
import pytest
from PIL import Image

from . import extension  # noqa: F401

pictures = importlib.import_module("att3d_extension.blender_addon.scene.png_cache")


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 7, 3), (1, 1, 3), (16, 16, 4)])
def test_file_holds_the_pixels(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    held = np.asarray(Image.open(io.BytesIO(pictures.encode(picture))))
    np.testing.assert_array_equal(held, picture)


def test_prepared_pictures_are_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    several = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    expected = [pictures.encode(picture) for picture in several]
    pictures.prepare(several)
    monkeypatch.setattr(pictures, "encode", None)
    assert [pictures.png(picture) for picture in several] == expected
    np.testing.assert_equal(pictures.png(several[1]), expected[1])


def test_they_are_forgotten_with_the_array() -> None:
    """Another array may come to lie at the same place in memory."""
    picture = np.zeros((8, 8, 3), np.uint8)
    pictures.prepare(picture)
    held = len(pictures._ready)
    del picture
    gc.collect()
    assert len(pictures._ready) == held - 1

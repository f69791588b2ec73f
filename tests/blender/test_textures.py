"""Textures as PNG files: what Blender packs, made where it does not hold up the window."""

from __future__ import annotations

import importlib
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ..wire import extension  # noqa: F401 makes the package importable without bpy

arrays: Any = importlib.import_module("att3d_extension.blender_addon.scene.arrays")
textures: Any = importlib.import_module("att3d_extension.blender_addon.scene.textures")


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 7, 3), (1, 1, 3), (16, 16, 4)])
def test_file_holds_the_pixels(shape: tuple[int, int, int]) -> None:
    picture = random(*shape)
    held = np.asarray(Image.open(io.BytesIO(textures.png_bytes(picture))))
    np.testing.assert_array_equal(held, picture)


@pytest.mark.parametrize("normal_map", [None, random(8, 8, 3)])
def test_encoded_textures_are_not_encoded_again(
    normal_map: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = arrays.MeshArrays(np.zeros((3, 3)), np.zeros((1, 3)), None, random(8, 8, 3), normal_map)
    expected = [None if t is None else textures.png_bytes(t) for t in (mesh.texture, normal_map)]
    assert mesh.encode() is mesh
    monkeypatch.setattr(arrays, "png_bytes", None)
    assert [mesh.texture_png, mesh.normal_map_png] == expected


def test_only_textures_that_a_chain_shows_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The middle one is what blending its neighbours gives."""
    several = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (100, 100, 100)])
    several[2, :4] = 200
    alphas = np.array([0, 0.5, 1, 2], np.float32)
    several = np.concatenate([several[:1], several])
    chain = arrays.ChainArrays(np.zeros((1, 3)), None, np.zeros((4, 3, 3)), alphas, several, alphas)
    chain.encode()
    monkeypatch.setattr(arrays, "png_bytes", None)
    assert chain.shown == (0, 2, 3)
    assert [chain.texture_pngs[i] for i in range(3)] == [
        textures.png_bytes(several[i]) for i in chain.shown
    ]

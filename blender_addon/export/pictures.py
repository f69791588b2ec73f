"""The colors of a chain object at one value of Interpolation, as pixels and as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol.errors import OutputError
from ..scene.texture_mix import corners_of, images_of
from ..scene.textures import png_bytes, to_linear, to_srgb


class ColorTrack:
    """The images of a material's chain and where they stand.

    Raises:
        ValueError: the material has no chain.
    """

    def __init__(self, material: bpy.types.Material) -> None:
        images = images_of(material)
        if not images:
            raise ValueError("this material has no chain of colors")
        self.alphas = np.array(corners_of(material))
        self._images = images
        self._light: dict[int, np.ndarray] = {}

    def at(self, value: float) -> np.ndarray:
        """What the material shows at this value: u8[S, S, 3], sRGB, top row first."""
        value = float(np.clip(value, self.alphas[0], self.alphas[-1]))
        index = int(np.searchsorted(self.alphas, value, side="right")) - 1
        first = min(max(index, 0), max(len(self.alphas) - 2, 0))
        light = self._read(first)
        if len(self.alphas) > 1 and value > self.alphas[first]:
            share = (value - self.alphas[first]) / (self.alphas[first + 1] - self.alphas[first])
            light = light * np.float32(1 - share) + self._read(first + 1) * np.float32(share)
        return to_srgb(light)

    def _read(self, index: int) -> np.ndarray:
        if index not in self._light:
            for old in [i for i in self._light if abs(i - index) > 1]:
                del self._light[old]  # 12 MB each at 1024 pixels
            self._light[index] = to_linear(read_pixels(self._images[index]))
        return self._light[index]


def read_pixels(image: bpy.types.Image) -> np.ndarray:
    """An image's colors u8[S, S, 3], top row first."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    pixels = values.reshape(height, width, image.channels)[::-1, :, :3]
    return np.round(pixels * 255).astype(np.uint8)


def write_sequence(
    track: ColorTrack, interpolation: Sequence[float] | np.ndarray, folder: Path, stem: str
) -> list[Path]:
    """One PNG a frame, ``<stem>_0001.png`` ...; frames that look alike are made once.

    Raises:
        OutputError: the folder or a file cannot be written; what was written is removed.
    """
    written: list[Path] = []
    last: tuple[float, bytes] | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, value in enumerate(interpolation, start=1):
            if last is None or abs(last[0] - value) > 1e-4:
                last = (float(value), png_bytes(track.at(float(value))))
            path = folder / f"{stem}_{number:04d}.png"
            path.write_bytes(last[1])
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise OutputError(
            f"The pictures cannot be written to {folder}: {error.strerror}."
        ) from None
    return written

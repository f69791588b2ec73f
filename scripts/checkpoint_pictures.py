"""Draw the picture of each bundled checkpoint that has none: ``checkpoints/<name>.png``.

The panel shows it in the list of models. One prompt of the checkpoint, seen a little from the
side, on nothing; cut to the object.

    python scripts/checkpoint_pictures.py            those that have no picture
    python scripts/checkpoint_pictures.py NAME ...   these, again
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.engine import Engine  # noqa: E402
from backend.rendering.turntable import Turntable  # noqa: E402

FOLDER = ROOT / "checkpoints"
SIZE, LARGE = 256, 512
"""Pixels of the picture, and of what it is cut from."""
TURN = 30.0
"""Degrees from the front."""
MARGIN = 0.04
"""Free space around the object, of the picture's edge."""


def draw(checkpoint: Path) -> Image.Image:
    """A prompt from the middle of those that the checkpoint knows, RGBA."""
    engine = Engine(checkpoint, "cpu")
    known = engine.checkpoint.metadata.prompts
    source, _ = engine.field(known[len(known) // 2], {})
    rgb, alpha = Turntable(source).view(TURN, LARGE, "full")
    seen = alpha[..., None]
    color = (rgb - 1 + seen) / seen.clip(1e-6)
    pixels = np.concatenate([color, seen], axis=-1).clip(0, 1)
    picture = Image.fromarray(np.rint(255 * pixels).astype(np.uint8), "RGBA")
    rows, columns = np.nonzero(alpha > 0.05)
    half = 0.5 * max(np.ptp(rows), np.ptp(columns)) * (1 + 2 * MARGIN)
    y, x = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    corners = (round(x - half), round(y - half), round(x + half), round(y + half))
    return picture.crop(corners).resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def main() -> None:
    named = [FOLDER / f"{name}.safetensors" for name in sys.argv[1:]]
    for checkpoint in named or sorted(FOLDER.glob("*.safetensors")):
        target = checkpoint.with_suffix(".png")
        if named or not target.is_file():
            draw(checkpoint).save(target, optimize=True)
            print(target)


if __name__ == "__main__":
    main()

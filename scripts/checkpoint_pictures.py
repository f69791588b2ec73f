"""Draw the picture of each bundled checkpoint that has none: ``checkpoints/<name>.png``.

The panel shows it in the list of models. One prompt of the checkpoint, seen a little from the
side, on nothing; cut to the object.

    python scripts/checkpoint_pictures.py            those that have no picture
    python scripts/checkpoint_pictures.py NAME ...   these, again
    python scripts/checkpoint_pictures.py props --prompt "a treasure chest full of gold"

With ``--sheet COUNT`` a table of so many random prompts is drawn instead, by ``--seed``:

    python scripts/checkpoint_pictures.py props --sheet 100 --seed 1 -o sheet.jpg
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.engine import Engine  # noqa: E402
from backend.rendering.turntable import Turntable  # noqa: E402

FOLDER = ROOT / "checkpoints"
SIZE, LARGE = 256, 512
"""Pixels of the picture, and of what it is cut from."""
TILE, LINE = 144, 12
"""Pixels of a picture in a table, and of a line of words below it."""
TURN = 30.0
"""Degrees from the front."""
MARGIN = 0.04
"""Free space around the object, of the picture's edge."""


def view(engine: Engine, prompt: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One prompt's object a little from the side: sRGB over white and alpha, in [0, 1]."""
    return Turntable(engine.field(prompt, {})[0]).view(TURN, size, "full")


def draw(checkpoint: Path, prompt: str = "") -> Image.Image:
    """A prompt, or one from the middle of those that the checkpoint knows, RGBA."""
    engine = Engine(checkpoint, "cpu")
    known = engine.checkpoint.metadata.prompts
    rgb, alpha = view(engine, prompt or known[len(known) // 2], LARGE)
    seen = alpha[..., None]
    color = (rgb - 1 + seen) / seen.clip(1e-6)
    pixels = np.concatenate([color, seen], axis=-1).clip(0, 1)
    picture = Image.fromarray(np.rint(255 * pixels).astype(np.uint8), "RGBA")
    rows, columns = np.nonzero(alpha > 0.05)
    half = 0.5 * max(np.ptp(rows), np.ptp(columns)) * (1 + 2 * MARGIN)
    y, x = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    corners = (round(x - half), round(y - half), round(x + half), round(y + half))
    return picture.crop(corners).resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def sheet(checkpoint: Path, count: int, seed: int, across: int, *, named: bool) -> Image.Image:
    """A table of random prompts that name a kind of thing, or of any where none does; their
    words below, if ``named``."""
    engine = Engine(checkpoint, "cpu")
    metadata = engine.checkpoint.metadata
    prompts = sorted(metadata.kinds) or metadata.prompts
    chosen = np.random.default_rng(seed).permutation(len(prompts))[:count]
    height = TILE + (LINE * 2 if named else 0)
    table = Image.new("RGB", (TILE * across, height * -(-len(chosen) // across)), "white")
    pen = ImageDraw.Draw(table)
    for place, index in enumerate(tqdm(chosen, desc="pictures", unit="picture")):
        x, y = place % across * TILE, place // across * height
        rgb, _ = view(engine, prompts[index], TILE)
        table.paste(Image.fromarray(np.rint(255 * rgb.clip(0, 1)).astype(np.uint8)), (x, y))
        if named:
            words = textwrap.wrap(prompts[index], TILE // 6)[:2]
            pen.multiline_text((x + 3, y + TILE), "\n".join(words), fill="black", spacing=1)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw pictures of checkpoints.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--prompt", default="", help="what the picture shows")
    parser.add_argument("--sheet", type=int, default=0, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--across", type=int, default=10)
    parser.add_argument("--unnamed", action="store_true", help="no words below the pictures")
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.jpg"))
    given = parser.parse_args()
    chosen = [FOLDER / f"{name}.safetensors" for name in given.names]
    for checkpoint in chosen or sorted(FOLDER.glob("*.safetensors")):
        target = checkpoint.with_suffix(".png")
        if given.sheet:
            table = sheet(
                checkpoint, given.sheet, given.seed, given.across, named=not given.unnamed
            )
            table.save(given.output, quality=86)
            print(given.output)
        elif chosen or not target.is_file():
            draw(checkpoint, given.prompt).save(target, optimize=True)
            print(target)


if __name__ == "__main__":
    main()

"""``att3d browse``: what a checkpoint knows, in the terminal or as a page with pictures."""

from __future__ import annotations

import base64
import hashlib
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..export.files import check_folder
from ..files import atomic_write
from ..model.checkpoint_file import read_metadata
from ..paths import cache_dir, default_checkpoint
from ..progress import ProgressCallback
from ..prompts.browse import Category, categories, matching, spread
from ..protocol.errors import BadRequest, OutputError
from ..protocol.foreign_text import one_line
from .names import check_name

SIZE = 112
"""Pixels along each side of a thumbnail."""
MOST = (1, 100_000)


@dataclass
class BrowseReport:
    """What a checkpoint knows, by category: what ``--json`` prints."""

    checkpoint: str
    name: str
    categories: dict[str, list[str]]
    """Prompts by category: all that the search finds."""
    file: str = ""
    """The page, if there is one."""
    drawn: int = 0
    """How many pictures were drawn for it; the others had been drawn before."""


def browse(
    checkpoint: Path | None,
    words: Sequence[str],
    output: Path | None,
    most: int,
    device: str,
    progress: ProgressCallback,
) -> BrowseReport:
    """List what a checkpoint knows, and write a page with pictures of it.

    Args:
        checkpoint: None: the default.
        words: only prompts with all of these, or that begin with them.
        output: an .html file; None: no page.
        most: pictures on the page.

    Raises:
        BadRequest: the page is no .html file, ``most`` is out of range, or nothing is found.
        CheckpointError: missing, damaged, too new, or not a checkpoint.
        OutputError: the page cannot be written.
    """
    if not MOST[0] <= most <= MOST[1]:
        raise BadRequest(f"--most must be from {MOST[0]} to {MOST[1]}, not {most}", "240 is usual")
    if output is not None:
        check_name(output, ".html")
        check_folder(output)
        if output.suffix.lower() not in (".html", ".htm"):
            raise BadRequest(f"{output.name} is no .html file", "name it page.html")
    path = default_checkpoint() if checkpoint is None else checkpoint
    said = read_metadata(path)
    listed = categories(said.prompts, said.unseen, said.kinds)
    found = matching(listed, " ".join(words))
    if not found:
        raise BadRequest(
            f"{said.name} knows nothing with {' '.join(words)!r}"
            if words
            else f"{said.name} does not say what it knows",
            "browse without words to see what it knows" if words else "choose another checkpoint",
        )
    report = BrowseReport(str(path), said.name, {c.name: list(c.prompts) for c in found})
    if output is not None:
        shown = spread(found, most)
        pictures = Thumbnails(path, device)
        prompts = [prompt for category in shown for prompt in category.prompts]
        drawn = {}
        for index, prompt in enumerate(prompts):
            progress(index / len(prompts), "render")
            drawn[prompt] = pictures.of(prompt)
        try:
            atomic_write(output, page(said.name, found, shown, drawn.__getitem__))
        except OSError as error:
            raise OutputError(f"cannot write {output}: {error.strerror}") from error
        report.file, report.drawn = str(output), pictures.drawn
    return report


class Thumbnails:
    """Small pictures of a checkpoint's prompts, drawn once and kept in the cache folder."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        self._checkpoint, self._device = checkpoint, device
        self._engine = None
        self._folder: Path | None = None
        self.drawn = 0
        """How many were drawn by this object."""

    def of(self, prompt: str) -> bytes:
        """The PNG file of a prompt."""
        file = self._cache() / f"{hashlib.sha256(prompt.encode()).hexdigest()[:24]}.png"
        try:
            return file.read_bytes()
        except OSError:
            content = self._draw(prompt)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(file, content)
        except OSError:  # a cache is a convenience
            pass
        return content

    def _cache(self) -> Path:
        if self._folder is None:
            from ..model.checkpoint_file import file_sha256

            key = file_sha256(self._checkpoint)[:24]
            self._folder = cache_dir() / "thumbnails" / f"{key}-{SIZE}"
        return self._folder

    def _draw(self, prompt: str) -> bytes:
        from PIL import Image

        from ..engine import Engine
        from ..rendering.turntable import Turntable

        if self._engine is None:
            self._engine = Engine(self._checkpoint, self._device)
        source, _ = self._engine.field(prompt)
        picture = Turntable(source).view(0.0, SIZE)[0]
        file = io.BytesIO()
        Image.fromarray(np.rint(picture * 255.0).astype(np.uint8)).save(file, format="PNG")
        self.drawn += 1
        return file.getvalue()


def page(
    name: str,
    found: Sequence[Category],
    shown: Sequence[Category],
    picture: Callable[[str], bytes],
) -> str:
    """An HTML page, whole in one file: pictures by category, with a field to search in."""
    sizes = {category.name: len(category.prompts) for category in found}
    parts = []
    for category in shown:
        cards = []
        for prompt in category.prompts:
            data = base64.b64encode(picture(prompt)).decode()
            text = html.escape(prompt)
            cards.append(
                f'<figure><img alt="{text}" width="{SIZE}" height="{SIZE}"'
                f' src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'
            )
        more = sizes[category.name] - len(category.prompts)
        rest = f"<p>and {more} more</p>" if more else ""
        title = html.escape(category.name.title())
        parts.append(f"<section><h2>{title}</h2>{''.join(cards)}{rest}</section>")
    count = sum(sizes.values())
    return _PAGE.format(
        name=html.escape(one_line(name)), count=f"{count:,}", sections="\n".join(parts), size=SIZE
    )


def as_text(report: BrowseReport, most: int) -> str:
    """The list for a terminal: at most so many prompts of each category."""
    lines = []
    for name, prompts in report.categories.items():
        lines.append(f"{one_line(name)} ({len(prompts)})")
        lines += [f"  {one_line(prompt)}" for prompt in prompts[:most]]
        if len(prompts) > most:
            lines.append(f"  ... {len(prompts) - most} more")
    return "\n".join(lines)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff; }}
input {{ font: inherit; padding: .4em .6em; width: 20em; max-width: 100%; }}
section {{ margin-top: 1.5em; }}
figure {{ display: inline-block; vertical-align: top; width: {size}px; margin: 0 .6em .8em 0; }}
figcaption {{ font-size: 12px; overflow-wrap: break-word; }}
[hidden] {{ display: none; }}
</style></head><body>
<h1>{name}</h1>
<p>{count} prompts. <input type="search" placeholder="Search" aria-label="Search"></p>
{sections}
<script>
document.querySelector("input").addEventListener("input", event => {{
  const words = event.target.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const section of document.querySelectorAll("section")) {{
    let any = false;
    for (const figure of section.querySelectorAll("figure")) {{
      const text = (" " + figure.textContent + " " + section.firstChild.textContent).toLowerCase();
      const fits = words.every(word => text.includes(" " + word));
      figure.hidden = !fits;
      any = any || fits;
    }}
    section.hidden = !any;
  }}
}});
</script></body></html>
"""

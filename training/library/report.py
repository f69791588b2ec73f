"""What a person looks at: a contact sheet and a table of everything that will be learnt."""

from __future__ import annotations

import csv
import io
import textwrap
import unicodedata
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from backend.files import replacing
from backend.protocol.errors import OutputError
from backend.protocol.foreign_text import printable
from backend.rendering.cameras import orbit

from ..prompts import PromptMix
from ..rendering.contact_sheet import to_image
from .assets import LibraryAssets
from .attributes import Look
from .prompts import COLORED, Instance
from .storage import Entry, Index, read_model, write_whole

COLUMNS = ("caption", "source", "faces", "closed", "warnings", "author", "licence", "sha256")
SHEET, COPIES, TABLE = "sheet.png", "copies.png", "table.csv"
TILE, LINES = 112, 3
MOST_PRINTED = 60
"""Rows that are printed of a longer table."""
EXAMPLES = (
    Look(),
    *(Look(tint) for tint in ("red", "blue", "yellow", "golden", "silver", "wooden", "stone")),
    *(Look(stretch=stretch) for stretch in ("tall", "wide", "small")),
    Look("green", "short"),
)
"""Copies that copies.png shows."""
_PER_PAGE = 400
"""Models on one picture; more make sheet-2.png and so on."""


def write_report(folder: Path, index: Index) -> list[Path]:
    """Write sheet.png (and sheet-2.png ...), copies.png and table.csv; returns their paths.

    Raises OutputError when they cannot be written.
    """
    written = []
    for old in folder.glob("sheet*.png"):
        old.unlink(missing_ok=True)
    for page, start in enumerate(range(0, len(index.entries), _PER_PAGE), 1):
        path = folder / (SHEET if page == 1 else f"sheet-{page}.png")
        write_sheet(path, folder, index.entries[start : start + _PER_PAGE])
        written.append(path)
    write_copies(folder / COPIES, folder, index.entries)
    write_whole(folder / TABLE, table_csv(index).encode("utf-8-sig"))
    return [*written, folder / COPIES, folder / TABLE]


def table_csv(index: Index) -> str:
    """All models, then all that is left out, with the reason among the warnings."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for entry in index.entries:
        table.writerow(
            (
                entry.prompt,
                _source(entry),
                entry.faces,
                "yes" if entry.closed else "no",
                "; ".join(entry.warnings),
                entry.author,
                entry.licence,
                entry.sha256,
            )
        )
    for item in index.left_out:
        table.writerow(("", item.source, "", "", f"left out: {item.reason}", "", "", ""))
    return out.getvalue()


def printed(index: Index, folder: Path) -> str:
    """The table for a terminal: models with warnings first where there are too many for all."""
    entries = index.entries
    lines = []
    shown = entries
    if len(entries) > MOST_PRINTED:
        shown = sorted(entries, key=lambda entry: not entry.warnings)[:MOST_PRINTED]
    width = max((_width(entry.prompt) for entry in shown), default=7)
    width = min(max(width, 7), 44)
    lines.append(f"{'caption':{width}}  {'faces':>7}  closed  source; warnings")
    for entry in shown:
        caption = _fitted(entry.prompt, width)
        closed = "yes" if entry.closed else "no"
        said = f"; {', '.join(entry.warnings)}" if entry.warnings else ""
        lines.append(f"{caption}  {entry.faces:>7}  {closed:6}  {_source(entry)}{said}")
    if len(shown) < len(entries):
        lines.append(f"... and {len(entries) - len(shown)} more in {folder / TABLE}")
    if index.left_out:
        lines.append(f"left out: {len(index.left_out)}")
        lines += [f"  {item.source}: {item.reason}" for item in index.left_out[:MOST_PRINTED]]
    captions = {entry.captions[0].partition(", variant")[0] for entry in entries}
    closed = sum(entry.closed for entry in entries)
    lines.append(
        f"{len(entries)} models with {len(captions)} captions; {closed} closed;"
        f" {sum(bool(entry.warnings) for entry in entries)} with warnings"
    )
    return printable("\n".join(lines))


def _source(entry: Entry) -> str:
    return f"{entry.source}/{entry.object}" if entry.object else entry.source


def _width(text: str) -> int:
    """Columns that a terminal gives a text: two for wide letters."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def _fitted(text: str, width: int) -> str:
    while _width(text) > width:
        text = text[:-2] + "…"
    return text + " " * (width - _width(text))


def write_sheet(path: Path, folder: Path, entries: list[Entry]) -> None:
    """Every model from the front and above, its caption below; warnings in red."""
    columns = min(max(int(len(entries) ** 0.5 * 1.3), 4), 20)
    rows = -(-len(entries) // columns)
    height = TILE + 12 * LINES + 4
    sheet = Image.new("RGB", (columns * TILE, rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(10)
    for place, entry in enumerate(entries):
        x, y = place % columns * TILE, place // columns * height
        sheet.paste(_picture(folder, entry), (x, y))
        lines = textwrap.wrap(entry.prompt, 20)[: LINES - bool(entry.warnings)]
        if not entry.prompt.isascii() and not font.getmask(entry.prompt).getbbox():
            lines = [entry.source.rpartition("/")[2][:20]]
        draw.multiline_text((x + 2, y + TILE), "\n".join(lines), fill="black", font=font, spacing=1)
        if entry.warnings:
            warning = entry.warnings[0][:21]
            draw.text((x + 2, y + TILE + 12 * len(lines)), warning, fill="#c00000", font=font)
    _save(sheet, path)


def write_copies(path: Path, folder: Path, entries: list[Entry]) -> None:
    """Some models, each in several colors, materials and proportions."""
    plain = [entry for entry in entries if not COLORED & set(entry.prompt.split())] or entries
    count = min(len(plain), len(EXAMPLES) // 2)
    shown = [plain[(2 * i + 1) * len(plain) // (2 * count)] for i in range(count)]
    sheet = Image.new("RGB", (len(EXAMPLES) * TILE, count * (TILE + 28)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(10)
    for row, entry in enumerate(shown):
        for column, look in enumerate(EXAMPLES):
            x, y = column * TILE, row * (TILE + 28)
            sheet.paste(_picture(folder, entry, look), (x, y))
            caption = "\n".join(textwrap.wrap(look.caption(entry.prompt), 20)[:2])
            draw.multiline_text((x + 2, y + TILE), caption, fill="black", font=font, spacing=1)
    _save(sheet, path)


def _save(sheet: Image.Image, path: Path) -> None:
    try:
        with replacing(path) as unfinished:
            sheet.save(unfinished, format="PNG")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _picture(folder: Path, entry: Entry, look: Look | None = None) -> Image.Image:
    """One model, or a copy of it, lit, over white; four rays a pixel."""
    model = read_model(folder, entry.key)
    instance = Instance(0, look or Look())
    assets = LibraryAssets([model], [entry.scale], [instance], torch.device("cpu"))
    camera = orbit(1, start=28.0, elevation=22.0)
    batch = assets.assets_at(PromptMix.plain([0]))
    color, alpha = batch.pictures(camera, 2 * TILE, shading="full")
    over = (color + (1.0 - alpha)[..., None])[0]
    return to_image(over).resize((TILE, TILE), Image.Resampling.BOX)

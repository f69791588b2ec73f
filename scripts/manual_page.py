"""The manual as one page that any browser shows: ``docs/manual.md`` with its pictures inside.

The extension's zip carries it, so that *Manual* in Blender works without a network.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import markdown

DOCS = Path(__file__).resolve().parent.parent / "docs"
STYLE = """
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.6 sans-serif; }
body { color: #222; background: #fff; }
img { max-width: 100%; } table { border-collapse: collapse; } td, th { padding: .3rem .8rem; }
td, th { border: 1px solid #ddd; vertical-align: top; } code, pre { background: #f2f2f2; }
"""


def manual_page(folder: Path = DOCS) -> str:
    """The page, which needs no other file.

    Links to other documents, which the zip does not carry, become plain text.

    Args:
        folder: that has ``manual.md``.
    """
    text = (folder / "manual.md").read_text(encoding="utf-8")
    body = markdown.markdown(text, extensions=["tables", "toc"], output_format="html")
    body = re.sub(r'src="([^"]+)"', lambda match: f'src="{_inside(folder / match[1])}"', body)
    body = re.sub(r'<a href="[^"#:]+(#[^"]*)?">(.*?)</a>', r"\2", body)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>ATT3D manual</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _inside(picture: Path) -> str:
    kind = {".png": "png", ".jpg": "jpeg", ".webp": "webp"}[picture.suffix]
    return f"data:image/{kind};base64," + base64.b64encode(picture.read_bytes()).decode()

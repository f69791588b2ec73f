"""Names of data-blocks, of which Blender keeps at most 63 bytes."""

from __future__ import annotations

MAX_BYTES = 63
FALLBACK = "ATT3D object"


def data_name(text: str, suffix: str = "") -> str:
    """``text`` as a data-block name: one line, at most 63 bytes with ``suffix``.

    A longer text ends after its last word that fits; a single longer word, after its last letter.
    Blender itself cuts at a byte, which turns a half-cut letter into a broken one.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or FALLBACK
    room = MAX_BYTES - len(suffix.encode())
    cut = line.encode()[:room].decode(errors="ignore")
    if cut != line and line[len(cut)] != " " and " " in cut.strip():
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,;:-") + suffix if cut != line else line + suffix

"""Names of data-blocks. Blender keeps at most 63 bytes of a name and cuts in the middle of none."""

from __future__ import annotations

MAX_BYTES = 63
FALLBACK = "ATT3D object"


def data_name(text: str, suffix: str = "") -> str:
    """``text`` as a data-block name: one line, at most 63 bytes with ``suffix``, whole characters.

    Blender itself cuts at a byte, which turns a half-cut letter into a broken one.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or FALLBACK
    room = MAX_BYTES - len(suffix.encode())
    return line.encode()[:room].decode(errors="ignore").rstrip() + suffix

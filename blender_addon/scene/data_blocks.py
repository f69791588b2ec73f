"""Data-blocks: their names, finding one again, making several together or none at all."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TypeVar

import bpy

Block = TypeVar("Block", bound=bpy.types.ID)

MAX_BYTES = 63
"""Blender cuts longer names."""
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


def find_by_uid(blocks: Iterable[Block], uid: int) -> Block | None:
    """The data-block with this ``session_uid``, which outlives renaming; None when it is gone."""
    return next((block for block in blocks if block.session_uid == uid), None)


class Together:
    """Remembers what it is given; removes all of it when its ``with`` block fails.

    ``with Together() as keep: mesh = keep(bpy.data.meshes.new("pig"))``
    """

    def __init__(self) -> None:
        self._blocks: list[bpy.types.ID] = []

    def __call__(self, block: Block) -> Block:
        self._blocks.append(block)
        return block

    def __enter__(self) -> Together:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            bpy.data.batch_remove(self._blocks)

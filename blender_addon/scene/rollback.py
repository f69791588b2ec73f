"""Data-blocks that are made together: all of them stay, or none."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

import bpy

Block = TypeVar("Block", bound=bpy.types.ID)


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

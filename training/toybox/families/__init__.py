"""The families: toys that change without a break through the stages of a chain (A30)."""

from __future__ import annotations

from typing import Any

from .family import Family
from .tree import TREE

FAMILY_PARTS: dict[str, Family[Any]] = {
    "tree-seasons": TREE,
}

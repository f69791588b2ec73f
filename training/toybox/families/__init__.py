"""The families: toys that change without a break through the stages of a chain (A30)."""

from __future__ import annotations

from typing import Any

from .dragon import DRAGON
from .dress import DRESS
from .family import Family
from .house import HOUSE
from .rock import ROCK
from .tree import TREE
from .vehicle import VEHICLE

FAMILY_PARTS: dict[str, Family[Any]] = {
    "tree-seasons": TREE,
    "cottage-tudor": HOUSE,
    "vehicles": VEHICLE,
    "dresses": DRESS,
    "rocks": ROCK,
    "baby-dragon": DRAGON,
}

"""The ten animals: coats, faces, ears and tails."""

from __future__ import annotations

from collections.abc import Callable

from ..figure import Coat, Figure
from .forest import bear, rabbit, raccoon, squirrel
from .home import pig, robot
from .jungle import lion, monkey, orangutan, tiger

ANIMAL_PARTS: dict[str, Callable[[Figure], Coat]] = {
    "squirrel": squirrel,
    "raccoon": raccoon,
    "pig": pig,
    "monkey": monkey,
    "robot": robot,
    "lion": lion,
    "rabbit": rabbit,
    "tiger": tiger,
    "orangutan": orangutan,
    "bear": bear,
}

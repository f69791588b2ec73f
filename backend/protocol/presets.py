"""Sets of mesh options by name, for a panel's menu. Standard library only.

What each takes is declared here and nowhere else; a test holds it to what ``benchmarks/presets.py``
measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from .options import MeshOptions


@dataclass(frozen=True)
class Preset:
    """A set of mesh options."""

    label: str
    purpose: str
    """A sentence without its full stop."""
    times: float
    """How many times as long as Standard it takes; ``benchmarks/presets.py`` measures it."""
    changes: Mapping[str, object]
    """The options that differ from their defaults, by name."""

    @property
    def options(self) -> MeshOptions:
        """All mesh options."""
        return dataclasses.replace(MeshOptions(), **self.changes)

    @property
    def values(self) -> dict[str, object]:
        """All mesh options by name."""
        return dataclasses.asdict(self.options)


PRESETS = {
    "STANDARD": Preset(
        "Standard",
        "What the extension begins with: 8,000 faces, a 1024 texture. Takes about a second",
        1.0,
        {},
    ),
    "DRAFT": Preset(
        "Draft",
        "To look at many ideas quickly",
        0.4,
        {"faces": 1500, "texture_size": 512, "resolution": 96},
    ),
    "GAME": Preset(
        "Game Asset",
        "Few faces, with a normal map for the fine shape",
        1.0,
        {"faces": 2000, "normal_map": True},
    ),
    "QUADS": Preset(
        "Quads",
        "To subdivide, to rig and to edit: 4,000 quads that follow the shape",
        1.6,
        {"topology": "quads"},
    ),
    "DETAILED": Preset(
        "Detailed",
        "For close views: 20,000 faces, a 2048 texture",
        4.5,
        {"faces": 20_000, "texture_size": 2048, "resolution": 192, "normal_map": True},
    ),
}

"""Sets of mesh options by name, for a panel's menu. Standard library only.

What each takes is measured by ``benchmarks/presets.py``; a test holds the words to its figures.
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
    tip: str
    """One or two sentences without the last full stop."""
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
        {},
    ),
    "DRAFT": Preset(
        "Draft",
        "To look at many ideas quickly. Takes about 0.4 times Standard's time",
        {"faces": 1500, "texture_size": 512, "resolution": 96},
    ),
    "GAME": Preset(
        "Game Asset",
        "Few faces, with a normal map for the fine shape. Takes about 1.0 times Standard's time",
        {"faces": 2000, "normal_map": True},
    ),
    "QUADS": Preset(
        "Quads",
        "To subdivide, to rig and to edit: 4,000 quads that follow the shape. Takes about 1.7 "
        "times Standard's time",
        {"topology": "quads"},
    ),
    "DETAILED": Preset(
        "Detailed",
        "For close views: 20,000 faces, a 2048 texture. Takes about 3.8 times Standard's time",
        {"faces": 20_000, "texture_size": 2048, "resolution": 192, "normal_map": True},
    ),
}

"""What makes a house a cottage, a farmhouse or a Tudor house."""

from __future__ import annotations

from dataclasses import dataclass

from ..primitives import Color


@dataclass(frozen=True)
class House:
    """A style. Lengths in metres, amounts 0 to 1."""

    width: float
    """Half of it, of the walls."""
    depth: float
    eaves: float
    """Height of the ground floor's walls."""
    upper: float
    """Height of the upper floor."""
    jetty: float
    """How far the upper floor stands out."""
    roof: float
    """Height of the ridge above the walls."""
    thatch: float
    """Thickness of the roof."""
    overhang: float
    roof_color: Color
    roof_lines: Color
    wall: Color
    lower_wall: Color
    lower_lines: Color
    frame: Color
    """Color of the windows' frames."""
    door: Color
    chimney: float
    """Height above the ridge."""
    gables: float
    timber: float
    lower_timber: float
    roses: float
    topiary: float


STYLES: dict[str, House] = {
    "cottage": House(
        width=0.42,
        depth=0.29,
        eaves=0.42,
        upper=0.0,
        jetty=-0.012,
        roof=0.36,
        thatch=0.115,
        overhang=0.11,
        roof_color=(0.83, 0.65, 0.32),
        roof_lines=(0.70, 0.51, 0.22),
        wall=(0.97, 0.92, 0.82),
        lower_wall=(0.97, 0.92, 0.82),
        lower_lines=(0.95, 0.89, 0.78),
        frame=(0.30, 0.55, 0.66),
        door=(0.25, 0.52, 0.62),
        chimney=0.13,
        gables=0.0,
        timber=0.0,
        lower_timber=0.0,
        roses=1.0,
        topiary=0.0,
    ),
    "farmhouse": House(
        width=0.43,
        depth=0.29,
        eaves=0.38,
        upper=0.25,
        jetty=0.012,
        roof=0.34,
        thatch=0.07,
        overhang=0.08,
        roof_color=(0.72, 0.33, 0.20),
        roof_lines=(0.58, 0.24, 0.15),
        wall=(0.98, 0.93, 0.80),
        lower_wall=(0.98, 0.90, 0.72),
        lower_lines=(0.96, 0.88, 0.70),
        frame=(0.95, 0.94, 0.90),
        door=(0.55, 0.20, 0.16),
        chimney=0.13,
        gables=0.0,
        timber=0.9,
        lower_timber=1.0,
        roses=0.35,
        topiary=0.3,
    ),
    "tudor": House(
        width=0.45,
        depth=0.27,
        eaves=0.37,
        upper=0.32,
        jetty=0.035,
        roof=0.33,
        thatch=0.045,
        overhang=0.07,
        roof_color=(0.33, 0.27, 0.29),
        roof_lines=(0.24, 0.19, 0.21),
        wall=(0.97, 0.95, 0.89),
        lower_wall=(0.72, 0.36, 0.26),
        lower_lines=(0.60, 0.28, 0.20),
        frame=(0.27, 0.16, 0.10),
        door=(0.38, 0.22, 0.13),
        chimney=0.16,
        gables=1.0,
        timber=1.0,
        lower_timber=0.0,
        roses=0.0,
        topiary=1.0,
    ),
}

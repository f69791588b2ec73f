"""What makes a vehicle a car, a van, a bus or a truck."""

from __future__ import annotations

from dataclasses import dataclass

from ..primitives import Color


@dataclass(frozen=True)
class Vehicle:
    """A kind. Lengths in metres, amounts 0 to 1; the front is at -y."""

    color: Color
    top_color: Color
    length: float
    """Half of the vehicle's length."""
    width: float
    belt: float
    """Height where the windows start."""
    roof: float
    cabin_front: float
    cabin_back: float
    pane_1: float
    """Where side windows are, front to back, and half their length."""
    half_1: float
    pane_2: float
    half_2: float
    pane_3: float
    half_3: float
    pane_4: float
    half_4: float
    wheel: float
    luggage: float = 0.0
    surfboard: float = 0.0
    school: float = 0.0
    load: float = 0.0


KINDS: dict[str, Vehicle] = {
    "car": Vehicle(
        color=(0.87, 0.14, 0.14),
        top_color=(0.87, 0.14, 0.14),
        length=0.50,
        width=0.255,
        belt=-0.40,
        roof=-0.10,
        cabin_front=-0.24,
        cabin_back=0.40,
        pane_1=-0.07,
        half_1=0.115,
        pane_2=0.21,
        half_2=0.115,
        pane_3=0.21,
        half_3=0.0,
        pane_4=0.21,
        half_4=0.0,
        wheel=0.150,
        luggage=1.0,
    ),
    "van": Vehicle(
        color=(0.15, 0.66, 0.66),
        top_color=(0.97, 0.95, 0.88),
        length=0.54,
        width=0.265,
        belt=-0.34,
        roof=0.12,
        cabin_front=-0.50,
        cabin_back=0.53,
        pane_1=-0.31,
        half_1=0.105,
        pane_2=-0.01,
        half_2=0.135,
        pane_3=0.32,
        half_3=0.13,
        pane_4=0.32,
        half_4=0.0,
        wheel=0.150,
        surfboard=1.0,
    ),
    "bus": Vehicle(
        color=(0.98, 0.72, 0.10),
        top_color=(0.98, 0.72, 0.10),
        length=0.555,
        width=0.275,
        belt=-0.32,
        roof=0.24,
        cabin_front=-0.54,
        cabin_back=0.545,
        pane_1=-0.38,
        half_1=0.095,
        pane_2=-0.13,
        half_2=0.095,
        pane_3=0.12,
        half_3=0.095,
        pane_4=0.37,
        half_4=0.095,
        wheel=0.160,
        school=1.0,
    ),
    "truck": Vehicle(
        color=(0.24, 0.52, 0.25),
        top_color=(0.24, 0.52, 0.25),
        length=0.555,
        width=0.270,
        belt=-0.36,
        roof=0.02,
        cabin_front=-0.30,
        cabin_back=0.07,
        pane_1=-0.11,
        half_1=0.12,
        pane_2=-0.11,
        half_2=0.0,
        pane_3=-0.11,
        half_3=0.0,
        pane_4=-0.11,
        half_4=0.0,
        wheel=0.180,
        load=1.0,
    ),
}

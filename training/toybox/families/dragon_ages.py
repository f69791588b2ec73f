"""What a dragon is like at each age."""

from __future__ import annotations

from dataclasses import dataclass

from ..primitives import Color


@dataclass(frozen=True)
class Dragon:
    """An age. Lengths in metres, amounts as shares of the largest."""

    skin: Color
    belly: Color
    wing_color: Color
    egg: float
    trunk_z: float
    trunk: float
    """Scale of the trunk."""
    head_y: float
    head_z: float
    head: float
    """Scale of the head."""
    snout: float
    hand_x: float
    hand_y: float
    hand_z: float
    leg: float
    tail: float
    wing: float
    horn: float
    spike: float
    fierce: float
    """Brows, fangs and claws; blushing cheeks are gone where it is one."""


AGES: dict[str, Dragon] = {
    "egg": Dragon(
        skin=(0.55, 0.82, 0.45),
        belly=(0.99, 0.94, 0.68),
        wing_color=(0.98, 0.75, 0.48),
        egg=1.0,
        trunk_z=-0.50,
        trunk=0.80,
        head_y=-0.03,
        head_z=-0.04,
        head=0.92,
        snout=0.85,
        hand_x=0.17,
        hand_y=-0.34,
        hand_z=-0.25,
        leg=0.55,
        tail=0.12,
        wing=0.08,
        horn=0.30,
        spike=0.3,
        fierce=0.0,
    ),
    "baby": Dragon(
        skin=(0.44, 0.76, 0.40),
        belly=(0.99, 0.93, 0.65),
        wing_color=(0.98, 0.68, 0.38),
        egg=0.0,
        trunk_z=-0.52,
        trunk=0.96,
        head_y=-0.07,
        head_z=0.02,
        head=1.0,
        snout=0.9,
        hand_x=0.16,
        hand_y=-0.27,
        hand_z=-0.46,
        leg=0.85,
        tail=0.66,
        wing=0.36,
        horn=0.45,
        spike=0.6,
        fierce=0.0,
    ),
    "young": Dragon(
        skin=(0.13, 0.60, 0.55),
        belly=(0.99, 0.88, 0.52),
        wing_color=(0.98, 0.60, 0.22),
        egg=0.0,
        trunk_z=-0.48,
        trunk=1.06,
        head_y=-0.13,
        head_z=0.18,
        head=0.90,
        snout=1.0,
        hand_x=0.20,
        hand_y=-0.29,
        hand_z=-0.42,
        leg=0.95,
        tail=0.86,
        wing=0.66,
        horn=0.8,
        spike=0.8,
        fierce=0.35,
    ),
    "grown": Dragon(
        skin=(0.30, 0.19, 0.58),
        belly=(0.99, 0.76, 0.33),
        wing_color=(0.95, 0.38, 0.16),
        egg=0.0,
        trunk_z=-0.44,
        trunk=1.20,
        head_y=-0.20,
        head_z=0.34,
        head=0.82,
        snout=1.25,
        hand_x=0.25,
        hand_y=-0.33,
        hand_z=-0.42,
        leg=1.08,
        tail=1.0,
        wing=1.0,
        horn=1.25,
        spike=1.0,
        fierce=1.0,
    ),
}

"""Pictures of a field: cameras, lights, shading and volume rendering.

``turntable`` is what a person sees, in numpy; the other modules are torch's, for training.
"""

from __future__ import annotations

from typing import Literal

Shading = Literal["full", "textureless", "albedo"]
"""``full``: albedo times light; ``textureless``: white times light; ``albedo``: no light (A15)."""

AMBIENT = 0.45
DIFFUSE = 0.65
"""Light is ``AMBIENT`` on surfaces that look away, and up to ``DIFFUSE`` more on others."""

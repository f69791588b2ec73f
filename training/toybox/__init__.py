"""The toybox: procedural toys with captions, as signed distances and as pictures."""

from .build import build, build_mix
from .kernels import query, signed_distance, surface_color
from .render import Renders, render
from .sampling import near_surface_points
from .table import Asset, AssetBatch, stack

__all__ = [
    "Asset",
    "AssetBatch",
    "Renders",
    "build",
    "build_mix",
    "near_surface_points",
    "query",
    "render",
    "signed_distance",
    "stack",
    "surface_color",
]

"""Parameters and results of the methods about chains of prompts: ``interpolate`` and ``preview``.

A chain has N prompts at alpha 0, 1 .. N-1; between two neighbours the text embedding is blended
linearly (A27). :mod:`.messages` lists these classes among all methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

MAX_PROMPTS = 16
"""Of a chain; the least is two."""
KEYS = (2, 9)
"""Fewest and most keys that may be asked for between two neighbouring prompts, both included."""
PREVIEW_RESOLUTION = (24, 96)
"""Samples along each axis of a preview."""

ChangeKind: TypeAlias = Literal[
    "part appears", "part vanishes", "parts join", "part splits", "handle opens", "handle closes"
]


@dataclass(frozen=True, kw_only=True)
class InterpolateParams:
    """A chain of prompts becomes one mesh: a topology and UV layout for all, keys that differ in
    the vertices' positions and in the texture.

    When the keys are shown is not asked: alpha is driven by whoever animates.
    """

    prompts: list[str]
    """2 to 16; neighbours differ."""
    checkpoint: str | None = None
    """Path of a checkpoint; None: the one that ``initialize`` named."""
    faces: int = 8000
    texture_size: int = 1024
    resolution: int = 128
    keys: int = 7
    """Most keys between two neighbouring prompts, both included; fewer where blending two of them
    shows the true object in between. 2 to 9."""
    quality: bool = True
    """Measure the result against fresh extractions; costs about a second a key."""


@dataclass(frozen=True, kw_only=True)
class InterpolatedKey:
    alpha: float
    name: str
    """Readable, unique in its chain, at most 60 bytes: "01 oak chair", "01.50 oak chair - stone
    throne"."""
    prompt: str
    """Empty for a key between two prompts."""


@dataclass(frozen=True, kw_only=True)
class AlphaQuality:
    """How well the tracked mesh shows the object at one alpha, against a fresh extraction."""

    alpha: float
    chamfer_mean_pct: float
    """Mean distance between samples of the two surfaces, both ways, % of the bounding box's
    diagonal. Sampling alone makes about 0.2 of it."""
    chamfer_p95_pct: float
    normal_consistency: float
    """Mean cosine between the normals of nearest samples, both ways; 1 is perfect."""
    flipped_area_pct: float
    """Share of the area whose normal looks into the object."""
    visible_backfaces_pct: float
    """Share of the object's pixels, over twelve views, that show a face from behind."""


@dataclass(frozen=True, kw_only=True)
class TopologyChange:
    """Where the object itself changes its topology, which one mesh can only imitate."""

    alpha: float
    """Middle of the interval in which it happens."""
    kind: ChangeKind
    count: int = 1
    """How many parts or handles."""


@dataclass(frozen=True, kw_only=True)
class InterpolateResult:
    mesh: str
    """Path of a .safetensors file: faces i32[F,3], uvs f32[F,3,2] (per corner), positions
    f32[K,V,3], alphas f32[K] (rising, from 0 to N-1), textures u8[K,S,S,3]."""
    prompts: list[str]
    """As normalised."""
    keys: list[InterpolatedKey]
    """In the order of ``positions``."""
    vertices: int
    faces: int
    quality: list[AlphaQuality]
    """At every key; empty when not asked for."""
    between: list[AlphaQuality]
    """At other alphas, where the two keys around are blended linearly; empty when not asked for."""
    drift_pct: float
    """Mean tangential travel, from prompt to prompt, of vertices where the surface stays."""
    changes: list[TopologyChange]
    timings: dict[str, float]
    """Seconds by stage, and ``total``."""
    notes: list[str]
    checkpoint: str
    checkpoint_hash: str
    version: str
    """Version of the backend."""


@dataclass(frozen=True, kw_only=True)
class PreviewParams:
    """The true object at one alpha, quick and untextured, for a slider.

    The latest wins: a request that still waits when the next one comes is answered with
    ``cancelled``.
    """

    prompts: list[str]
    """1 to 16; neighbours may be equal."""
    alpha: float = 0.0
    """0 to N-1."""
    checkpoint: str | None = None
    resolution: int = 40
    """Samples along each axis, 24 to 96."""


@dataclass(frozen=True, kw_only=True)
class PreviewResult:
    mesh: str
    """Path of a .safetensors file: vertices f32[V,3], faces i32[F,3], colors u8[V,3] (sRGB). No
    faces where the object has no surface."""
    alpha: float
    vertices: int
    faces: int
    timings: dict[str, float]
    notes: list[str]
    checkpoint: str
    checkpoint_hash: str

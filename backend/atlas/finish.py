"""Metal and roughness over the surface: of the whole object, and of the parts that words name.

Where a part is, two objects tell: the one of the prompt, and the one of the prompt without the
part's phrase. The surface of the part is where the second has no surface, or another color.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..field_reader import Field, Points, Reader
from ..prompts.materials import Finish
from ..shapes import Float
from ..surface.face_fit import slopes

NEAR, FAR = 0.006, 0.016
"""Metres between the two surfaces up to which they are the same, and from which they are not."""
SAME, OTHER = 0.08, 0.2
"""The same of colors: the largest difference of a channel, in [0, 1]."""
LEAST = 0.004
"""Share of the points from which a part is there."""
MOST = 0.8
"""Share beyond which the second prompt's object is another one altogether; armor may cover .7."""
_PROBES = 512


@dataclass(frozen=True)
class Coat:
    """The finish of a part."""

    finish: Finish
    without: Field
    """The object without the part."""


def finish_at(
    reader: Reader, position: Points, base: Finish, coats: Sequence[Coat]
) -> Float[np.ndarray, "points 3"] | None:
    """What a metallic-roughness texture of glTF shows at points of the surface, in [0, 1]: nothing
    (1), roughness, metal. None where no coat covers anything: ``base`` is all there is to say.

    Raises:
        Cancelled: asked to stop.
    """
    values = np.tile(np.array(base, dtype=np.float32), (len(position), 1))
    covered = False
    for coat in coats:
        share = _share(reader, Reader(coat.without, reader.cancel), position)
        if LEAST <= share.mean() <= MOST:
            covered = True
            values += share[:, None] * (np.array(coat.finish, dtype=np.float32) - values)
    if not covered:
        return None
    metallic, roughness = values.T
    return np.stack([np.ones_like(metallic), roughness, metallic], axis=1)


def _share(reader: Reader, without: Reader, position: Points) -> Float[np.ndarray, " points"]:
    """How much each point belongs to the part, from 0 to 1."""
    probes = position[:: max(len(position) // _PROBES, 1)]
    slope = float(np.median(slopes(reader, probes)[1]))
    density, color = without.sample(position)
    off = np.abs(density - without.field.level) / slope
    changed = np.abs(color - reader.color(position)).max(axis=1)
    return np.maximum(_between(off, NEAR, FAR), _between(changed, SAME, OTHER))


def _between(values: Float[np.ndarray, " n"], low: float, high: float) -> Float[np.ndarray, " n"]:
    """0 up to ``low``, 1 from ``high`` on, linear between them."""
    return np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32)

"""Where the object itself changes its topology, a line for each pair of prompts. No bpy.

One mesh can only imitate such a change: parts that are not there yet are folded up small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...backend.protocol.messages import TopologyChange

WORDS = {
    "part appears": ("part appears", "parts appear"),
    "part vanishes": ("part vanishes", "parts vanish"),
    "parts join": ("part joins", "parts join"),
    "part splits": ("part splits", "parts split"),
    "handle opens": ("hole opens", "holes open"),
    "handle closes": ("hole closes", "holes close"),
}


def describe_changes(changes: Sequence[TopologyChange], stops: Sequence[str]) -> list[str]:
    """One line for each pair of prompts that has changes, with where they are and of what kind.

    >>> describe_changes([TopologyChange(alpha=0.5, kind="part appears")], ["a pig", "a cow"])
    ['From “a pig” to “a cow”, at Interpolation 0.50: 1 part appears']
    """
    lines = []
    for first in range(len(stops) - 1):
        here = [c for c in changes if min(int(c.alpha), len(stops) - 2) == first]
        if not here:
            continue
        places = sorted({f"{change.alpha:.2f}" for change in here})
        where = places[0] if len(places) == 1 else f"{places[0]} to {places[-1]}"
        counts: Counter[str] = Counter()
        for change in here:
            counts[change.kind] += change.count
        what = ", ".join(f"{n} {WORDS[kind][n > 1]}" for kind, n in counts.items())
        lines.append(
            f"From “{stops[first]}” to “{stops[first + 1]}”, at Interpolation {where}: {what}"
        )
    return lines

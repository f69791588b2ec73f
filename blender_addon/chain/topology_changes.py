"""Where the object itself changes its topology, a line for each pair of prompts.

One mesh can only imitate such a change: parts that are not there yet are folded up small. For an
artist that means a place to look at; how many parts and holes there are helps nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.protocol.chain_quality import TopologyChange


def describe_changes(changes: Sequence[TopologyChange], stops: Sequence[str]) -> list[str]:
    """One line for each pair of prompts between which the object changes its build, with where.

    Args:
        changes: as the backend found them.
        stops: the chain's prompts.
    """
    lines = []
    for first in range(len(stops) - 1):
        places = sorted(c.alpha for c in changes if min(int(c.alpha), len(stops) - 2) == first)
        if not places:
            continue
        where = f"{places[0]:.2f}"
        if f"{places[-1]:.2f}" != where:
            where = rpt_("{first} to {last}").format(first=where, last=f"{places[-1]:.2f}")
        text = rpt_(
            "“{before}” to “{after}”: near Interpolation {where} parts of it grow together, come "
            "off, appear or vanish. Look at these frames before you render."
        )
        lines.append(text.format(before=stops[first], after=stops[first + 1], where=where))
    return lines

"""What a scene remembers of its pad: the share of each prompt, and a path through the pad."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, CollectionProperty, FloatVectorProperty, IntProperty

from . import live, pad_shape

if TYPE_CHECKING:
    from bpy.types import Context

MOST = max(pad_shape.PROMPTS)
FIRST = (1.0, 0.0, 0.0, 0.0)


class PadStop(bpy.types.PropertyGroup):
    """A stop of a path: the frame at which the object has these shares."""

    frame: IntProperty(name="Frame", description="When the object is here", options=set())
    shares: FloatVectorProperty(
        name="Shares", description="The share of each prompt", size=MOST, default=FIRST
    )


def _moved(settings: PadSettings, context: Context) -> None:
    """A slider was moved: the others follow, so that all add up to one."""
    now, before = list(settings.pad_shares), list(settings.pad_before)
    changed = [index for index in range(MOST) if abs(now[index] - before[index]) > 1e-6]
    if not changed:
        return
    count = min(max(settings.pad_prompts, 2), MOST)
    shares = now[:count]
    if len(changed) == 1 and changed[0] < count:
        shares = pad_shape.moved(before[:count], changed[0], now[changed[0]])
    settings.set_shares(shares)


def _switched(settings: PadSettings, context: Context) -> None:
    settings.set_shares(list(settings.pad_shares)[: max(settings.pad_prompts, 1)])


class PadSettings:
    """The pad of a scene; part of ``scene.att3d``."""

    pad: BoolProperty(
        name="Pad",
        description="Mix the first three or four prompts of the chain at once, instead of going "
        "from one to the next",
        options=set(),
        update=_switched,
    )
    pad_shares: FloatVectorProperty(
        name="Shares",
        description="The share of each prompt; they add up to one",
        size=MOST,
        min=0.0,
        max=1.0,
        default=FIRST,
        precision=2,
        subtype="NONE",
        options=set(),
        update=_moved,
    )
    pad_before: FloatVectorProperty(
        name="Shares Before",
        description="The shares before a slider was moved",
        size=MOST,
        default=FIRST,
        options={"HIDDEN"},
    )
    pad_path: CollectionProperty(
        type=PadStop,
        name="Path",
        description="Stops of a path through the pad, each at its frame",
    )

    @property
    def pad_prompts(self) -> int:
        """How many prompts the pad has: rows with words, at most four."""
        return min(sum(1 for row in self.chain if row.prompt.strip()), MOST)

    def set_shares(self, shares: list[float]) -> None:
        """Put the pad at these shares."""
        whole = pad_shape.normalized(shares)
        whole += [0.0] * (MOST - len(whole))
        self.pad_before = whole
        self.pad_shares = whole  # calls back, and finds nothing changed
        live.prompts_changed(self.id_data)


def path_as_json(prompts: list[str], stops: list[list[float]], frames: list[int]) -> str:
    """A path as an object carries it."""
    path = {"prompts": prompts, "weights": stops, "frames": frames}
    return json.dumps(path, ensure_ascii=False)

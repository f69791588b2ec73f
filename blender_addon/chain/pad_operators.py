"""The pad's buttons, and Animate Path: ``bpy.ops.att3d.pad_*`` and ``att3d.animate_path``."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...backend.prompts.mixes import mix_name
from ...backend.protocol.errors import BadRequest
from ...backend.protocol.messages import InterpolateParams, InterpolateResult
from ..generate.result_operator import ResultOperator
from ..process.reply import Reply
from ..process.session import session
from ..scene import animation
from ..scene.arrays import read_chain
from ..scene.chain import PROPERTY, Chain
from ..scene.viewport_colors import show_mixed_colors
from ..ui.option_properties import operator_options
from ..ui.preferences import preferences
from .pad import MOST, path_as_json
from .place import pad_of
from .settings import CHAIN_OPTIONS, KEY_OPTIONS
from .topology_changes import describe_changes

if TYPE_CHECKING:
    from bpy.types import Context

PATH_PROPERTY = "att3d_path"
"""Custom property of an object made from a path: its prompts, weights and frames, as JSON."""


class ATT3D_OT_pad_stop_add(bpy.types.Operator):
    """Add the pad's place to the path, at the current frame. A stop at this frame is replaced"""

    bl_idname = "att3d.pad_stop_add"
    bl_label = "Add Stop"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        scene = context.scene
        path = scene.att3d.pad_path
        frame = scene.frame_current
        stop = next((stop for stop in path if stop.frame == frame), None) or path.add()
        stop.frame = frame
        stop.shares = list(scene.att3d.pad_shares)
        return {"FINISHED"}


class ATT3D_OT_pad_clear(bpy.types.Operator):
    """Take all stops out of the path"""

    bl_idname = "att3d.pad_clear"
    bl_label = "Clear Path"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        context.scene.att3d.pad_path.clear()
        return {"FINISHED"}


@operator_options(CHAIN_OPTIONS)
class ATT3D_OT_animate_path(ResultOperator, bpy.types.Operator):
    """Turn the path through the pad into one animated object"""

    bl_idname = "att3d.animate_path"
    bl_label = "Animate Path"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    OPTIONS = CHAIN_OPTIONS

    _chain: Chain | None = None
    _path = ""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if len(context.scene.att3d.pad_path) < 2:
            cls.poll_message_set("The path needs at least two stops. Add them at their frames")
            return False
        return True

    def request(self, context: Context) -> Reply:
        settings = context.scene.att3d
        values = {"checkpoint": settings.checkpoint}
        for option in CHAIN_OPTIONS:
            prefix = "chain_" if option in KEY_OPTIONS else ""
            value = getattr(settings, prefix + option.name)
            values[option.name] = value if option.maximum is None else min(value, option.maximum)
        self.fill_in(values)
        prompts, _ = pad_of(context.scene)
        stops = sorted(settings.pad_path, key=lambda stop: stop.frame)
        frames = [stop.frame for stop in stops]
        weights = [_shares(list(stop.shares), len(prompts)) for stop in stops]
        names = [mix_name(prompts, shares) for shares in weights]
        self._chain = Chain(tuple(names), tuple(frames))
        if len(self._chain.stops) < 2:
            raise BadRequest(
                "All stops of the path are at the same place.",
                "Move the pad before you add the next stop.",
            )
        self._path = path_as_json(prompts, weights, frames)
        # Equal neighbours hold the object still: the backend knows each place once.
        pairs = zip(names, weights, strict=True)
        places = [next(same)[1] for _, same in itertools.groupby(pairs, key=lambda pair: pair[0])]
        read = partial(read_chain, prompts=len(places))
        return self.ask(
            context, "interpolate", InterpolateParams, read, prompts=prompts, weights=places
        )

    def finish(self, context: Context, reply: Reply) -> None:
        result = reply.result(InterpolateResult)
        chain = self._chain
        assert chain is not None
        names = [key.name for key in result.keys]
        made = self.take(
            reply,
            result,
            title=chain.title,
            source={PROPERTY: chain.to_json(), PATH_PROPERTY: self._path},
            notes=describe_changes(result.changes, chain.stops),
            key_names=names,
        )
        scene = self.scene(context)
        ob = animation.add_animated_object(
            scene, made.arrays, names, chain, made.origin, scene.att3d.placement
        )
        session.succeed(made.origin.notes, made.seconds)
        text = rpt_("“{name}”: {prompts} stops, {keys} keys, {seconds} s").format(
            name=ob.name, prompts=len(chain.stops), keys=len(names), seconds=f"{made.seconds:.1f}"
        )
        self.report({"INFO"}, text)
        self.show(context, ob)
        if preferences(context).show_colors:
            show_mixed_colors(context)


def _shares(kept: list[float], count: int) -> list[float]:
    """A stop's shares of the pad's prompts, adding up to one.

    Raises:
        BadRequest: the stop has a share of a prompt that is not on the pad any more.
    """
    if max(kept[count:MOST], default=0.0) > 1e-3:
        raise BadRequest(
            f"A stop of the path has a share of prompt {count + 1}, which is not on the pad.",
            "Add the prompt again, or clear the path.",
        )
    total = sum(kept[:count])
    return [share / total for share in kept[:count]]


CLASSES = (ATT3D_OT_pad_stop_add, ATT3D_OT_pad_clear, ATT3D_OT_animate_path)

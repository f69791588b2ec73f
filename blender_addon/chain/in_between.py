"""Variants: ``bpy.ops.att3d.in_between`` makes evenly spaced variants for scattering."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, IntProperty

from ...backend.protocol.errors import Cancelled
from ...backend.protocol.messages import GenerateResult
from ..generate.result_operator import panel_values
from ..generate.series_operator import SeriesOperator
from ..process.reply import Reply
from ..process.session import session
from ..scene.build import add_object
from ..scene.collection import batch_collection, move_into, select_only
from ..scene.place import Placement
from ..scene.provenance import BLEND
from .place import prompts_of

if TYPE_CHECKING:
    from bpy.types import Context

SPACING = 1.5
"""Distance between neighbours, metres."""


class ATT3D_OT_in_between(SeriesOperator, bpy.types.Operator):
    """Make a collection of objects evenly between the prompts of the chain, marked as assets"""

    bl_idname = "att3d.in_between"
    bl_label = "In Between"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    count: IntProperty(
        name="Objects",
        description="How many objects are made between the first prompt and the last",
        default=12,
        min=1,
        max=200,
        soft_max=50,
    )
    mark: BoolProperty(
        name="Mark as Assets",
        description="Mark the objects and their collection, so that they can be scattered",
        default=True,
    )

    _prompts: tuple[str, ...] = ()
    _index = 0
    _made: ClassVar[list[int]] = []
    _collection = 0

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if sum(1 for row in context.scene.att3d.chain if row.prompt.strip()) < 2:
            cls.poll_message_set("A chain needs at least two prompts. Add them to the list")
            return False
        return True

    def begin(self, context: Context) -> None:
        self.fill_in(panel_values(context))
        self._prompts = tuple(prompts_of(context.scene))
        self._index, self._made, self._collection = 0, [], 0

    @property
    def alpha(self) -> float:
        """Where the object that is made now is; the prompts themselves are left out."""
        return (len(self._prompts) - 1) * (self._index + 1) / (self.count + 1)

    def request(self, context: Context) -> Reply:
        return self.ask_mesh(context, "", chain=list(self._prompts), alpha=self.alpha)

    def collect(self, context: Context, reply: Reply) -> bool:
        result = reply.result(GenerateResult)
        blend: dict[str, Any] = {"prompts": self._prompts, "alpha": self.alpha}
        source = {BLEND: json.dumps(blend, ensure_ascii=False)}
        made = self.take(reply, result, title=result.prompt, source=source)
        scene = self.scene(context)
        ob = add_object(scene, made.arrays, made.origin, Placement(height=scene.att3d.height))
        title = f"{self._prompts[0]} to {self._prompts[-1]}"
        collection = batch_collection(scene, title, self._collection)
        self._collection = collection.session_uid
        move_into(collection, ob)
        ob.location = (SPACING * self._index, 0.0, 0.0)
        self._made.append(ob.session_uid)
        self._index += 1
        return self._index < self.count

    def close(self, context: Context, error: Exception | None = None) -> set[str]:
        made = set(self._made)
        objects = [ob for ob in bpy.data.objects if ob.session_uid in made]
        if not objects:
            return self._failed(error or Cancelled())
        if self.mark:
            self._mark(context, objects)
        if error is not None and not isinstance(error, Cancelled):
            self._failed(error)  # reported and shown; the objects stay all the same
        else:
            text = rpt_("{done} of {count} objects made")
            line = text.format(done=len(objects), count=self.count)
            session.succeed([line])
            self.report({"INFO"}, line)
        self._remember(context)
        return {"FINISHED"}

    def _mark(self, context: Context, objects: list[bpy.types.Object]) -> None:
        """Objects and collection are assets: the collection is what a scatter picks from."""
        if select_only(context, objects[-1]):
            for ob in objects:
                ob.select_set(True)
            bpy.ops.att3d.mark_asset()
        for collection in objects[0].users_collection:
            collection.asset_mark()
            collection.asset_data.description = rpt_(
                "{count} objects from {one} to {other}"
            ).format(count=len(objects), one=self._prompts[0], other=self._prompts[-1])


CLASSES = (ATT3D_OT_in_between,)
